"""What was left behind: the queued is rung for again or given up, the running is settled, never repeated."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from imagegen.application.at_work import AtWork
from imagegen.application.defects import report
from imagegen.application.ending import write_end
from imagegen.application.leasing import Lease
from imagegen.application.recovering import RecoverCall
from imagegen.application.settling import SettleGeneration
from imagegen.domain.errors import Billed, DeadlineExceeded, OutcomeUnknown, StaleWrite, Unavailable
from imagegen.domain.generations import Failure, Outcome, Status
from imagegen.domain.identifiers import GenerationId
from imagegen.domain.ports import Clock, GenerationEvents, GenerationQueue, UnitOfWorkFactory

A_WHILE: Final = timedelta(minutes=1)
"""What began later may be on its way into the hands of whoever is to draw it here."""

logger = logging.getLogger("imagegen.generations")


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleStranded:
    """Settle the generations whose process has died: all that run at a worker without a lease.

    What its calls brought is looked for. With a receipt the pictures are here and paid for, and it succeeds; without
    one it may have been billed and its answer is gone: it fails as `outcome_unknown` and is never repeated by itself.
    Should its process be alive after all, whoever writes first is right, and the other one changes nothing.
    """

    unit_of_work: UnitOfWorkFactory
    recover: RecoverCall
    settle: SettleGeneration
    events: GenerationEvents
    clock: Clock
    lease: Lease
    at_work: AtWork

    async def __call__(self) -> None:
        """Settle what there is, what a defect left running here included; one broken row does not hide the rest.

        Raises:
            Unavailable: the database or the store is away, and not everything has been settled.
        """
        async with self.unit_of_work() as work:
            left = await work.generations.running_at(self.lease.worker_id, self.clock() - A_WHILE)
            stranded = await work.generations.stranded() if self.lease.judges else ()
        await _each([*left, *stranded], self._settle)

    async def _settle(self, generation_id: GenerationId) -> None:
        if generation_id in self.at_work:  # it is being settled here
            return
        async with self.unit_of_work() as work:
            generation = await work.generations.find(generation_id)
            attempts = await work.attempts.of_generation(generation_id)
        if generation is None or generation.status is not Status.RUNNING:
            return
        open_calls = [attempt for attempt in attempts if attempt.outcome is Outcome.STARTED]
        if open_calls:
            drawn = [await self.recover(generation, attempt) for attempt in open_calls]
            ended = await self.settle(generation, drawn)
            await self.recover.forget(open_calls, ended)
        else:  # it died between two calls, of which none was billed
            error = OutcomeUnknown("The process that was to try again ended.", billed=Billed.NO, retryable=True)
            ended = generation.fail(Failure.of(error), cost_micros=0, now=self.clock())
            try:
                async with self.unit_of_work() as work:
                    write_end(work, ended)
                    await work.commit()
            except StaleWrite:  # somebody else settled it, or it is alive after all
                return
        if ended is not None:
            logger.warning("generation %s was stranded and has %s", generation.id, ended.status)
            await self.events.announce(ended)


@dataclass(frozen=True, slots=True, kw_only=True)
class RingAgain:
    """Ring for what is queued and was perhaps not heard, and give up what was to start by now."""

    unit_of_work: UnitOfWorkFactory
    queue: GenerationQueue
    events: GenerationEvents
    clock: Clock

    async def __call__(self, before: datetime) -> None:
        """Look at everything that was asked for before a moment; one broken row does not hide the rest.

        Raises:
            Unavailable: the database or the queue is away, and not everything has been looked at.
        """
        async with self.unit_of_work() as work:
            overdue = await work.generations.overdue(self.clock())
            waiting = {batched: await work.generations.waiting(before, batched=batched) for batched in (False, True)}
        await _each(overdue, self._give_up)
        for batched, line in waiting.items():
            ring = partial(self.queue.submit, batched=batched)
            await _each([one for one in line if one not in {*overdue}], ring)

    async def _give_up(self, generation_id: GenerationId) -> None:
        try:
            async with self.unit_of_work() as work:
                generation = await work.generations.find(generation_id)
                if generation is None or not generation.overdue(self.clock()):
                    return
                ended = generation.fail(Failure.of(DeadlineExceeded()), cost_micros=0, now=self.clock())
                write_end(work, ended)
                await work.commit()
        except StaleWrite:  # it has begun or was canceled at the last moment
            return
        await self.events.announce(ended)


async def _each(generations: Sequence[GenerationId], step: Callable[[GenerationId], Awaitable[None]]) -> None:
    for generation_id in generations:
        try:
            await step(generation_id)
        except Unavailable:
            raise
        except Exception:  # noqa: BLE001 - reported
            report(logger, "picking up generation %s failed unexpectedly", generation_id)
