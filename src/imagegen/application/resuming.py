"""What was left behind: the queued is rung for again or given up, the running is settled, never repeated."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from random import sample
from typing import Final

from imagegen.application.at_work import AtWork
from imagegen.application.defects import report
from imagegen.application.ending import write_end
from imagegen.application.leasing import Lease
from imagegen.application.recovering import RecoverCall
from imagegen.application.settling import SettleGeneration
from imagegen.domain.errors import Billed, DeadlineExceeded, OutcomeUnknown, StaleWrite, Unavailable
from imagegen.domain.generations import Failure, Generation, Outcome, Status
from imagegen.domain.identifiers import GenerationId
from imagegen.domain.ports import Clock, GenerationEvents, GenerationQueue, UnitOfWorkFactory

AT_ONCE: Final = 16
"""Generations that are settled at the same time: a thousand are, in a store that takes 30 ms, in some seconds."""
A_WHILE: Final = timedelta(minutes=1)
"""What began later may be on its way into the hands of whoever is to draw it here."""

logger = logging.getLogger("imagegen.generations")


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleStranded:
    """Settle the generations whose process has died: all that run at a worker without a lease.

    What its calls brought is looked for. With a receipt the pictures are here and paid for, and it succeeds; without
    one it may have been billed and its answer is gone: it fails as `outcome_unknown` and is never repeated by itself.
    Should its process be alive after all, nothing is changed.
    """

    unit_of_work: UnitOfWorkFactory
    recover: RecoverCall
    settle: SettleGeneration
    events: GenerationEvents
    clock: Clock
    lease: Lease
    at_work: AtWork

    async def __call__(self) -> None:
        """Settle what there is, many at a time, what a defect left running here included.

        One that cannot be settled, or only by a store that is away, hides none of the others.

        Raises:
            Unavailable: the database or the store is away, and not everything has been settled.
        """
        async with self.unit_of_work() as work:
            left = await work.generations.running_at(self.lease.worker_id, self.clock() - A_WHILE)
            stranded = await work.generations.stranded() if self.lease.judges else ()
        # Not in the same order as the others, who have the same list.
        remaining = iter([*left, *sample(stranded, len(stranded))])
        away: list[Unavailable] = []
        await asyncio.gather(*(self._settle_some(remaining, away) for _ in range(AT_ONCE)))
        if away:
            raise away[0]

    async def _settle_some(self, remaining: Iterator[GenerationId], away: list[Unavailable]) -> None:
        for generation_id in remaining:
            try:
                if generation_id not in self.at_work:  # else it is being settled here
                    await self._settle(generation_id, away)
            except Unavailable as error:
                away.append(error)
            except Exception:  # noqa: BLE001 - reported
                report(logger, "settling generation %s failed unexpectedly", generation_id)

    async def _settle(self, generation_id: GenerationId, away: Sequence[Unavailable]) -> None:
        async with self.unit_of_work() as work:
            generation = await work.generations.find(generation_id)
            attempts = await work.attempts.of_generation(generation_id)
        if generation is None or generation.status is not Status.RUNNING:
            return
        calls = [attempt for attempt in attempts if attempt.outcome is Outcome.STARTED]
        if calls and away:  # whose store would only be waited for
            return
        drawn = [await self.recover(generation, attempt) for attempt in calls]
        ended = self.settle.ended(generation, drawn) if drawn else self._between_calls(generation)
        try:
            async with self.unit_of_work() as work:
                if generation.worker_id != self.lease.worker_id:  # a moment ago it was dead; it may have come back
                    work.generations.take_over(generation)
                write_end(work, ended, [one.attempt for one in drawn])
                await work.commit()
        except StaleWrite:  # somebody else settled it, or it is alive after all
            return
        logger.warning("generation %s was stranded and has %s", generation.id, ended.status)
        await self.events.announce(ended)
        await self.recover.forget(calls, ended)

    def _between_calls(self, generation: Generation) -> Generation:
        """It died between two calls, of which none was billed."""
        error = OutcomeUnknown("The process that was to try again ended.", billed=Billed.NO, retryable=True)
        return generation.fail(Failure.of(error), cost_micros=0, now=self.clock())


@dataclass(frozen=True, slots=True, kw_only=True)
class RingAgain:
    """Ring for what is queued: perhaps nobody heard the first ring, and one that rings already is left at that."""

    unit_of_work: UnitOfWorkFactory
    queue: GenerationQueue

    async def __call__(self) -> None:
        """Ring for everything; one broken row does not hide the rest.

        Raises:
            Unavailable: the database or the queue is away, and not everything has been rung for.
        """
        for batched in (False, True):
            async with self.unit_of_work() as work:
                waiting = await work.generations.waiting(batched=batched)
            await _each(waiting, partial(self.queue.submit, batched=batched))


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUpOverdue:
    """Give up what was to start by now, as the clock that all share has it, and has not."""

    unit_of_work: UnitOfWorkFactory
    events: GenerationEvents
    clock: Clock

    async def __call__(self) -> None:
        """Give up all there is; raise `DatabaseUnavailable` when the database does not answer."""
        async with self.unit_of_work() as work:
            overdue = await work.generations.overdue(await work.now())
        await _each(overdue, self._give_up)

    async def _give_up(self, generation_id: GenerationId) -> None:
        try:
            async with self.unit_of_work() as work:
                generation = await work.generations.find(generation_id)
                if generation is None or generation.status is not Status.QUEUED:
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
