"""Webhooks and their deliveries in memory, and a sender that answers what it is told."""

from asyncio import sleep
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from imagegen.adapters.memory.rows import Rows, discard, insert, page, replace_next, require
from imagegen.adapters.memory.transaction import Repository
from imagegen.domain.deliveries import WebhookDelivery, WebhookReply
from imagegen.domain.errors import Fault, InvalidRequest, StaleWrite
from imagegen.domain.identifiers import EventId, UserId, WebhookId
from imagegen.domain.pages import Page, PageRequest
from imagegen.domain.ports import WebhookDeliveries, WebhookEndpoints, WebhookSender
from imagegen.domain.signatures import WebhookMessage
from imagegen.domain.webhooks import WebhookEndpoint, WebhookEvent

_MOST_WITH_DUE: Final = 1_000
_NEVER: Final = datetime.min.replace(tzinfo=UTC)

Answer = Callable[[WebhookMessage], Awaitable[WebhookReply]]
"""A reply that depends on the message, or takes its time."""


class MemoryWebhookEndpoints(Repository, WebhookEndpoints):
    """Where users want to be told."""

    async def get(self, webhook_id: WebhookId, owner: UserId) -> WebhookEndpoint | None:
        """The endpoint of that identifier if it is the owner's."""
        return _owned(await self._read(), webhook_id, owner)

    async def page(self, owner: UserId, wanted: PageRequest) -> Page[WebhookEndpoint]:
        """A part of the owner's endpoints."""
        endpoints = (await self._read()).webhook_endpoints.values()
        return page((endpoint for endpoint in endpoints if endpoint.user_id == owner), wanted)

    async def with_due(self, now: datetime, *, prompt: bool) -> Sequence[WebhookEndpoint]:
        """The enabled endpoints of what is due, each once, in the order of their turns."""
        rows = await self._read()
        found = dict.fromkeys(delivery.webhook_id for delivery in _due(rows, now))
        endpoints = (rows.webhook_endpoints[webhook_id] for webhook_id in found)
        alike = (endpoint for endpoint in endpoints if endpoint.enabled and endpoint.prompt is prompt)
        return sorted(alike, key=lambda endpoint: endpoint.served_at or _NEVER)[:_MOST_WITH_DUE]

    def add(self, endpoint: WebhookEndpoint) -> None:
        """Add an endpoint of a user who is there."""

        def add(rows: Rows) -> None:
            require(rows.users, endpoint.user_id)
            insert(rows.webhook_endpoints, endpoint.id, endpoint, "webhook_endpoints.id")

        self._write(add)

    def update(self, endpoint: WebhookEndpoint) -> None:
        """Put the next version of an endpoint in place; when it was served is not the version's to tell."""

        def update(rows: Rows) -> None:
            last = replace_next(rows.webhook_endpoints, endpoint)
            rows.webhook_endpoints[endpoint.id] = replace(endpoint, served_at=last.served_at, prompt=last.prompt)

        self._write(update)

    def served(self, webhook_id: WebhookId, now: datetime, *, prompt: bool) -> None:
        """Put when it was served, and how that went, in place."""

        def serve(rows: Rows) -> None:
            if webhook_id in rows.webhook_endpoints:
                endpoint = rows.webhook_endpoints[webhook_id]
                rows.webhook_endpoints[webhook_id] = replace(endpoint, served_at=now, prompt=prompt)

        self._write(serve)

    def remove(self, webhook_id: WebhookId, owner: UserId) -> None:
        """Remove an endpoint of the owner's, and what was on its way there."""

        def remove(rows: Rows) -> None:
            if _owned(rows, webhook_id, owner) is None:
                raise StaleWrite
            discard(rows.webhook_deliveries, lambda delivery: delivery.webhook_id == webhook_id)
            del rows.webhook_endpoints[webhook_id]

        self._write(remove)


class MemoryWebhookDeliveries(Repository, WebhookDeliveries):
    """What is told, and how that went."""

    async def get(self, event_id: EventId, webhook_id: WebhookId, owner: UserId) -> WebhookDelivery | None:
        """The delivery of that event to that endpoint if it is the owner's."""
        rows = await self._read()
        return rows.webhook_deliveries.get((webhook_id, event_id)) if _owned(rows, webhook_id, owner) else None

    async def page(self, webhook_id: WebhookId, owner: UserId, wanted: PageRequest) -> Page[WebhookDelivery]:
        """A part of the deliveries to that endpoint if it is the owner's."""
        rows = await self._read()
        there = [d for d in rows.webhook_deliveries.values() if d.webhook_id == webhook_id]
        return page(there if _owned(rows, webhook_id, owner) else [], wanted)

    async def due(self, webhook_id: WebhookId, now: datetime, limit: int) -> Sequence[WebhookDelivery]:
        """Those to that endpoint that are due."""
        return [delivery for delivery in _due(await self._read(), now) if delivery.webhook_id == webhook_id][:limit]

    def announce(self, event: WebhookEvent) -> None:
        """Add a delivery for each endpoint that wants the event as the rows are then."""

        def announce(rows: Rows) -> None:
            for endpoint in rows.webhook_endpoints.values():
                if endpoint.user_id == event.user_id and endpoint.wants(event.type):
                    at_once = min(event.occurred_at, self._clock())  # the clock of who announces may be ahead
                    delivery = replace(WebhookDelivery.of(event, endpoint.id), next_try_at=at_once)
                    insert(rows.webhook_deliveries, (endpoint.id, event.id), delivery, "webhook_deliveries.webhook_id")

        self._write(announce)

    def update(self, delivery: WebhookDelivery) -> None:
        """Put the next version of a delivery in place."""

        def update(rows: Rows) -> None:
            key = delivery.webhook_id, delivery.id
            last = rows.webhook_deliveries.get(key)
            if last is None or last.version + 1 != delivery.version:
                raise StaleWrite
            rows.webhook_deliveries[key] = delivery

        self._write(update)

    def expire(self, before: datetime) -> None:
        """Remove those that were over before."""

        def is_past(delivery: WebhookDelivery) -> bool:
            return delivery.next_try_at is None and delivery.tried_at is not None and delivery.tried_at < before

        self._write(lambda rows: discard(rows.webhook_deliveries, is_past))


class MemoryWebhookSender(WebhookSender):
    """Gives the replies it was handed, one a message and the last one ever after; an `Answer` is awaited.

    `sent` are the messages so far. The addresses in `refused` are those that may not be called.
    """

    def __init__(self, *replies: WebhookReply | Answer) -> None:
        self.sent: list[WebhookMessage] = []
        self.refused: set[str] = set()
        self._replies = replies or (WebhookReply(status=204),)

    async def check_address(self, url: str) -> None:
        """Refuse what is in `refused`."""
        await sleep(0)
        if url in self.refused:
            raise InvalidRequest(faults=(Fault("/url", "This address may not be called."),))

    async def send(self, message: WebhookMessage) -> WebhookReply:
        """Give the reply of this message."""
        reply = self._replies[min(len(self.sent), len(self._replies) - 1)]
        self.sent.append(message)
        await sleep(0)
        return reply if isinstance(reply, WebhookReply) else await reply(message)

    async def close(self) -> None:
        """Nothing to let go of."""


def _owned(rows: Rows, webhook_id: WebhookId, owner: UserId) -> WebhookEndpoint | None:
    endpoint = rows.webhook_endpoints.get(webhook_id)
    return endpoint if endpoint is not None and endpoint.user_id == owner else None


def _due(rows: Rows, now: datetime) -> Iterator[WebhookDelivery]:
    """What is due, that which has been for longest first."""
    waiting = [(d.next_try_at, d.id, d) for d in rows.webhook_deliveries.values() if d.next_try_at is not None]
    in_order = sorted((one for one in waiting if one[0] <= now), key=lambda one: one[:2])
    return (delivery for _, _, delivery in in_order)
