"""Column types that are the same on SQLite and on Postgres, with the domain's values on our side."""

# ruff: noqa: ARG002 - the methods of a type have the signature that SQLAlchemy gives them

from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

import msgspec
from advanced_alchemy.types.datetime import DateTimeUTC
from advanced_alchemy.types.guid import GUID
from sqlalchemy import Dialect, Enum, Text, TypeDecorator

from imagegen.domain.users import Scope
from imagegen.domain.webhooks import EventType

T = TypeVar("T")

_LONGEST_WORD: Final = 16
_MOST_MOMENTS: Final = 64
"""That are remembered as text: the moment of an end, for one, is written into several rows."""

_encode: Final = msgspec.json.Encoder().encode


class Identifier(GUID):
    """A UUID: 16 bytes on SQLite, Postgres has a type for it."""

    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        """Write the bytes, by a shorter way than the library's; Postgres' driver takes a UUID as it is."""
        return _bytes_of if dialect.name == "sqlite" else None

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        """Read the bytes, by a shorter way than the library's."""
        return _uuid_of if dialect.name == "sqlite" else None


class Moment(DateTimeUTC):
    """A moment in UTC, to the microsecond; SQLite has it as text of one width, which sorts by age."""

    cache_ok = True

    def __init__(self) -> None:
        super().__init__(timezone=True)

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        """Write the text that the library would, by a shorter way."""
        return _text_of if dialect.name == "sqlite" else super().bind_processor(dialect)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        """Read the text, by a shorter way than the library's."""
        return _moment_of if dialect.name == "sqlite" else super().result_processor(dialect, coltype)


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
    if value is None:
        return None
    if value.tzinfo is None:
        raise TypeError("a moment needs a time zone")
    in_utc = value if value.tzinfo is UTC else value.astimezone(UTC)
    return in_utc.isoformat(" ", "microseconds").removesuffix("+00:00")


def _moment_of(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value + "+00:00")
