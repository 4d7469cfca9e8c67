"""Webhooks: where a user wants to be told, what was told there, and telling it again."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from imagegen.application.finding import existing
from imagegen.application.retrying import TRIES, until_fresh
from imagegen.domain.deliveries import WebhookDelivery
from imagegen.domain.errors import Conflict, IllegalTransition
from imagegen.domain.identifiers import EventId, WebhookId
from imagegen.domain.pages import Page, PageRequest
from imagegen.domain.ports import Clock, NewId, UnitOfWork, UnitOfWorkFactory, WebhookSender
from imagegen.domain.signatures import WebhookSecret, WebhookSigner
from imagegen.domain.users import Principal, Scope
from imagegen.domain.webhooks import MOST_WEBHOOKS, EventType, WebhookEndpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookChanges:
    """What to change of a webhook. `keep_description` tells "leave it" from "take it away"."""

    url: str | None = None
    description: str | None = None
    keep_description: bool = True
    events: Collection[EventType] | None = None
    enabled: bool | None = None
    rotate_secret: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateWebhook:
    """Have an address told of events, up to 20 for a user. The secret is in this answer and in no later one."""

    unit_of_work: UnitOfWorkFactory
    sender: WebhookSender
    signer: WebhookSigner
    clock: Clock
    new_id: NewId

    async def __call__(
        self, principal: Principal, *, url: str, events: Collection[EventType], description: str | None = None
    ) -> tuple[WebhookEndpoint, WebhookSecret]:
        """Return the webhook and its secret.

        Raises:
            InvalidRequest: the address may not be called, or there is no event.
            Conflict: there are as many as there may be.
        """
        principal.require(Scope.WRITE)
        endpoint = WebhookEndpoint(
            id=WebhookId(self.new_id()),
            user_id=principal.user_id,
            url=url,
            description=description,
            events=frozenset(events),
            created_at=self.clock(),
        )
        await self.sender.check_address(url)
        # Each time somebody is quicker there is one more, so that in the end there are as many as there may be.
        await until_fresh(lambda: self._add(endpoint), tries=MOST_WEBHOOKS + TRIES)
        return endpoint, self.signer.secret(endpoint)

    async def _add(self, endpoint: WebhookEndpoint) -> None:
        async with self.unit_of_work() as work:
            user = existing(await work.users.get(endpoint.user_id))
            there = await work.webhook_endpoints.page(user.id, PageRequest(limit=MOST_WEBHOOKS))
            if len(there.items) >= MOST_WEBHOOKS:
                raise Conflict(f"There are {MOST_WEBHOOKS} webhooks already; delete one first.")
            # Of two that would both be the last one, only one finds the user as they were.
            work.users.update(replace(user, version=user.version + 1))
            work.webhook_endpoints.add(endpoint)
            await work.commit()


@dataclass(frozen=True, slots=True, kw_only=True)
class ListWebhooks:
    """The caller's webhooks, newest first; never their secrets."""

    unit_of_work: UnitOfWorkFactory

    async def __call__(self, principal: Principal, wanted: PageRequest) -> Page[WebhookEndpoint]:
        """Return a page."""
        principal.require(Scope.READ)
        async with self.unit_of_work() as work:
            return await work.webhook_endpoints.page(principal.user_id, wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadWebhook:
    """One of the caller's webhooks; never its secret."""

    unit_of_work: UnitOfWorkFactory

    async def __call__(self, principal: Principal, webhook_id: WebhookId) -> WebhookEndpoint:
        """Return it; raise `NotFound` when the caller has no such webhook."""
        principal.require(Scope.READ)
        async with self.unit_of_work() as work:
            return await _read(work, principal, webhook_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeWebhook:
    """Change a webhook's address, events or description, switch it off or on, or give it another secret.

    The secrets before, the last four of them, go on to sign beside the new one for 24 hours from their end. While it is
    switched off nothing is told; what was on its way goes on when it is switched on again.
    """

    unit_of_work: UnitOfWorkFactory
    sender: WebhookSender
    signer: WebhookSigner
    clock: Clock

    async def __call__(
        self, principal: Principal, webhook_id: WebhookId, changes: WebhookChanges
    ) -> tuple[WebhookEndpoint, WebhookSecret | None]:
        """Return the changed webhook, and its secret if it has another one; raise `NotFound` or `InvalidRequest`."""
        principal.require(Scope.WRITE)
        if changes.url is not None:
            await self.sender.check_address(changes.url)
        endpoint = await until_fresh(lambda: self._change(principal, webhook_id, changes))
        return endpoint, self.signer.secret(endpoint) if changes.rotate_secret else None

    async def _change(self, principal: Principal, webhook_id: WebhookId, changes: WebhookChanges) -> WebhookEndpoint:
        async with self.unit_of_work() as work:
            endpoint = await _read(work, principal, webhook_id)
            endpoint = endpoint.change(
                url=endpoint.url if changes.url is None else changes.url,
                description=endpoint.description if changes.keep_description else changes.description,
                events=endpoint.events if changes.events is None else frozenset(changes.events),
                enabled=endpoint.enabled if changes.enabled is None else changes.enabled,
                rotate=changes.rotate_secret,
                now=self.clock(),
            )
            work.webhook_endpoints.update(endpoint)
            await work.commit()
        return endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteWebhook:
    """Forget a webhook and all of its deliveries; nothing more is sent there."""

    unit_of_work: UnitOfWorkFactory

    async def __call__(self, principal: Principal, webhook_id: WebhookId) -> None:
        """Raise `NotFound` when the caller has no such webhook."""
        principal.require(Scope.WRITE)
        await until_fresh(lambda: self._remove(principal, webhook_id))

    async def _remove(self, principal: Principal, webhook_id: WebhookId) -> None:
        async with self.unit_of_work() as work:
            await _read(work, principal, webhook_id)
            work.webhook_endpoints.remove(webhook_id, principal.user_id)
            await work.commit()


@dataclass(frozen=True, slots=True, kw_only=True)
class ListDeliveries:
    """What a webhook was told, newest first: each event, its tries, and what came of them."""

    unit_of_work: UnitOfWorkFactory

    async def __call__(self, principal: Principal, webhook_id: WebhookId, wanted: PageRequest) -> Page[WebhookDelivery]:
        """Return a page; raise `NotFound` when the caller has no such webhook."""
        principal.require(Scope.READ)
        async with self.unit_of_work() as work:
            await _read(work, principal, webhook_id)
            return await work.webhook_deliveries.page(webhook_id, principal.user_id, wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Redeliver:
    """Send an event anew, whatever became of it before; its `webhook-id` stays, so a receiver knows it again."""

    unit_of_work: UnitOfWorkFactory

    async def __call__(self, principal: Principal, webhook_id: WebhookId, event_id: EventId) -> WebhookDelivery:
        """Return the delivery, which is due now; raise `NotFound`, or `IllegalTransition` while it is switched off."""
        principal.require(Scope.WRITE)
        return await until_fresh(lambda: self._redeliver(principal, webhook_id, event_id))

    async def _redeliver(self, principal: Principal, webhook_id: WebhookId, event_id: EventId) -> WebhookDelivery:
        async with self.unit_of_work() as work:
            endpoint = await _read(work, principal, webhook_id)
            delivery = existing(await work.webhook_deliveries.get(event_id, webhook_id, principal.user_id))
            if not endpoint.enabled:
                raise IllegalTransition("The webhook is switched off; switch it on first.")
            delivery = delivery.redeliver(await work.now())
            work.webhook_deliveries.update(delivery)
            await work.commit()
        return delivery


async def _read(work: UnitOfWork, principal: Principal, webhook_id: WebhookId) -> WebhookEndpoint:
    return existing(await work.webhook_endpoints.get(webhook_id, principal.user_id))
