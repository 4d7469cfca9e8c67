"""Column types that are the same on SQLite and on Postgres, with the domain's values on our side.

`Identifier` and `Moment` are stored as `GUID` and `DateTimeUTC` are, which the migrations are written with; decision 23
says why they are not made of them.
"""

# ruff: noqa: ARG002 - the methods of a type have the signature that SQLAlchemy gives them

from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

import msgspec
from sqlalchemy import BINARY, DateTime, Dialect, Enum, Text, TypeDecorator, Uuid
from sqlalchemy.types import TypeEngine

from imagegen.domain.users import Scope
from imagegen.domain.webhooks import EventType

T = TypeVar("T")

_LONGEST_WORD: Final = 16
_MOST_MOMENTS: Final = 64
"""That are remembered as text: the moment of an end, for one, is written into several rows."""

_encode: Final = msgspec.json.Encoder().encode


class Identifier(TypeDecorator[UUID]):
    """A UUID: 16 bytes on SQLite, Postgres has a type for it."""

    impl = BINARY(16)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose between the two."""
        return self.impl_instance if dialect.name == "sqlite" else dialect.type_descriptor(Uuid())

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        """Write the bytes; Postgres' driver takes a UUID as it is."""
        return _bytes_of if dialect.name == "sqlite" else None

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        """Read the bytes."""
        return _uuid_of if dialect.name == "sqlite" else None


class Moment(TypeDecorator[datetime]):
    """A moment in UTC, to the microsecond; SQLite has it as text of one width, which sorts by age."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any]:
        """Write the text; Postgres' driver takes a moment as it is."""
        return _text_of if dialect.name == "sqlite" else _in_utc

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        """Read the text."""
        return _moment_of if dialect.name == "sqlite" else None


class Document(TypeDecorator[T], Generic[T]):
    """A domain value as JSON text: kept whole, never searched. `None` is NULL; unknown members are passed over."""

    impl = Text
    cache_ok = True

    def __init__(self, kind: Any) -> None:
        super().__init__()
        self.kind = kind

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any]:
        """Write the JSON."""
        return lambda value: None if value is None else _encode(value).decode()

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        """Read it."""
        decode = msgspec.json.Decoder(self.kind).decode
        return lambda text: None if text is None else decode(text)


class Tags(TypeDecorator[tuple[str, ...]]):
    r"""Tags in their order, each between line breaks, which no tag contains: `\nred\nblue\n`."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: tuple[str, ...] | None, dialect: Dialect) -> str:
        """Join the tags."""
        return "\n".join(("", *value, "")) if value else ""

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[str, ...]:
        """Part them."""
        return tuple(value[1:-1].split("\n")) if value else ()


class ScopeSet(TypeDecorator[frozenset[Scope]]):
    """An API key's scopes, sorted, with commas between."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: frozenset[Scope] | None, dialect: Dialect) -> str:
        """Join the scopes."""
        return ",".join(sorted(value or ()))

    def process_result_value(self, value: str | None, dialect: Dialect) -> frozenset[Scope]:
        """Part them."""
        return frozenset(map(Scope, value.split(","))) if value else frozenset()


class EventSet(TypeDecorator[frozenset[EventType]]):
    """The events that a webhook is told of, sorted, each between commas: `,batch.finished,generation.failed,`."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: frozenset[EventType] | None, dialect: Dialect) -> str:
        """Join the events."""
        return ",".join(("", *sorted(value or ()), ""))

    def process_result_value(self, value: str | None, dialect: Dialect) -> frozenset[EventType]:
        """Part them."""
        return frozenset(map(EventType, value[1:-1].split(","))) if value else frozenset()


def word(kind: type[StrEnum], *, longest: int = _LONGEST_WORD) -> Enum:
    """One of the words of an enumeration, as text."""
    return Enum(kind, native_enum=False, length=longest, values_callable=lambda words: [str(w) for w in words])


def _bytes_of(value: UUID | None) -> bytes | None:
    return None if value is None else value.bytes


def _uuid_of(value: bytes | None) -> UUID | None:
    return None if value is None else UUID(bytes=value)


@lru_cache(_MOST_MOMENTS)
def _text_of(value: datetime | None) -> str | None:
    in_utc = _in_utc(value)
    return None if in_utc is None else in_utc.isoformat(" ", "microseconds").removesuffix("+00:00")


def _in_utc(value: datetime | None) -> datetime | None:
    if value is None or value.tzinfo is UTC:
        return value
    if value.tzinfo is None:
        raise TypeError("a moment needs a time zone")
    return value.astimezone(UTC)


def _moment_of(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value + "+00:00")
