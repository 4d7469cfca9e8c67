"""Running a generation that was rung for: it is begun on record, then drawn."""

import asyncio
import logging
from collections.abc import Container
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from imagegen.application.at_work import AtWork
from imagegen.application.defects import report
from imagegen.application.drawing import Begun, DrawGeneration
from imagegen.application.ending import write_end
from imagegen.application.finishing import FinishBatch
from imagegen.application.leasing import RenewLease
from imagegen.application.retrying import Backoff, until_fresh
from imagegen.domain.catalog import Catalog, ImageModel
from imagegen.domain.errors import DatabaseUnavailable, DeadlineExceeded, ProviderAccount, ProviderError, Unavailable
from imagegen.domain.generations import Failure, Generation, Status
from imagegen.domain.identifiers import GenerationId
from imagegen.domain.ports import Clock, GenerationEvents, UnitOfWork, UnitOfWorkFactory

_LOOK_FURTHER: Final = 8
"""Times as many are looked at where all so far are being begun here, as when many places come free together."""

logger = logging.getLogger("imagegen.generations")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmBeginning:
    """Find out whether a generation has begun when the answer to the commit of its beginning was lost."""

    unit_of_work: UnitOfWorkFactory
    backoff: Backoff

    async def __call__(self, begun: Begun) -> bool:
        """Whether it is on record and runs here still; asked until the database is back."""
        pauses = iter(self.backoff)
        while True:
            await asyncio.sleep(next(pauses))
            try:
                async with self.unit_of_work() as work:
                    found = await work.generations.find(begun.generation.id)
            except DatabaseUnavailable:
                logger.warning("whether generation %s has begun is not known yet", begun.generation.id)
            else:
                here = begun.generation.worker_id
                return found is not None and found.status is Status.RUNNING and found.worker_id == here


@dataclass(frozen=True, slots=True, kw_only=True)
class RunGeneration:
    """Begin and draw a queued generation, after those of a higher priority that nobody has begun yet.

    However many places come free together, each goes to another one of those, the first that is left. A second delivery
    of the same generation finds it at work here, or no longer queued, and returns quietly. One of those before it that
    cannot be run, as when its row is broken, is reported and left out.
    """

    unit_of_work: UnitOfWorkFactory
    catalog: Catalog
    draw: DrawGeneration
    confirm: ConfirmBeginning
    events: GenerationEvents
    clock: Clock
    at_work: AtWork
    renew: RenewLease
    finish_batch: FinishBatch

    async def __call__(self, generation_id: GenerationId) -> None:
        """Run it to its end; errors of the provider become the generation's, not the caller's."""
        if not self.renew.lease.held:  # what began now would be taken for stranded
            await self.renew()
        broken = set[GenerationId]()
        while (better := await self._better(generation_id, broken)) is not None:
            try:
                await self._run(better)
            except Unavailable:
                raise
            except Exception:  # noqa: BLE001 - reported
                report(logger, "running generation %s failed unexpectedly", better)
                broken.add(better)
        await self._run(generation_id)

    async def _better(self, generation_id: GenerationId, broken: Container[GenerationId]) -> GenerationId | None:
        """The first of those above the one rung for that wait, that are whole, and that nobody is beginning here."""
        async with self.unit_of_work() as work:
            generation = await work.generations.find(generation_id)
            if generation is None or generation.status is not Status.QUEUED:
                return None
            limit = 1
            while True:
                above = await work.generations.first_above(generation.priority, limit, batched=generation.batched)
                first = next((one for one in above if one not in self.at_work and one not in broken), None)
                if first is not None or len(above) < limit:
                    return first
                limit *= _LOOK_FURTHER

    async def _run(self, generation_id: GenerationId) -> None:
        if generation_id in self.at_work:
            return
        with self.at_work.on(generation_id):
            begun = await until_fresh(lambda: self._begin(generation_id))
            if begun is not None:
                await self.events.announce(begun.generation)
                await self.draw(begun)
                await self._finish_batch(begun.generation)

    async def _finish_batch(self, generation: Generation) -> None:
        if generation.batch_id is not None:
            with suppress(Unavailable):  # a sweep looks as well
                await self.finish_batch(generation.batch_id)

    async def _begin(self, generation_id: GenerationId) -> Begun | None:
        async with self.unit_of_work() as work:
            generation = await work.generations.find(generation_id)
            if generation is None or generation.status is not Status.QUEUED:
                return None
            model = await self._model(work, generation)
            if isinstance(model, Generation):
                await self._end(work, model)
                return None
            begun = self.draw.begin(generation, model)
            work.generations.update(begun.generation)
            begun.write_calls(work)
            try:
                await work.commit()
            except DatabaseUnavailable:
                if not await self.confirm(begun):
                    raise
        return begun

    async def _model(self, work: UnitOfWork, generation: Generation) -> ImageModel | Generation:
        """The model to draw it, or the generation as it ends where it must not begin any more."""
        now = self.clock()
        if generation.batch_id is not None and await work.batches.canceled(generation.batch_id):
            return generation.cancel(now)
        model = self.catalog.find(generation.model)
        error: ProviderError
        if generation.start_by is not None and generation.overdue(await work.now()):
            error = DeadlineExceeded()
        elif model is None or generation.provider not in self.draw.call.providers:
            error = ProviderAccount("The provider is not configured any more.")
        else:
            return model
        return generation.fail(Failure.of(error), cost_micros=0, now=now)

    async def _end(self, work: UnitOfWork, ended: Generation) -> None:
        write_end(work, ended)
        await work.commit()
        await self.events.announce(ended)
