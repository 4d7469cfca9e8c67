"""What dead processes were drawing: it is settled by what their calls left, and never repeated."""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from random import sample
from typing import Final

from imagegen.application.at_work import AtWork
from imagegen.application.concluding import ConcludeGeneration
from imagegen.application.defects import report
from imagegen.application.leasing import Lease
from imagegen.application.recovering import RecoverCall
from imagegen.domain.attempts import Outcome
from imagegen.domain.errors import StaleWrite, Unavailable
from imagegen.domain.generations import Status
from imagegen.domain.identifiers import GenerationId
from imagegen.domain.ports import Clock, GenerationEvents, UnitOfWorkFactory

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
    conclude: ConcludeGeneration
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
        elsewhere = generation.worker_id != self.lease.worker_id  # and dead a moment ago; it may have come back
        try:
            ended = await self.conclude(generation, drawn, stranded=elsewhere)
        except StaleWrite:  # somebody else settled it, or it is alive after all
            return
        logger.warning("generation %s was stranded and has %s", generation.id, ended.status)
        await self.events.announce(ended)
        await self.recover.forget(calls, ended)
