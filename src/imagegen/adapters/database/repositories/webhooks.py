"""Webhooks, and what is told to them."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    ColumnElement,
    Insert,
    Text,
    bindparam,
    case,
    delete,
    func,
    insert,
    literal,
    literal_column,
    select,
    update,
)

from imagegen.adapters.database.moments import moment_of_database
from imagegen.adapters.database.pages import cut, paged, values_of
from imagegen.adapters.database.rows import (
    webhook_delivery_of,
    webhook_delivery_values,
    webhook_endpoint_of,
    webhook_endpoint_values,
)
from imagegen.adapters.database.statements import Query, Write, next_version, replacing
from imagegen.adapters.database.tables import is_over, is_to_be_tried, webhook_deliveries, webhook_endpoints
from imagegen.adapters.database.transaction import Repository
from imagegen.domain.deliveries import WebhookDelivery
from imagegen.domain.identifiers import EventId, UserId, WebhookId
from imagegen.domain.pages import Page, PageRequest
from imagegen.domain.ports import WebhookDeliveries, WebhookEndpoints
from imagegen.domain.webhooks import WebhookEndpoint, WebhookEvent

_MOST_WITH_DUE = 1_000

_IS_OWNED = webhook_endpoints.c.user_id == bindparam("owner")
_IS_ENABLED = webhook_endpoints.c.disabled_at.is_(None)
_OF_OWNER = select(webhook_endpoints).where(_IS_OWNED)
_GET = Query(_OF_OWNER.where(webhook_endpoints.c.id == bindparam("id")), webhook_endpoint_of)


def _waiting() -> CTE:
    """The endpoints with a delivery that is to be tried: one step through the index of these from each to the next."""
    to, since = webhook_deliveries.c.webhook_id, webhook_deliveries.c.next_try_at
    before_all = literal(UUID(int=0), to.type).label("webhook_id")
    waiting = select(before_all).cte("waiting", recursive=True)
    following = select(to).where(is_to_be_tried, to > waiting.c.webhook_id).order_by(to, since).limit(1)
    return waiting.union_all(select(following.scalar_subquery()).where(waiting.c.webhook_id.is_not(None)))


_WAITING = _waiting()
_due_since = (
    select(func.min(webhook_deliveries.c.next_try_at))
    .where(webhook_deliveries.c.webhook_id == webhook_endpoints.c.id, is_to_be_tried)
    .scalar_subquery()
)
_WITH_DUE = Query(
    select(webhook_endpoints)
    .join(_WAITING, _WAITING.c.webhook_id == webhook_endpoints.c.id)
    .where(_IS_ENABLED, webhook_endpoints.c.prompt == bindparam("prompt"), _due_since <= bindparam("now"))
    .order_by(webhook_endpoints.c.served_at.nulls_first(), _due_since)
    .limit(_MOST_WITH_DUE),
    webhook_endpoint_of,
)
_ADD = insert(webhook_endpoints)
_UPDATE = replacing(
    webhook_endpoints, "url", "description", "events", "secret_number", "retired", "disabled_at", "disabled_by"
)
_SERVED = (
    update(webhook_endpoints)
    .where(webhook_endpoints.c.id == bindparam("endpoint"))
    .values(served_at=bindparam("served_at"), prompt=bindparam("prompt"))
)
_REMOVE = delete(webhook_endpoints).where(_IS_OWNED, webhook_endpoints.c.id == bindparam("id"))

_IS_OF_ENDPOINT = webhook_deliveries.c.webhook_id == bindparam("endpoint")
_DELIVERIES = (
    select(webhook_deliveries).join_from(webhook_deliveries, webhook_endpoints).where(_IS_OF_ENDPOINT, _IS_OWNED)
)
_GET_DELIVERY = Query(_DELIVERIES.where(webhook_deliveries.c.id == bindparam("id")), webhook_delivery_of)
_DUE = Query(
    select(webhook_deliveries)
    .where(_IS_OF_ENDPOINT, is_to_be_tried, webhook_deliveries.c.next_try_at <= bindparam("now"))
    .order_by(webhook_deliveries.c.next_try_at, webhook_deliveries.c.id)
    .limit(bindparam("most")),
    webhook_delivery_of,
)


_UPDATE_DELIVERY = replacing(
    webhook_deliveries,
    "tries",
    "next_try_at",
    "tried_at",
    "last_status",
    "last_error",
    "delivered_at",
    "given_up_at",
).where(_IS_OF_ENDPOINT)
_EXPIRE_DELIVERIES = delete(webhook_deliveries).where(is_over, webhook_deliveries.c.tried_at < bindparam("before"))


def _announced() -> Insert:
    """A new delivery to each endpoint that wants the event."""
    to, delivery = webhook_endpoints.c, webhook_deliveries.c
    occurred_at = bindparam("occurred_at", type_=delivery.created_at.type)
    values: dict[str, ColumnElement[Any]] = {
        "webhook_id": to.id,
        "id": bindparam("id", type_=delivery.id.type),
        "type": bindparam("type", type_=Text()),
        "payload": bindparam("payload", type_=Text()),
        "created_at": occurred_at,
        "tries": literal_column("0"),
        # At once, also where the machine's clock is ahead of the database's, by which it will be judged.
        "next_try_at": case((occurred_at < moment_of_database(), occurred_at), else_=moment_of_database()),
        "version": literal_column("1"),
    }
    wanted = func.replace(to.events, bindparam("wanted", type_=Text()), literal_column("''")) != to.events
    # One that is being removed is waited for and passed over, lest a delivery belong to nothing.
    wanting = select(*values.values()).where(_IS_OWNED, _IS_ENABLED, wanted).with_for_update(read=True, key_share=True)
    return insert(webhook_deliveries).from_select([*values], wanting)


_ANNOUNCE = _announced()


@cache
def _page(*, oldest_first: bool, continued: bool) -> Query[WebhookEndpoint]:
    page = paged(_OF_OWNER, webhook_endpoints, oldest_first=oldest_first, continued=continued)
    return Query(page, webhook_endpoint_of)


@cache
def _page_of_deliveries(*, oldest_first: bool, continued: bool) -> Query[WebhookDelivery]:
    page = paged(_DELIVERIES, webhook_deliveries, oldest_first=oldest_first, continued=continued)
    return Query(page, webhook_delivery_of)


class SqlWebhookEndpoints(Repository, WebhookEndpoints):
    """Where users want to be told."""

    async def get(self, webhook_id: WebhookId, owner: UserId) -> WebhookEndpoint | None:
        """Look the endpoint up by primary key and owner."""
        return await self._transaction.one(_GET, {"id": webhook_id, "owner": owner})

    async def page(self, owner: UserId, wanted: PageRequest) -> Page[WebhookEndpoint]:
        """Walk the owner's endpoints by identifier."""
        query = _page(oldest_first=wanted.oldest_first, continued=wanted.after is not None)
        return cut(await self._transaction.scan(query, {"owner": owner, **values_of(wanted)}), wanted)

    async def with_due(self, now: datetime, *, prompt: bool) -> Sequence[WebhookEndpoint]:
        """Ask for the first delivery to each of those for which something waits."""
        return await self._transaction.scan(_WITH_DUE, {"now": now, "prompt": prompt})

    def add(self, endpoint: WebhookEndpoint) -> None:
        """Insert a row."""
        self._transaction.write(Write(_ADD, webhook_endpoint_values(endpoint)))

    def update(self, endpoint: WebhookEndpoint) -> None:
        """Replace what may change."""
        self._transaction.write(next_version(_UPDATE, webhook_endpoint_values(endpoint)))

    def served(self, webhook_id: WebhookId, now: datetime, *, prompt: bool) -> None:
        """Replace what its owner does not change."""
        self._transaction.write(Write(_SERVED, {"endpoint": webhook_id, "served_at": now, "prompt": prompt}))

    def remove(self, webhook_id: WebhookId, owner: UserId) -> None:
        """Delete the row, which must be there; its deliveries go with it."""
        self._transaction.write(Write(_REMOVE, {"id": webhook_id, "owner": owner}, checked=True))


class SqlWebhookDeliveries(Repository, WebhookDeliveries):
    """What is told, and how that went."""

    async def get(self, event_id: EventId, webhook_id: WebhookId, owner: UserId) -> WebhookDelivery | None:
        """Look the delivery up by primary key, and its endpoint by owner."""
        return await self._transaction.one(_GET_DELIVERY, {"id": event_id, "endpoint": webhook_id, "owner": owner})

    async def page(self, webhook_id: WebhookId, owner: UserId, wanted: PageRequest) -> Page[WebhookDelivery]:
        """Walk the endpoint's deliveries by identifier."""
        query = _page_of_deliveries(oldest_first=wanted.oldest_first, continued=wanted.after is not None)
        values = {"endpoint": webhook_id, "owner": owner, **values_of(wanted)}
        return cut(await self._transaction.scan(query, values), wanted)

    async def due(self, webhook_id: WebhookId, now: datetime, limit: int) -> Sequence[WebhookDelivery]:
        """List them from their own small index."""
        return await self._transaction.look_up(_DUE, {"endpoint": webhook_id, "now": now, "most": limit})

    def announce(self, event: WebhookEvent) -> None:
        """Insert a row for each endpoint that is found when this is committed."""
        values = {
            "owner": event.user_id,
            "wanted": f",{event.type},",
            "id": event.id,
            "type": event.type.value,
            "payload": event.payload,
            "occurred_at": event.occurred_at,
        }
        self._transaction.write(Write(_ANNOUNCE, values))

    def update(self, delivery: WebhookDelivery) -> None:
        """Replace what may change."""
        values = {**webhook_delivery_values(delivery), "endpoint": delivery.webhook_id}
        self._transaction.write(next_version(_UPDATE_DELIVERY, values))

    def expire(self, before: datetime) -> None:
        """Delete the rows from their own index."""
        self._transaction.write(Write(_EXPIRE_DELIVERIES, {"before": before}))
