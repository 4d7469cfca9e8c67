"""The worker: draws what the queue rings for, and sweeps for what nobody rang for."""

import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from imagegen.application import Application
from imagegen.application.defects import report
from imagegen.application.retrying import Backoff
from imagegen.domain.errors import Unavailable
from imagegen.domain.ports import Clock, GenerationQueue

SWEEP_SECONDS: Final = 60.0
QUEUED_TOO_LONG: Final = timedelta(seconds=60)
ORPHAN_SWEEPS: Final = 60
"""Sweeps between two looks for orphaned bytes: an hour."""

logger = logging.getLogger("imagegen.worker")


@dataclass(slots=True, kw_only=True)
class Worker:
    """Runs in the server's own process with the in-process queue, and by itself with a distributed one.

    It draws from the first moment, whatever becomes of the sweeps: `backoff` is how long the first one is put off
    while it fails, `sweep_seconds` is how long lies between the others.
    """

    application: Application
    queue: GenerationQueue
    clock: Clock
    backoff: Backoff = field(default_factory=Backoff)
    sweep_seconds: float = SWEEP_SECONDS
    _running: bool = field(default=False, init=False)

    async def run(self) -> None:
        """Work until canceled; then finish what runs within the queue's grace."""
        self._running = True
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.queue.consume(self.application.run_generation))
                tasks.create_task(self._sweep())
        finally:
            self._running = False

    async def check(self) -> None:
        """Raise `Unavailable` unless it is at work."""
        if not self._running:
            raise Unavailable("no worker is running")

    async def _sweep(self) -> None:
        await self._pick_up_what_was_left()
        count = 0
        while True:
            await asyncio.sleep(self.sweep_seconds)
            done = await _done(self.application.resume_stranded(self.clock() - QUEUED_TOO_LONG))
            # A picture waits in the store while the database is away: it is no orphan, nor for some time afterwards.
            count = count + 1 if done else 0
            if count == ORPHAN_SWEEPS:
                await _done(self.application.remove_orphans())
                count = 0

    async def _pick_up_what_was_left(self) -> None:
        """Look at everything that was asked for before the start, again until that has worked."""
        start = self.clock()
        for pause in self.backoff:
            if await _done(self.application.resume_stranded(start)):
                return
            await asyncio.sleep(pause)


async def _done(sweep: Awaitable[object]) -> bool:
    """Whether a sweep went through; one that does not is logged, for the next one to make up for."""
    try:
        await sweep
    except Unavailable:
        logger.warning("sweep put off: database, storage or queue is away")
    except Exception:  # noqa: BLE001 - reported; no sweep is worth ending the drawing for
        report(logger, "a sweep failed unexpectedly")
    else:
        return True
    return False
