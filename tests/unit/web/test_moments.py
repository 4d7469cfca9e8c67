"""Moments as clients write them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen.domain.errors import InvalidRequest
from imagegen.web.api.moments import read_moment

OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=OFFSETS))  # noqa: DTZ001 - bounds have none
def test_a_moment_is_itself_in_utc(moment: datetime) -> None:
    """Whatever its offset, it is the same moment, told in UTC."""
    read = read_moment("from", moment.isoformat())
    assert read == moment
    assert read is not None
    assert read.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    ["", "2026", "1773500000", "2026-03-14", "2026-03-14T15:00:00", "0001-01-01T00:00:00+14:00", "now", "é"],
)
def test_what_is_no_moment_is_refused_by_name(text: str) -> None:
    """A date, a number, a time without an offset, or one before the calendar begins, is refused."""
    with pytest.raises(InvalidRequest) as refused:
        read_moment("from", text)
    assert [fault.pointer for fault in refused.value.faults] == ["/from"]


def test_nothing_is_nothing() -> None:
    """A parameter that is left out is no moment."""
    assert read_moment("from", None) is None
