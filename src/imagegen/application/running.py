"""Running a generation: the row first, then the provider, then the bytes, then the row again.

No transaction is open while a provider or a store is asked. Each call is committed as started before it is made.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from imagegen.application.at_work import AtWork
from imagegen.application.defects import report
from imagegen.application.gathering import all_of
from imagegen.application.keeping import Drawn, KeepPictures
from imagegen.application.retrying import Backoff, until_fresh
from imagegen.application.settling import SettleGeneration
from imagegen.domain.catalog import Catalog, ImageModel
from imagegen.domain.errors import DatabaseUnavailable, OutcomeUnknown, ProviderAccount, ProviderError
from imagegen.domain.generations import Attempt, Failure, Generation, Status
from imagegen.domain.identifiers import AttemptId, GenerationId
from imagegen.domain.images import ImageRequest
from imagegen.domain.ports import Clock, GenerationEvents, ImageProvider, NewId, UnitOfWork, UnitOfWorkFactory
from imagegen.domain.usage import UsageRecord

logger = logging.getLogger("imagegen.generations")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunGeneration:
    """Draw a queued generation: call its provider, store the pictures, say how it ended.

    A second delivery of the same generation finds it at work here, or no longer queued, and returns quietly.
    """

    unit_of_work: UnitOfWorkFactory
    catalog: Catalog
    providers: Mapping[str, ImageProvider]
    keep: KeepPictures
    settle: SettleGeneration
    events: GenerationEvents
    clock: Clock
    new_id: NewId
    at_work: AtWork
    backoff: Backoff

    async def __call__(self, generation_id: GenerationId) -> None:
        """Run it to its end; errors of the provider become the generation's, not the caller's."""
        if generation_id in self.at_work:
            return
        with self.at_work.on(generation_id):
            await self._run(generation_id)

    async def _run(self, generation_id: GenerationId) -> None:
        begun = await until_fresh(lambda: self._begin(generation_id))
        if begun is None:
            return
        generation, attempts, model = begun
        drawn = await all_of([self._draw(generation, attempt, model) for attempt in attempts])
        ended = await self.settle(generation, drawn)
        if ended is not None:
            await self.events.announce(ended)

    async def _begin(self, generation_id: GenerationId) -> tuple[Generation, Sequence[Attempt], ImageModel] | None:
        async with self.unit_of_work() as work:
            generation = await work.generations.find(generation_id)
            if generation is None or generation.status is not Status.QUEUED:
                return None
            model = self.catalog.find(generation.model)
            if model is None or generation.provider not in self.providers:
                await self._give_up(work, generation)
                return None
            generation = generation.start(self.clock())
            attempts = self._attempts(generation, model)
            work.generations.update(generation)
            for attempt in attempts:
                work.attempts.add(attempt)
            try:
                await work.commit()
            except DatabaseUnavailable:
                if not await self._on_record(attempts):
                    raise
        return generation, attempts, model

    async def _on_record(self, attempts: Sequence[Attempt]) -> bool:
        """Whether a commit whose answer was lost took place; asked until the database is back."""
        generation_id = attempts[0].generation_id
        pauses = iter(self.backoff)
        while True:
            await asyncio.sleep(next(pauses))
            try:
                async with self.unit_of_work() as work:
                    found = await work.attempts.of_generation(generation_id)
            except DatabaseUnavailable:
                logger.warning("whether generation %s has begun is not known yet", generation_id)
            else:
                return {attempt.id for attempt in attempts} == {attempt.id for attempt in found}

    async def _give_up(self, work: UnitOfWork, generation: Generation) -> None:
        error = ProviderAccount("The provider is not configured any more.")
        ended = generation.fail(Failure.of(error), cost_micros=0, now=self.clock())
        work.generations.update(ended)
        work.usage.add(UsageRecord.of(ended))
        await work.commit()
        await self.events.announce(ended)

    def _attempts(self, generation: Generation, model: ImageModel) -> Sequence[Attempt]:
        wanted, most = generation.applied.n, model.capabilities.images_per_call
        return [
            Attempt(
                id=AttemptId(self.new_id()),
                generation_id=generation.id,
                number=number,
                provider=model.provider,
                model=model.id,
                count=min(most, wanted - first),
                started_at=generation.started_at or self.clock(),
            )
            for number, first in enumerate(range(0, wanted, most), start=1)
        ]

    async def _draw(self, generation: Generation, attempt: Attempt, model: ImageModel) -> Drawn:
        provider = self.providers[attempt.provider]
        try:
            asked = _asked(generation.applied, attempt)
            answer = await provider.generate(asked, count=attempt.count, deadline=model.deadline)
            return await self.keep(generation, attempt, answer, cost_micros=model.price.cost_micros(answer.usage))
        except ProviderError as error:
            return Drawn(attempt.fail(error, self.clock()), errors=(error,))
        except Exception:  # noqa: BLE001 - reported; a defect must not leave a call that may be billed unsettled
            report(logger, "a call to provider %s failed unexpectedly", attempt.provider)
            unknown = OutcomeUnknown("The call to the provider broke off; it may have been billed.")
            return Drawn(attempt.fail(unknown, self.clock()), errors=(unknown,))


def _asked(applied: ImageRequest, attempt: Attempt) -> ImageRequest:
    """What one of several calls asks: each counts the seed on, or all of them would bring the same picture."""
    return applied if applied.seed is None else replace(applied, seed=(applied.seed + attempt.number - 1) % 2**31)
