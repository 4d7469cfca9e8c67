"""Conditional and partial reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen.web.api.ranges import byte_range, matches

ETAG = '"abc"'


@given(st.integers(0, 100), st.integers(0, 200), st.integers(0, 200))
def test_a_range_is_what_is_there_of_what_was_asked(length: int, first: int, last: int) -> None:
    """Every byte of the answer was asked for and exists, and none is missing that does."""
    found = byte_range(f"bytes={first}-{last}", length)
    if last < first:
        assert found is None
    else:
        assert list(found or ()) == [at for at in range(first, last + 1) if at < length]


@given(st.integers(0, 100), st.integers(0, 200))
def test_a_suffix_is_the_last_bytes(length: int, count: int) -> None:
    """A suffix longer than the whole is the whole, and one of nothing is empty."""
    data = bytes(range(length))
    found = byte_range(f"bytes=-{count}", length)
    assert found is not None
    assert data[found.start : found.stop] == (data[-count:] if count else b"")


@pytest.mark.parametrize(
    "header", [None, "", "bytes", "bytes=", "bytes=-", "bytes=1", "bytes=2-1", "bytes=0-1,2-3", "bytes=0-" + "9" * 16]
)
def test_what_is_no_single_range_is_the_whole(header: str | None) -> None:
    """Anything else is ignored."""
    assert byte_range(header, 10) is None


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (None, False),
        ("", False),
        (ETAG, True),
        (f"W/{ETAG}", True),
        (f'"x" ,{ETAG}', True),
        ("*", True),
        ('"x"', False),
        ("abc", False),
        ('"abc', False),
    ],
)
def test_an_etag_is_found_in_what_the_caller_knows(header: str | None, found: bool) -> None:
    """Alone, weak, or among others; never without its quotes."""
    assert matches(header, ETAG) is found
