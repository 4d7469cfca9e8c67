"""Running a generation: the row first, then the provider, then the bytes, then the row again.

No transaction is open while a provider or a store is asked. Each call is committed as started before it is made.
"""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from imagegen.domain.catalog import Catalog, ImageModel
from imagegen.domain.errors import (
    Billed,
    DatabaseUnavailable,
    OutcomeUnknown,
    PictureNotStored,
    ProviderAccount,
    ProviderError,
    ProviderMisbehaved,
    StaleWrite,
    StorageUnavailable,
)
from imagegen.domain.generations import Adjustment, Attempt, Failure, Generation, Status
from imagegen.domain.identifiers import AttemptId, GenerationId, ImageId
from imagegen.domain.images import Image, Source
from imagegen.domain.ports import (
    BlobStore,
    Clock,
    GenerationEvents,
    ImageProvider,
    NewId,
    Pixels,
    ProviderAnswer,
    UnitOfWorkFactory,
    UnreadablePicture,
)
from imagegen.domain.usage import UsageRecord

logger = logging.getLogger("imagegen.generations")

_SMALL: Final = 64 * 1024
"""Bytes below which a hash costs less than handing it to a thread."""

_SETTLING_TRIES: Final = 60
"""Seconds for which a paid picture waits for a database that is away."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """How one call ended: the settled attempt, its stored images, and the error if there was one."""

    attempt: Attempt
    images: tuple[Image, ...] = ()
    error: ProviderError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunGeneration:
    """Draw a queued generation: call its provider, store the pictures, say how it ended.

    A second delivery of the same generation finds it no longer queued and returns quietly.
    """

    unit_of_work: UnitOfWorkFactory
    catalog: Catalog
    providers: Mapping[str, ImageProvider]
    blobs: BlobStore
    pixels: Pixels
    events: GenerationEvents
    clock: Clock
    new_id: NewId

    async def __call__(self, generation_id: GenerationId) -> None:
        """Run it to its end; errors of the provider become the generation's, not the caller's."""
        begun = await self._begin(generation_id)
        if begun is None:
            return
        generation, attempts, model = begun
        calls = [self._draw(generation, attempt, model) for attempt in attempts]
        drawn = [await calls[0]] if len(calls) == 1 else await asyncio.gather(*calls)
        ended = await self._settle(generation, drawn)
        if ended is not None:
            await self.events.announce(ended)

    async def _begin(self, generation_id: GenerationId) -> tuple[Generation, Sequence[Attempt], ImageModel] | None:
        async with self.unit_of_work() as work:
            generation = await work.generations.find(generation_id)
            if generation is None or generation.status is not Status.QUEUED:
                return None
            model = self.catalog.find(generation.model)
            if model is None or generation.provider not in self.providers:
                ended = _failed(
                    generation, [ProviderAccount("The provider is not configured any more.")], 0, self.clock
                )
                work.generations.update(ended)
                work.usage.add(UsageRecord.of(ended))
                await work.commit()
                await self.events.announce(ended)
                return None
            generation = generation.start(self.clock())
            attempts = self._attempts(generation, model)
            work.generations.update(generation)
            for attempt in attempts:
                work.attempts.add(attempt)
            try:
                await work.commit()
            except StaleWrite:  # somebody else took it
                return None
        return generation, attempts, model

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
            answer = await provider.generate(generation.applied, count=attempt.count, deadline=model.deadline)
        except ProviderError as error:
            return Drawn(attempt.fail(error, self.clock()), error=error)
        except Exception:  # a defect of an adapter must not leave a call that may be billed unsettled
            logger.exception("provider %s failed unexpectedly", attempt.provider)
            unknown = OutcomeUnknown()
            return Drawn(attempt.fail(unknown, self.clock()), error=unknown)
        return await self._keep(generation, attempt, model.price.cost_micros(answer.usage), answer)

    async def _keep(self, generation: Generation, attempt: Attempt, cost: int | None, answer: ProviderAnswer) -> Drawn:
        error: ProviderError
        try:
            images = [await self._store(generation, attempt, i, data) for i, data in enumerate(answer.pictures)]
        except UnreadablePicture:
            error = ProviderMisbehaved(billed=answer.billed, request_id=answer.request_id)
        except StorageUnavailable:
            logger.warning("store took no picture of generation %s", generation.id)
            error = PictureNotStored(billed=answer.billed, request_id=answer.request_id)
        else:
            settled = attempt.succeed(
                cost_micros=cost, request_id=answer.request_id, billed=answer.billed, now=self.clock()
            )
            return Drawn(settled, tuple(images))
        return Drawn(attempt.fail(error, self.clock(), cost_micros=cost), error=error)

    async def _store(self, generation: Generation, attempt: Attempt, index: int, data: bytes) -> Image:
        found = self.pixels.measure(data)
        wanted = generation.applied.output_format
        if wanted is not None and wanted is not found.format:
            data = await self.pixels.transcode(data, wanted)
            found = self.pixels.measure(data)
        key = f"{attempt.id.hex[-2:]}/{attempt.id}-{index}.{found.format}"
        hashing = _hashing(data)
        location = await self.blobs.put(key, data, found.format.content_type)
        return Image(
            id=ImageId(self.new_id()),
            user_id=generation.user_id,
            generation_id=generation.id,
            attempt_id=attempt.id,
            position=index,
            source=Source.GENERATED,
            location=location,
            size=found.size,
            format=found.format,
            bytes=len(data),
            sha256=hashing if isinstance(hashing, str) else await hashing,
            created_at=self.clock(),
        )

    async def _settle(self, generation: Generation, drawn: Sequence[Drawn]) -> Generation | None:
        current: Generation | None = generation
        for _ in range(_SETTLING_TRIES):
            if current is None or current.status is not Status.RUNNING:
                return None
            ended = self._ended(current, drawn)
            try:
                await self._commit(ended, drawn)
            except StaleWrite:  # it was relabeled, or taken back, while it ran
                async with self.unit_of_work() as work:
                    current = await work.generations.find(generation.id)
            except DatabaseUnavailable:
                logger.warning("database did not take the end of generation %s; trying again", generation.id)
                await asyncio.sleep(1)
            else:
                return ended
        return None

    def _ended(self, generation: Generation, drawn: Sequence[Drawn]) -> Generation:
        costs = [d.attempt.cost_micros for d in drawn]
        cost = None if None in costs else sum(c for c in costs if c is not None)
        stored = [image for d in drawn for image in d.images]
        images = [replace(image, position=position) for position, image in enumerate(stored)]
        errors = [d.error for d in drawn if d.error is not None]
        if not images:
            return _failed(generation, errors, cost, self.clock)
        missing = generation.applied.n - len(images)
        reason = errors[0].title if errors else "The provider answered with fewer pictures."
        fewer = Adjustment("n", generation.applied.n, len(images), reason)
        return generation.succeed(
            images, cost_micros=cost, adjustments=(fewer,) if missing > 0 else (), now=self.clock()
        )

    async def _commit(self, ended: Generation, drawn: Sequence[Drawn]) -> None:
        async with self.unit_of_work() as work:
            work.generations.update(ended)
            for one in drawn:
                work.attempts.update(one.attempt)
            for image in ended.images:
                work.images.add(image)
            work.usage.add(UsageRecord.of(ended))
            await work.commit()


def _failed(generation: Generation, errors: Sequence[ProviderError], cost: int | None, clock: Clock) -> Generation:
    """The failed generation. Of several errors the first speaks, and the dearest word on billing counts."""
    billed = {error.billed for error in errors}
    worst = next(b for b in (Billed.UNKNOWN, Billed.YES, Billed.NO) if b in billed)
    failure = replace(Failure.of(errors[0]), billed=worst)
    return generation.fail(failure, cost_micros=cost, now=clock())


def _hashing(data: bytes) -> str | Awaitable[str]:
    """The SHA-256 of the bytes, or of many bytes its promise from another thread."""
    if len(data) < _SMALL:
        return _sha256(data)
    return asyncio.get_running_loop().run_in_executor(None, _sha256, data)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
