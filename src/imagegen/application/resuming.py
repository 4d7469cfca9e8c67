"""What a process that ended left behind: the queued is asked for again, the running is settled, never repeated."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from imagegen.application.at_work import AtWork
from imagegen.application.defects import report
from imagegen.domain.errors import Billed, OutcomeUnknown, StaleWrite, Unavailable
from imagegen.domain.generations import Failure, Generation, Outcome, Status
from imagegen.domain.identifiers import GenerationId
from imagegen.domain.ports import Clock, GenerationEvents, GenerationQueue, UnitOfWorkFactory
from imagegen.domain.usage import UsageRecord

logger = logging.getLogger("imagegen.generations")


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeStranded:
    """Pick up generations that nobody works on.

    One that is queued rings again. One that runs although nobody can be working on it any more may have been billed
    and its answer is gone: it fails as `outcome_unknown` and is never repeated by itself. Nobody can be when it is not
    at work here and has been running for `patience`: longer than any other process may take, or nothing where there
    is none.
    """

    unit_of_work: UnitOfWorkFactory
    queue: GenerationQueue
    events: GenerationEvents
    clock: Clock
    patience: timedelta
    at_work: AtWork

    async def __call__(self, before: datetime) -> None:
        """Look at everything unfinished that was asked for before a moment; one broken row does not hide the rest.

        Raises:
            Unavailable: the database or the queue is away, and not everything has been looked at.
        """
        async with self.unit_of_work() as work:
            stranded = await work.generations.unfinished(before)
        for generation_id in stranded:
            try:
                await self._resume(generation_id)
            except Unavailable:
                raise
            except Exception:  # noqa: BLE001 - reported
                report(logger, "resuming generation %s failed unexpectedly", generation_id)

    async def _resume(self, generation_id: GenerationId) -> None:
        async with self.unit_of_work() as work:
            generation = await work.generations.find(generation_id)
        if generation is None:
            return
        if generation.status is Status.QUEUED:
            await self.queue.submit(generation_id)
        elif generation.status is Status.RUNNING and self._stranded(generation):
            await self._settle(generation)

    def _stranded(self, generation: Generation) -> bool:
        """Whether nobody works on it; asked after it was read, for until then it may have been begun here."""
        return generation.id not in self.at_work and self.clock() - _begun(generation) >= self.patience

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
