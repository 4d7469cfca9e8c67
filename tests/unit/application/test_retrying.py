"""Trying again: when somebody else was quicker, and when what is asked is away."""

from itertools import islice

import pytest

from imagegen.application.retrying import TRIES, Backoff, until_fresh
from imagegen.domain.errors import NotFound, StaleWrite


class Step:
    """Something that finds its row changed a number of times before it succeeds."""

    def __init__(self, stale: int, error: Exception | None = None) -> None:
        self.taken = 0
        self._stale = stale
        self._error = error or StaleWrite()

    async def __call__(self) -> int:
        """Say how often it was tried."""
        self.taken += 1
        if self.taken <= self._stale:
            raise self._error
        return self.taken


async def test_a_stale_step_is_taken_again() -> None:
    """What another hand changed meanwhile is read anew."""
    assert await until_fresh(Step(stale=TRIES - 1)) == TRIES


async def test_somebody_always_quicker_is_told() -> None:
    """It ends after a few tries instead of never."""
    step = Step(stale=TRIES)
    with pytest.raises(StaleWrite):
        await until_fresh(step)
    assert step.taken == TRIES


async def test_other_errors_are_not_tried_again() -> None:
    """Only a stale row is worth another look."""
    step = Step(stale=1, error=NotFound())
    with pytest.raises(NotFound):
        await until_fresh(step)
    assert step.taken == 1


def test_what_is_away_is_left_alone_for_longer_each_time() -> None:
    """From a second to half a minute, without an end."""
    assert list(islice(Backoff(), 8)) == [1, 2, 4, 8, 16, 30, 30, 30]
