"""Several processes on one database and one store, by a clock that is set: they live, freeze and die as told."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from builders import SettableClock, new_id
from faults import Watched
from house import House, a_house
from imagegen.adapters.memory import MemoryDatabase
from imagegen.application.leasing import LIFETIME, Lease
from imagegen.domain.identifiers import WorkerId
from imagegen.worker import RENEWALS

RENEWAL: Final = LIFETIME.total_seconds() / RENEWALS
"""Seconds between two renewals."""


def a_lease(seconds: Callable[[], float], *, alone: bool = True) -> Lease:
    """The lease of a new process that reads its time there."""
    return Lease(worker_id=WorkerId(new_id()), alone=alone, seconds=seconds)


@dataclass
class Ground:
    """What the processes share."""

    clock: SettableClock = field(default_factory=SettableClock)

    def __post_init__(self) -> None:
        self.database = MemoryDatabase(self.clock)
        self.store = Watched(self.clock)

    def seconds(self) -> float:
        """The time as seconds that nobody sets back."""
        return self.clock().timestamp()

    def process(self, *answers: Any, alone: bool = False, **features: Any) -> House:
        """A new process; it has no lease yet."""
        shared = {"clock": self.clock, "database": self.database, "blobs": self.store}
        return a_house(*answers, lease=a_lease(self.seconds, alone=alone), **shared | features)

    async def pass_time(self, seconds: float, *alive: House) -> None:
        """Let time pass, in which nobody renews a lease but those who are alive."""
        for house in alive:
            await house.application.renew_lease()
        for _ in range(-int(-seconds // RENEWAL)):
            self.clock.advance(seconds=RENEWAL)
            for house in alive:
                await house.application.renew_lease()


async def kill(task: asyncio.Task[Any]) -> None:
    """End what a process does as its death would: nothing is written any more."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    """Let the others go on until something is so; a test that waits in vain is stopped by its runner."""
    while not await true():  # noqa: ASYNC110 - what is waited for has no event to set
        await asyncio.sleep(0)


async def a_place(house: House) -> None:
    """Let its worker get to work, or what it does come to an end: there is a place then."""

    async def has_a_place() -> bool:
        place = house.queue.place()
        if place is not None:
            place.leave()
        return place is not None

    await until(has_a_place)
