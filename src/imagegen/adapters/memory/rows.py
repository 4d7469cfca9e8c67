"""The rows and what may be done to any of them: insert, replace by the next version, page through."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Protocol, TypeVar
from uuid import UUID

from imagegen.domain.api_keys import ApiKey
from imagegen.domain.attempts import Attempt
from imagegen.domain.batches import Batch
from imagegen.domain.deliveries import WebhookDelivery
from imagegen.domain.errors import AlreadyExists, StaleWrite
from imagegen.domain.generations import Generation
from imagegen.domain.idempotency import IdempotencyKey
from imagegen.domain.images import Image
from imagegen.domain.pages import Cursor, Page, PageRequest
from imagegen.domain.sessions import Session
from imagegen.domain.usage import UsageRecord
from imagegen.domain.users import User
from imagegen.domain.webhooks import WebhookEndpoint


@dataclass(frozen=True, slots=True)
class Rows:
    """Every row by its identifier; a generation lies here without its images, a usage record by its generation.

    A delivery lies by its endpoint and its event, an idempotency key by its owner and itself; by a worker lies when its
    lease runs out, and by a location whose image lay there.
    """

    users: dict[UUID, User] = field(default_factory=dict)
    sessions: dict[UUID, Session] = field(default_factory=dict)
    api_keys: dict[UUID, ApiKey] = field(default_factory=dict)
    generations: dict[UUID, Generation] = field(default_factory=dict)
    batches: dict[UUID, Batch] = field(default_factory=dict)
    attempts: dict[UUID, Attempt] = field(default_factory=dict)
    images: dict[UUID, Image] = field(default_factory=dict)
    forgotten_blobs: dict[str, UUID] = field(default_factory=dict)
    usage_records: dict[UUID, UsageRecord] = field(default_factory=dict)
    workers: dict[UUID, datetime] = field(default_factory=dict)
    idempotency_keys: dict[tuple[UUID, str], IdempotencyKey] = field(default_factory=dict)
    webhook_endpoints: dict[UUID, WebhookEndpoint] = field(default_factory=dict)
    webhook_deliveries: dict[tuple[UUID, UUID], WebhookDelivery] = field(default_factory=dict)

    def copy(self) -> "Rows":
        """The same rows in tables of their own."""
        return Rows(*(getattr(self, table.name).copy() for table in fields(self)))


Write = Callable[[Rows], object]
"""A change of the rows; what it returns is not looked at. It is given a copy, so it may raise half-way."""


class _Identified(Protocol):
    @property
    def id(self) -> UUID: ...


class _Versioned(_Identified, Protocol):
    @property
    def version(self) -> int: ...


_Key = TypeVar("_Key")
_Row = TypeVar("_Row")
_IdentifiedRow = TypeVar("_IdentifiedRow", bound=_Identified)
_VersionedRow = TypeVar("_VersionedRow", bound=_Versioned)


def insert(table: dict[_Key, _Row], key: _Key, row: _Row, what: str) -> None:
    """Add a row; raise `AlreadyExists(what)` when its key is taken."""
    if key in table:
        raise AlreadyExists(what)
    table[key] = row


def require_unique(table: dict[UUID, _Row], row: _Row, value: Callable[[_Row], object], what: str) -> None:
    """Raise `AlreadyExists(what)` when a row has the same value."""
    if any(value(other) == value(row) for other in table.values()):
        raise AlreadyExists(what)


def replace_next(table: dict[UUID, _VersionedRow], row: _VersionedRow) -> _VersionedRow:
    """Put a row in the place of its last version, which is returned; raise `StaleWrite` when that is not there."""
    last = table.get(row.id)
    if last is None or last.version + 1 != row.version:
        raise StaleWrite
    table[row.id] = row
    return last


def require(table: dict[UUID, _Row], key: UUID | None) -> None:
    """Raise `StaleWrite` when the row that another one is to belong to was removed meanwhile."""
    if key is not None and key not in table:
        raise StaleWrite


def discard(table: dict[_Key, _Row], unwanted: Callable[[_Row], bool]) -> None:
    """Remove the rows that are not wanted any more."""
    for key in [key for key, row in table.items() if unwanted(row)]:
        del table[key]


def discard_keys(table: dict[_Key, _Row], unwanted: Callable[[_Key], bool]) -> None:
    """Remove the rows by whose key they are not wanted any more."""
    for key in [key for key in table if unwanted(key)]:
        del table[key]


def page(rows: Iterable[_IdentifiedRow], wanted: PageRequest) -> Page[_IdentifiedRow]:
    """The part of the rows that is wanted, in the order of their identifiers, which is that of age."""
    in_order = sorted(rows, key=lambda row: row.id, reverse=not wanted.oldest_first)
    if wanted.after is not None:
        last = wanted.after.last
        in_order = [row for row in in_order if (row.id > last if wanted.oldest_first else row.id < last)]
    items = in_order[: wanted.limit]
    return Page(items, Cursor(items[-1].id) if len(in_order) > len(items) else None)
