"""The worker: draws what the queue rings for, keeps its lease, sweeps for what nobody rang for, delivers webhooks."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import randrange
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
"""Sweeps that have to go through, at least, before the first of these looks."""
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
_TIDYING: Final = 2.0
"""Of these for removing receipts; the others remove what is left of them."""

Step = Callable[[], Awaitable[object]]

logger = logging.getLogger("imagegen.worker")


@dataclass(slots=True)
class Round:
    """What is done over and over: where it does not go through once, the next time makes up for it.

    What is away and puts it off is told when that begins, and not each time until it is back.
    """

    name: str
    step: Step
    _away: str | None = field(default=None, init=False)

    async def __call__(self) -> bool:
        """Do it once, and return whether that went through."""
        try:
            await self.step()
        except Unavailable as error:
            if self._away != error.code:
                logger.warning("%s is put off: %s", self.name, error.detail)
            self._away = error.code
        except Exception:  # noqa: BLE001 - reported; nothing of this is worth ending the drawing for
            report(logger, "%s failed unexpectedly", self.name)
        else:
            self._away = None
            return True
        return False


@dataclass(slots=True, kw_only=True)
class Worker:
    """Runs in the server's own process with the in-process queue, and by itself with a distributed one.

    It draws from the moment it has its lease, whatever becomes of its rounds: `backoff` is how long that is put off
    while the database is away, `sweep_seconds` is how long lies between two looks for what others left. `first_look` is
    how many of these have to go through until orphaned bytes are looked for: it is left to chance, so that processes
    that were started together do not list the store together.
    """

    application: Application
    queue: GenerationQueue
    events: GenerationEvents
    backoff: Backoff = field(default_factory=Backoff)
    sweep_seconds: float = SWEEP_SECONDS
    first_look: int = field(default_factory=lambda: randrange(QUIET_SWEEPS, HOUSEKEEPING_SWEEPS))  # noqa: S311 - no secret
    _running: bool = field(default=False, init=False)
    _quiet: int = field(default=0, init=False)
    _look_due: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    async def run(self) -> None:
        """Work until canceled; then finish what runs within the queue's grace, and give the lease back."""
        renew = Round("renewing the lease", self.application.renew_lease)
        await self._begin_lease(renew)
        lifetime = self.application.renew_lease.lease.lifetime
        # Not one of the rounds: while what runs is being finished, it must not be taken for stranded.
        renewing = asyncio.create_task(_repeat(renew, lifetime.total_seconds() / RENEWALS))
        self._running = True
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.queue.consume(self.application.run_generation))
                tasks.create_task(self._listen())
                for name, step, seconds in self._rounds():
                    tasks.create_task(_repeat(Round(name, step), seconds))
        finally:
            self._running = False
            renewing.cancel()
            with suppress(TimeoutError):
                async with asyncio.timeout(_ENDING):
                    await self._end()

    async def check(self) -> None:
        """Raise `Unavailable` unless it is at work."""
        if not self._running:
            raise Unavailable("no worker is running")

    def _rounds(self) -> Sequence[tuple[str, Step, float]]:
        """What is done from the start on, over and over, and the seconds between.

        Each for itself: while one waits for a store or a receiver, none of the others does.
        """
        do = self.application
        return (
            # At the start for all that the process before this one left queued.
            ("ringing again", do.ring_again, RING_SECONDS),
            ("giving up what is overdue", do.give_up_overdue, self.sweep_seconds),
            ("settling what is stranded", self._settle, self.sweep_seconds),
            ("finishing batches", do.finish_batches, self.sweep_seconds),
            ("delivering webhooks", do.deliver_webhooks, LOOK_SECONDS),
            ("removing orphans", self._look_for_orphans, self.sweep_seconds),
            ("moving pictures on", do.move_blobs_on, MOVE_SECONDS),
            ("removing receipts", do.remove_receipts, self.sweep_seconds),
            ("removing forgotten pictures", do.remove_forgotten, LEFTOVER_SECONDS),
            ("removing leftovers", do.remove_leftovers, LEFTOVER_SECONDS),
            ("removing what has expired", do.remove_expired, EXPIRY_SECONDS),
        )

    async def _begin_lease(self, renew: Round) -> None:
        for pause in self.backoff:
            if await renew():
                return
            await asyncio.sleep(pause)

    async def _end(self) -> None:
        """Remove what can be removed soon, and give the lease back; it stays as a note where something is left."""
        tidy = self.application.remove_receipts
        with suppress(TimeoutError):
            async with asyncio.timeout(_TIDYING):
                await Round("removing receipts at the end", tidy)()
        await Round("giving the lease back", lambda: self.application.end_lease(leftovers=tidy.left))()

    async def _listen(self) -> None:
        async for generation_id in self.events.cancellations():
            await self.application.abandon_calls(generation_id)

    async def _settle(self) -> None:
        """Settle what is stranded; when that has gone through for a while without a break, let orphans be looked for.

        A picture waits in the store while the database is away: it is no orphan, nor for some time afterwards.
        """
        quiet, self._quiet = self._quiet, 0  # which it stays if this breaks off
        await self.application.settle_stranded()
        self._quiet = quiet + 1
        if self._quiet % HOUSEKEEPING_SWEEPS == self.first_look:
            self._look_due.set()

    async def _look_for_orphans(self) -> None:
        """Wait until it is time for that, and do it once, however often that time comes meanwhile."""
        await self._look_due.wait()
        try:
            await self.application.remove_orphans()
        finally:
            self._look_due.clear()


async def _repeat(do: Round, seconds: float) -> None:
    while True:
        await do()
        await asyncio.sleep(seconds)
