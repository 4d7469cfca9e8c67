"""What a process that ended left behind: the queued is asked for again, the running is settled, never repeated."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from imagegen.domain.errors import Billed, OutcomeUnknown, StaleWrite
from imagegen.domain.generations import Failure, Generation, Outcome, Status
from imagegen.domain.identifiers import GenerationId
from imagegen.domain.ports import Clock, GenerationEvents, GenerationQueue, UnitOfWorkFactory
from imagegen.domain.usage import UsageRecord

logger = logging.getLogger("imagegen.generations")


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeStranded:
    """Pick up generations that nobody works on.

    One that is queued rings again. One that runs although nobody can be working on it any more may have been billed
    and its answer is gone: it fails as `outcome_unknown` and is never repeated by itself. Nobody can be when it has
    been running for `patience`, which is longer than any call may take.
    """

    unit_of_work: UnitOfWorkFactory
    queue: GenerationQueue
    events: GenerationEvents
    clock: Clock
    patience: timedelta

    async def __call__(self, before: datetime, *, alone: bool = False) -> None:
        """Look at everything unfinished that was asked for before a moment.

        `alone` says that nothing has been begun here yet and that nobody else can be at work: whatever is found
        running was left behind, however recently.
        """
        async with self.unit_of_work() as work:
            stranded = await work.generations.unfinished(before)
        for generation_id in stranded:
            await self._resume(generation_id, timedelta(0) if alone else self.patience)

    async def _resume(self, generation_id: GenerationId, patience: timedelta) -> None:
        async with self.unit_of_work() as work:
            generation = await work.generations.find(generation_id)
        if generation is None:
            return
        if generation.status is Status.QUEUED:
            await self.queue.submit(generation_id)
        elif generation.status is Status.RUNNING and self.clock() - _begun(generation) >= patience:
            await self._settle(generation)

    async def _settle(self, generation: Generation) -> None:
        error = OutcomeUnknown("The process that waited for the provider ended.", billed=Billed.UNKNOWN)
        now = self.clock()
        ended = generation.fail(Failure.of(error), cost_micros=None, now=now)
        try:
            async with self.unit_of_work() as work:
                attempts = await work.attempts.of_generation(generation.id)
                work.generations.update(ended)
                for attempt in attempts:
                    if attempt.outcome is Outcome.STARTED:
                        work.attempts.update(attempt.fail(error, now))
                work.usage.add(UsageRecord.of(ended))
                await work.commit()
        except StaleWrite:  # it was alive after all
            return
        logger.warning("generation %s was stranded; its outcome is unknown", generation.id)
        await self.events.announce(ended)


def _begun(generation: Generation) -> datetime:
    return generation.started_at or generation.created_at
