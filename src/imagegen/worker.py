"""The worker: draws what the queue rings for, keeps its lease, sweeps for what nobody rang for, delivers webhooks."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
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
"""Between two looks for what a dead process had no time to remove."""
MOVE_SECONDS: Final = 5.0
"""Between two tries to bring pictures to a store that was away."""
RENEWALS: Final = 4
"""Renewals in the lifetime of a lease: three of them may come late."""
_ENDING: Final = 5.0
"""Seconds for saying that it is over; who is not told finds out by the lease."""

logger = logging.getLogger("imagegen.worker")


@dataclass(slots=True, kw_only=True)
class Worker:
    """Runs in the server's own process with the in-process queue, and by itself with a distributed one.

    It draws from the moment it has its lease, whatever becomes of the sweeps: `backoff` is how long these and the lease
    are put off while the database is away, `sweep_seconds` is how long lies between them otherwise.
    """

    application: Application
    queue: GenerationQueue
    events: GenerationEvents
    backoff: Backoff = field(default_factory=Backoff)
    sweep_seconds: float = SWEEP_SECONDS
    _running: bool = field(default=False, init=False)

    async def run(self) -> None:
        """Work until canceled; then finish what runs within the queue's grace, and give the lease back."""
        await self._until_done(self.application.renew_lease)
        # Not one of the others: while what runs is being finished, it must not be taken for stranded.
        renewing = asyncio.create_task(self._renew(), name="lease")
        self._running = True
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.queue.consume(self.application.run_generation))
                tasks.create_task(self._ring())
                tasks.create_task(self._repeat(self.application.give_up_overdue, self.sweep_seconds))
                tasks.create_task(self._repeat(self.application.remove_expired, EXPIRY_SECONDS))
                tasks.create_task(self._sweep())
                tasks.create_task(self._repeat(self.application.remove_leftovers, LEFTOVER_SECONDS))
                tasks.create_task(self._repeat(self.application.finish_batches, self.sweep_seconds))
                tasks.create_task(self._repeat(self.application.move_blobs_on, MOVE_SECONDS))
                tasks.create_task(self._repeat(self.application.deliver_webhooks, LOOK_SECONDS))
                tasks.create_task(self._listen())
        finally:
            self._running = False
            renewing.cancel()
            with suppress(TimeoutError):
                async with asyncio.timeout(_ENDING):
                    await _done(self.application.end_lease())

    async def check(self) -> None:
        """Raise `Unavailable` unless it is at work."""
        if not self._running:
            raise Unavailable("no worker is running")

    async def _renew(self) -> None:
        lifetime = self.application.renew_lease.lease.lifetime.total_seconds()
        while True:
            await asyncio.sleep(lifetime / RENEWALS)
            await _done(self.application.renew_lease())

    async def _listen(self) -> None:
        async for generation_id in self.events.cancellations():
            await self.application.abandon_calls(generation_id)

    async def _repeat(self, step: Callable[[], Awaitable[object]], seconds: float) -> None:
        while True:
            await _done(step())
            await asyncio.sleep(seconds)

    async def _ring(self) -> None:
        """Ring for all that was there before the start, and then for what nobody may have heard."""
        await self._until_done(self.application.ring_again)
        await self._repeat(self.application.ring_again, RING_SECONDS)

    async def _sweep(self) -> None:
        quiet = 0
        while True:
            # A picture waits in the store while the database is away: it is no orphan, nor for some time afterwards.
            quiet = quiet + 1 if await _done(self.application.settle_stranded()) else 0
            if quiet % HOUSEKEEPING_SWEEPS == QUIET_SWEEPS:
                await _done(self.application.remove_orphans())
            await asyncio.sleep(self.sweep_seconds)

    async def _until_done(self, step: Callable[[], Awaitable[object]]) -> None:
        for pause in self.backoff:
            if await _done(step()):
                return
            await asyncio.sleep(pause)


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
