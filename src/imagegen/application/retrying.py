"""Reading, changing and writing again when somebody else was quicker."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from imagegen.domain.errors import StaleWrite

TRIES: Final = 5

T = TypeVar("T")


async def until_fresh(step: Callable[[], Awaitable[T]]) -> T:
    """Return what `step` returns; it is taken again while what it read turns out to have changed meanwhile.

    Only for steps that read anew each time, so that the other change is kept and not overwritten.

    Raises:
        StaleWrite: five times in a row somebody else was quicker.
    """
    for _ in range(TRIES - 1):
        try:
            return await step()
        except StaleWrite:
            continue
    return await step()
