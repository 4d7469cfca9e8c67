"""What is queued: rung for again, in case nobody heard, or given up when it was to start by now."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from imagegen.application.defects import report
from imagegen.application.ending import write_end
from imagegen.domain.errors import DeadlineExceeded, StaleWrite, Unavailable
from imagegen.domain.generations import Failure, Status
from imagegen.domain.identifiers import GenerationId
from imagegen.domain.ports import Clock, GenerationEvents, GenerationQueue, UnitOfWorkFactory

logger = logging.getLogger("imagegen.generations")


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
