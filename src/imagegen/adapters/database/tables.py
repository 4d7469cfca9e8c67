"""The tables as they are at the head of `migrations/`; a test holds the two together.

Whatever belongs to a user goes with the user, and what belongs to a generation goes with the generation. Usage
records alone outlive their generation, so they do not refer to it.
"""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    false,
    literal_column,
)

from imagegen.adapters.database.column_types import Document, EventSet, Identifier, Moment, ScopeSet, Tags, word
from imagegen.domain.attempts import Outcome
from imagegen.domain.deliveries import DeliveryError
from imagegen.domain.errors import Billed
from imagegen.domain.generations import Adjustment, Failure, Priority, Status
from imagegen.domain.images import ImageFormat, ImageRequest, Source
from imagegen.domain.users import Role
from imagegen.domain.webhooks import DisabledBy, EventType, RetiredSecret

_LONGEST_EVENT: Final = 32

metadata: Final = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


def _id() -> Column[Any]:
    return Column("id", Identifier(), primary_key=True)


def _owner() -> Column[Any]:
    return Column("user_id", Identifier(), ForeignKey("users.id", ondelete="CASCADE"), nullable=False)


def _moment(name: str, *, nullable: bool = False) -> Column[Any]:
    return Column(name, Moment(), nullable=nullable)


def _version() -> Column[Any]:
    return Column("version", Integer, nullable=False)


users: Final = Table(
    "users",
    metadata,
    _id(),
    Column("email", Text, nullable=False, unique=True),  # as addresses are compared: without case
    Column("email_as_written", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("name", Text),
    Column("avatar_url", Text),
    Column("role", word(Role), nullable=False),
    _moment("created_at"),
    _moment("suspended_at", nullable=True),
    _version(),
)

sessions: Final = Table(
    "sessions",
    metadata,
    _id(),
    _owner(),
    Column("family_hash", LargeBinary(32), nullable=False, unique=True),
    Column("secret_hash", LargeBinary(32), nullable=False),
    Column("spent_hash", LargeBinary(32)),
    Column("sealed_successor", LargeBinary(32)),
    Column("user_agent", Text),
    _moment("created_at"),
    _moment("last_used_at"),
    _moment("expires_at"),
    _moment("ended_at", nullable=True),
    _version(),
    Index(None, "user_id", "id"),
)

api_keys: Final = Table(
    "api_keys",
    metadata,
    _id(),
    _owner(),
    Column("name", Text, nullable=False),
    Column("prefix", Text, nullable=False),
    Column("digest", LargeBinary(32), nullable=False, unique=True),
    Column("scopes", ScopeSet(), nullable=False),
    _moment("created_at"),
    _moment("expires_at", nullable=True),
    _moment("last_used_at", nullable=True),
    _moment("revoked_at", nullable=True),
    _version(),
    Index(None, "user_id", "id"),
)

generations: Final = Table(
    "generations",
    metadata,
    _id(),
    _owner(),
    # A key is never removed but with its user, so it needs no reference.
    Column("api_key_id", Identifier()),
    Column("status", word(Status), nullable=False),
    Column("requested", Document[ImageRequest](ImageRequest), nullable=False),
    Column("applied", Document[ImageRequest](ImageRequest), nullable=False),
    Column("adjustments", Document[tuple[Adjustment, ...]](tuple[Adjustment, ...]), nullable=False),
    Column("provider", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("title", Text),
    Column("tags", Tags(), nullable=False),
    Column("metadata", Document[dict[str, str]](dict[str, str])),
    Column("external_id", Text),
    Column("favorite", Boolean, nullable=False),
    Column("search", Text, nullable=False),  # prompt and title, as words are looked for: without case
    Column("priority", word(Priority), nullable=False),
    _moment("created_at"),
    _moment("started_at", nullable=True),
    _moment("finished_at", nullable=True),
    Column("failure", Document[Failure](Failure)),
    Column("cost_micros", BigInteger),
    _version(),
    Column("worker_id", Identifier()),  # whoever draws it; a worker's row comes and goes
    _moment("start_by", nullable=True),
    Column("retry_of", Identifier()),  # which may be forgotten before this one
    Column("batch_id", Identifier()),  # a batch is never removed but with its user
    Column("batch_index", Integer),
    Index(None, "user_id", "id"),
)

batches: Final = Table(
    "batches",
    metadata,
    _id(),
    _owner(),
    Column("api_key_id", Identifier()),
    Column("total", Integer, nullable=False),
    _moment("created_at"),
    _moment("canceled_at", nullable=True),
    _moment("finished_at", nullable=True),
    _version(),
    Index(None, "user_id", "id"),
)

workers: Final = Table(
    "workers",
    metadata,
    _id(),
    _moment("expires_at"),  # by the clock of the database
)

idempotency_keys: Final = Table(
    "idempotency_keys",
    metadata,
    Column("user_id", Identifier(), ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("fingerprint", LargeBinary(32), nullable=False),
    Column("target", Identifier(), nullable=False),  # which may be forgotten before the key is
    _moment("created_at"),
    Column("early", Boolean, nullable=False),
    Index(None, "created_at"),
)

attempts: Final = Table(
    "attempts",
    metadata,
    _id(),
    Column("generation_id", Identifier(), ForeignKey("generations.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("provider", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("count", Integer, nullable=False),
    _moment("started_at"),
    _moment("finished_at", nullable=True),
    Column("outcome", word(Outcome), nullable=False),
    Column("billed", word(Billed), nullable=False),
    Column("cost_micros", BigInteger),
    Column("provider_request_id", Text),
    Column("error_code", Text),
    Index(None, "generation_id", "number"),
)

images: Final = Table(
    "images",
    metadata,
    _id(),
    _owner(),
    Column("generation_id", Identifier(), ForeignKey("generations.id", ondelete="CASCADE")),
    Column("attempt_id", Identifier()),
    Column("position", Integer, nullable=False),
    Column("source", word(Source), nullable=False),
    Column("location", Text, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("format", word(ImageFormat), nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    _moment("created_at"),
    Column("rating", Integer),
    Column("tags", Tags(), nullable=False),
    _version(),
    Index(None, "user_id", "id"),
    Index(None, "generation_id", "position"),
)

forgotten_blobs: Final = Table(  # filled by a trigger on the images
    "forgotten_blobs",
    metadata,
    Column("location", Text, primary_key=True),
    Column("user_id", Identifier(), nullable=False),  # who may be gone
    Index(None, "user_id", "location"),
)

usage_records: Final = Table(
    "usage_records",
    metadata,
    Column("generation_id", Identifier(), primary_key=True),
    _owner(),
    Column("api_key_id", Identifier()),
    Column("provider", Text, nullable=False),
    Column("model", Text, nullable=False),
    _moment("finished_at"),
    Column("day", Date, nullable=False),  # of finished_at in UTC: each dialect cuts it from a moment in its own way
    Column("images", Integer, nullable=False),
    Column("failed", Boolean, nullable=False),
    Column("billed", word(Billed), nullable=False),
    Column("cost_micros", BigInteger),
    Index(None, "user_id", "finished_at"),
)

webhook_endpoints: Final = Table(
    "webhook_endpoints",
    metadata,
    _id(),
    _owner(),
    Column("url", Text, nullable=False),
    Column("description", Text),
    Column("events", EventSet(), nullable=False),
    _moment("created_at"),
    Column("secret_number", Integer, nullable=False),
    Column("retired", Document[tuple[RetiredSecret, ...]](tuple[RetiredSecret, ...]), nullable=False),
    _moment("disabled_at", nullable=True),
    Column("disabled_by", word(DisabledBy)),
    _version(),
    _moment("served_at", nullable=True),
    Column("prompt", Boolean, nullable=False, server_default=false()),
    Index(None, "user_id", "id"),
)

webhook_deliveries: Final = Table(
    "webhook_deliveries",
    metadata,
    Column("webhook_id", Identifier(), ForeignKey("webhook_endpoints.id", ondelete="CASCADE"), primary_key=True),
    _id(),
    Column("type", word(EventType, longest=_LONGEST_EVENT), nullable=False),
    Column("payload", Text, nullable=False),
    _moment("created_at"),
    Column("tries", Integer, nullable=False),
    _moment("next_try_at", nullable=True),
    _moment("tried_at", nullable=True),
    Column("last_status", Integer),
    Column("last_error", word(DeliveryError)),
    _moment("delivered_at", nullable=True),
    _moment("given_up_at", nullable=True),
    _version(),
)


def _has_status(*statuses: Status) -> ColumnElement[bool]:
    # Written into the statement, since a partial index serves only those conditions that it can read.
    return generations.c.status.in_([literal_column(f"'{status}'") for status in statuses])


is_unfinished: Final = _has_status(Status.QUEUED, Status.RUNNING)
is_finished: Final = _has_status(*(status for status in Status if status.final))

is_batched: Final = generations.c.batch_id.is_not(None)
is_open_batch: Final = batches.c.finished_at.is_(None)

# Told by the place in the batch: of two indexes on its identifier SQLite would take that of all batches ever.
is_waiting: Final = {
    False: _has_status(Status.QUEUED) & generations.c.batch_index.is_(None),
    True: _has_status(Status.QUEUED) & generations.c.batch_index.is_not(None),
}
"""Whether a generation waits: in the line of the batches (`True`), or in the other one."""

is_to_be_tried: Final = webhook_deliveries.c.next_try_at.is_not(None)
is_over: Final = webhook_deliveries.c.next_try_at.is_(None)


def _partial_index(name: str, where: ColumnElement[bool], *columns: Column[Any]) -> None:
    Index(name, *columns, sqlite_where=where, postgresql_where=where)


_partial_index("ix_generations_unfinished", is_unfinished, generations.c.id)
_partial_index("ix_generations_waiting", is_waiting[False], generations.c.priority, generations.c.id)
_partial_index("ix_generations_waiting_batched", is_waiting[True], generations.c.priority, generations.c.id)
_partial_index(
    "ix_generations_batched", is_batched, generations.c.batch_id, generations.c.batch_index, generations.c.status
)
_partial_index("ix_batches_open", is_open_batch, batches.c.id)
_partial_index(
    "ix_webhook_deliveries_to_be_tried",
    is_to_be_tried,
    webhook_deliveries.c.webhook_id,
    webhook_deliveries.c.next_try_at,
)
_partial_index("ix_webhook_deliveries_over", is_over, webhook_deliveries.c.tried_at)
