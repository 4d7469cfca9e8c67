"""Pages of a list, newest first, cut by key and not by offset, so that no row is repeated or skipped."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Generic, Self, TypeVar
from uuid import UUID

from imagegen.domain.errors import BrokenCursor, Fault

PAGE_LIMIT: Final = range(1, 101)
DEFAULT_LIMIT: Final = 20

_UUID_BYTES: Final = 16
_TEXT_LENGTH: Final = 24

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last row of a page; identifiers sort by age, so one names its place in any list by age."""

    last: UUID

    @property
    def text(self) -> str:
        """The opaque form that clients hand back."""
        return urlsafe_b64encode(self.last.bytes).decode()

    @classmethod
    def read(cls, text: str) -> Self:
        """Read what `text` wrote.

        Raises:
            BrokenCursor: it was not made here.
        """
        try:
            raw = urlsafe_b64decode(text) if len(text) == _TEXT_LENGTH and text.isascii() else b""
        except ValueError:
            raw = b""
        if len(raw) != _UUID_BYTES or cls(UUID(bytes=raw)).text != text:
            raise BrokenCursor(faults=(Fault("/cursor", "This cursor was not made by this list."),))
        return cls(UUID(bytes=raw))


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """Which part of a list is wanted: up to `limit` rows after `after`, newest first unless `oldest_first`."""

    limit: int = DEFAULT_LIMIT
    after: Cursor | None = None
    oldest_first: bool = False


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows, and the cursor of the next page if there is one."""

    items: Sequence[T]
    next: Cursor | None
