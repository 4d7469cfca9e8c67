"""The worker: draws what the queue rings for, keeps its lease, sweeps for what nobody rang for, delivers webhooks."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from imagegen.application import Application
from imagegen.application.defects import report
from imagegen.application.delivering import LOOK_SECONDS
from imagegen.application.retrying import Backoff
from imagegen.domain.errors import Unavailable
from imagegen.domain.ports import GenerationEvents, GenerationQueue

SWEEP_SECONDS: Final = 1.0
"""Between two looks for what a dead process left."""
RING_SECONDS: Final = 5.0
"""Between two looks for what is queued: a ring that was lost costs about as much."""
HOUSEKEEPING_SWEEPS: Final = 3600
"""Sweeps between two looks for orphaned bytes: an hour."""
QUIET_SWEEPS: Final = 600
"""Sweeps that have to go through before the first of these looks."""
EXPIRY_SECONDS: Final = 3600.0
"""Between two looks for what has expired."""
LEFTOVER_SECONDS: Final = 5.0
"""Between two looks for what somebody had no time to remove, dead or not."""
MOVE_SECONDS: Final = 5.0
"""Between two tries to bring pictures to a store that was away."""
RENEWALS: Final = 4
"""Renewals in the lifetime of a lease: three of them may come late."""
_ENDING: Final = 5.0
"""Seconds for saying that it is over; who is not told finds out by the lease."""

Step = Callable[[], Awaitable[object]]

logger = logging.getLogger("imagegen.worker")


@dataclass(slots=True, kw_only=True)
class Worker:
    """Runs in the server's own process with the in-process queue, and by itself with a distributed one.

    It draws from the moment it has its lease, whatever becomes of its rounds: `backoff` is how long that is put off
    while the database is away, `sweep_seconds` is how long lies between two looks for what others left.
    """

    application: Application
    queue: GenerationQueue
    events: GenerationEvents
    backoff: Backoff = field(default_factory=Backoff)
    sweep_seconds: float = SWEEP_SECONDS
    _running: bool = field(default=False, init=False)
    _quiet: int = field(default=0, init=False)

    async def run(self) -> None:
        """Work until canceled; then finish what runs within the queue's grace, and give the lease back."""
        await self._begin_lease()
        renew = self.application.renew_lease
        # Not one of the rounds: while what runs is being finished, it must not be taken for stranded.
        renewing = asyncio.create_task(self._repeat(renew, renew.lease.lifetime.total_seconds() / RENEWALS))
        self._running = True
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.queue.consume(self.application.run_generation))
                tasks.create_task(self._listen())
                for step, seconds in self._rounds():
                    tasks.create_task(self._repeat(step, seconds))
        finally:
            self._running = False
            renewing.cancel()
            with suppress(TimeoutError):
                async with asyncio.timeout(_ENDING):
                    await _done(self.application.remove_receipts())
                    await _done(self.application.end_lease())

    async def check(self) -> None:
        """Raise `Unavailable` unless it is at work."""
        if not self._running:
            raise Unavailable("no worker is running")

    def _rounds(self) -> Sequence[tuple[Step, float]]:
        """What is done from the start on, over and over, and the seconds between.

        Each for itself: while one waits for a store or a receiver, none of the others does.
        """
        do = self.application
        return (
            (do.ring_again, RING_SECONDS),  # at the start for all that the process before this one left queued
            (do.give_up_overdue, self.sweep_seconds),
            (self._settle, self.sweep_seconds),
            (do.finish_batches, self.sweep_seconds),
            (do.deliver_webhooks, LOOK_SECONDS),
            (do.move_blobs_on, MOVE_SECONDS),
            (do.remove_receipts, self.sweep_seconds),
            (do.remove_forgotten, LEFTOVER_SECONDS),
            (do.remove_leftovers, LEFTOVER_SECONDS),
            (do.remove_expired, EXPIRY_SECONDS),
        )

    async def _begin_lease(self) -> None:
        for pause in self.backoff:
            if await _done(self.application.renew_lease()):
                return
            await asyncio.sleep(pause)

    async def _listen(self) -> None:
        async for generation_id in self.events.cancellations():
            await self.application.abandon_calls(generation_id)

    async def _repeat(self, step: Step, seconds: float) -> None:
        while True:
            await _done(step())
            await asyncio.sleep(seconds)

    async def _settle(self) -> None:
        """Settle what is stranded and, when that has gone through for a while without a break, look for orphans.

        A picture waits in the store while the database is away: it is no orphan, nor for some time afterwards.
        """
        quiet, self._quiet = self._quiet, 0  # which it stays if this breaks off
        await self.application.settle_stranded()
        self._quiet = quiet + 1
        if self._quiet % HOUSEKEEPING_SWEEPS == QUIET_SWEEPS:
            await self.application.remove_orphans()


async def _done(step: Awaitable[object]) -> bool:
    """Whether a step went through; one that does not is logged, for the next one to make up for."""
    try:
        await step
    except Unavailable:
        logger.warning("sweep put off: database, storage or queue is away")
    except Exception:  # noqa: BLE001 - reported; no sweep is worth ending the drawing for
        report(logger, "a sweep failed unexpectedly")
    else:
        return True
    return False
