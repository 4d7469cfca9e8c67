"""Trying again: when somebody else was quicker, and when what is asked is away."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

from imagegen.domain.errors import StaleWrite

TRIES: Final = 5

T = TypeVar("T")


async def until_fresh(step: Callable[[], Awaitable[T]], *, tries: int = TRIES) -> T:
    """Return what `step` returns; it is taken again while what it read turns out to have changed meanwhile.

    Only for steps that read anew each time, so that the other change is kept and not overwritten.

    Raises:
        StaleWrite: each of the `tries` somebody else was quicker.
    """
    for _ in range(tries - 1):
        try:
            return await step()
        except StaleWrite:
            continue
    return await step()


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds to leave something alone that is away: `first`, then twice as many each time, up to `longest`."""

    first: float = 1.0
    longest: float = 30.0

    def __iter__(self) -> Iterator[float]:
        """The pauses between tries, without an end."""
        pause = self.first
        while True:
            yield pause
            pause = min(2 * pause, self.longest)
