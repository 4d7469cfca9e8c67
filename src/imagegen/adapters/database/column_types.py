"""Column types that are the same on SQLite and on Postgres, with the domain's values on our side."""

# ruff: noqa: ARG002 - the methods of a type have the signature that SQLAlchemy gives them

from enum import StrEnum
from typing import Any, Final, Generic, TypeVar

import msgspec
from advanced_alchemy.types.datetime import DateTimeUTC
from advanced_alchemy.types.guid import GUID
from sqlalchemy import Dialect, Enum, Text, TypeDecorator

from imagegen.domain.users import Scope

__all__ = ["GUID", "DateTimeUTC", "Document", "ScopeSet", "Tags", "word"]

T = TypeVar("T")

_LONGEST_WORD: Final = 16


class Document(TypeDecorator[T], Generic[T]):
    """A domain value as JSON text: kept whole, never searched. `None` is NULL; unknown members are passed over."""

    impl = Text
    cache_ok = True

    def __init__(self, kind: Any) -> None:
        super().__init__()
        self.kind = kind
        self._decoder = msgspec.json.Decoder(kind)

    def process_bind_param(self, value: T | None, dialect: Dialect) -> str | None:
        """Write the JSON."""
        return None if value is None else msgspec.json.encode(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> T | None:
        """Read it."""
        return None if value is None else self._decoder.decode(value)


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


def word(kind: type[StrEnum]) -> Enum:
    """One of the words of an enumeration, as text."""
    return Enum(kind, native_enum=False, length=_LONGEST_WORD, values_callable=lambda words: [str(w) for w in words])
