"""How long a caller is willing to wait."""

import pytest

from imagegen.web.api.waiting import LONGEST, wait_seconds


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        (None, 7),
        ("", 7),
        ("wait", 7),
        ("wait=", 7),
        ("wait=x", 7),
        ("wait=-1", 7),
        ("wait=1.5", 7),
        ("await=3", 7),
        ("wait=9999999", 7),
        ('wait="30', 7),
        ('wait=30"', 7),
        ('wait=""', 7),
        ("wait=0", 0),
        ("wait=30", 30),
        ("WAIT=30", 30),
        ("respond-async, wait=30", 30),
        ("respond-async;wait=30", 30),
        ('wait="30"', 30),
        ("wait = 30", 30),
        ('respond-async, wait = "30"; x', 30),
        ("wait=30, handling=lenient", 30),
        ("wait=999999", LONGEST),
    ],
)
def test_a_preference_is_read_or_is_none(prefer: str | None, seconds: float) -> None:
    """`wait=N` counts wherever it stands, up to the longest wait; what cannot be read changes nothing."""
    assert wait_seconds(prefer, 7) == seconds
