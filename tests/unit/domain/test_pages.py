"""Cursors, and what a page asks for by default."""

from base64 import urlsafe_b64encode
from uuid import UUID

import pytest

from imagegen.domain.errors import BrokenCursor
from imagegen.domain.pages import DEFAULT_LIMIT, PAGE_LIMIT, Cursor, PageRequest

LAST = UUID("0193a5b0-7c1f-7d3a-9c2b-1f2e3d4c5b6a")


def test_a_cursor_comes_back() -> None:
    """What a client was given and hands back names the same row."""
    assert Cursor.read(Cursor(LAST).text) == Cursor(LAST)


def test_a_cursor_needs_no_escaping() -> None:
    """Its text goes into a query string as it is, but for the padding that every parser takes."""
    assert Cursor(UUID(bytes=b"\xff" * 16)).text == "_____________________w=="


@pytest.mark.parametrize(
    "text",
    [
        "",
        "next",
        str(LAST),
        Cursor(LAST).text.rstrip("="),
        Cursor(LAST).text + "=",
        Cursor(LAST).text[:-3] + "h==",
        Cursor(LAST).text[:-1] + "\n",
        "\n" + Cursor(LAST).text[:-1],
        "!" * 24,
        "é" * 24,
        "\ud83c" * 24,
        urlsafe_b64encode(LAST.bytes + b"\0").decode(),
        urlsafe_b64encode(LAST.bytes[1:]).decode(),
        "/" * 22 + "==",
    ],
)
def test_any_other_text_is_broken(text: str) -> None:
    """A cursor is one that was made here, to the letter."""
    with pytest.raises(BrokenCursor) as broken:
        Cursor.read(text)
    assert [fault.pointer for fault in broken.value.faults] == ["/cursor"]


def test_a_page_is_the_newest_twenty_unless_asked_otherwise() -> None:
    """Nothing said is the first page, newest first."""
    assert PageRequest() == PageRequest(limit=20, after=None, oldest_first=False)
    assert DEFAULT_LIMIT in PAGE_LIMIT
    assert (PAGE_LIMIT[0], PAGE_LIMIT[-1]) == (1, 100)
