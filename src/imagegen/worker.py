"""The worker: draws what the queue rings for, and sweeps for what nobody rang for."""

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from imagegen.application import Application
from imagegen.domain.errors import Unavailable
from imagegen.domain.ports import Clock, GenerationQueue

SWEEP_SECONDS: Final = 60
QUEUED_TOO_LONG: Final = timedelta(seconds=60)
ORPHAN_SWEEPS: Final = 60
"""Sweeps between two looks for orphaned bytes: an hour."""

logger = logging.getLogger("imagegen.worker")


@dataclass(slots=True, kw_only=True)
class Worker:
    """Runs in the server's own process with the in-process queue, and by itself with a distributed one."""

    application: Application
    queue: GenerationQueue
    clock: Clock
    _running: bool = field(default=False, init=False)

    async def run(self) -> None:
        """Work until canceled; then finish what runs within the queue's grace."""
        self._running = True
        try:
            await self.application.resume_stranded(self.clock())
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
        count = 0
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            count += 1
            try:
                await self.application.resume_stranded(self.clock() - QUEUED_TOO_LONG)
                if count % ORPHAN_SWEEPS == 0:
                    await self.application.remove_orphans()
            except Unavailable:
                logger.warning("sweep put off: database or storage is away")
