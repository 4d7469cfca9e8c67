"""Pages of lists."""

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from msgspec import Struct

from imagegen.domain.pages import Page

T = TypeVar("T")


class PageView(Struct, Generic[T], frozen=True):
    """A page of a list; `next_cursor` fetches the next one, `null` when this is the last."""

    data: Sequence[T]
    next_cursor: str | None


def page_view(page: Page[Any], view: Callable[[Any], T]) -> PageView[T]:
    """A page, each of its rows seen through a view."""
    return PageView([view(item) for item in page.items], page.next.text if page.next else None)
