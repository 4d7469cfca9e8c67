"""Running a generation: the row first, then the provider, then the bytes, then the row again.

No transaction is open while a provider or a store is asked. Each call is committed as started before it is made.
"""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from imagegen.application.cleaning import RemoveBlobs
from imagegen.application.retrying import until_fresh
from imagegen.domain.catalog import Catalog, ImageModel
from imagegen.domain.errors import (
    Billed,
    DatabaseUnavailable,
    NoImage,
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
from imagegen.domain.images import Image, ImageRequest, Source
from imagegen.domain.ports import (
    BlobStore,
    Clock,
    GenerationEvents,
    ImageProvider,
    NewId,
    Pixels,
    ProviderAnswer,
    UnitOfWork,
    UnitOfWorkFactory,
    UnreadablePicture,
)
from imagegen.domain.usage import UsageRecord

T = TypeVar("T")

logger = logging.getLogger("imagegen.generations")

_SMALL: Final = 64 * 1024
"""Bytes below which a hash costs less than handing it to a thread."""

_SETTLING_TRIES: Final = 60
"""How often the end of a generation, with pictures that are paid for, is tried to be remembered."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """How one call ended: the settled attempt, its stored images, and what went wrong with those that are not."""

    attempt: Attempt
    images: tuple[Image, ...] = ()
    errors: tuple[ProviderError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunGeneration:
    """Draw a queued generation: call its provider, store the pictures, say how it ended.

    A second delivery of the same generation finds it no longer queued and returns quietly. `pause` is how many
    seconds lie between two tries to remember the end while the database is away.
    """

    unit_of_work: UnitOfWorkFactory
    catalog: Catalog
    providers: Mapping[str, ImageProvider]
    blobs: BlobStore
    remove_blobs: RemoveBlobs
    pixels: Pixels
    events: GenerationEvents
    clock: Clock
    new_id: NewId
    pause: float = 1.0

    async def __call__(self, generation_id: GenerationId) -> None:
        """Run it to its end; errors of the provider become the generation's, not the caller's."""
        begun = await until_fresh(lambda: self._begin(generation_id))
        if begun is None:
            return
        generation, attempts, model = begun
        drawn = await _all([self._draw(generation, attempt, model) for attempt in attempts])
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
                await self._give_up(work, generation)
                return None
            generation = generation.start(self.clock())
            attempts = self._attempts(generation, model)
            work.generations.update(generation)
            for attempt in attempts:
                work.attempts.add(attempt)
            await work.commit()
        return generation, attempts, model

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
        except ProviderError as error:
            return Drawn(attempt.fail(error, self.clock()), errors=(error,))
        except Exception:  # a defect of an adapter must not leave a call that may be billed unsettled
            logger.exception("provider %s failed unexpectedly", attempt.provider)
            unknown = OutcomeUnknown("The call to the provider broke off; it may have been billed.")
            return Drawn(attempt.fail(unknown, self.clock()), errors=(unknown,))
        return await self._keep(generation, attempt, model.price.cost_micros(answer.usage), answer)

    async def _keep(self, generation: Generation, attempt: Attempt, cost: int | None, answer: ProviderAnswer) -> Drawn:
        """Store what the answer brought. One picture that cannot be kept takes none of the others with it."""
        kept = await _all([self._kept(generation, attempt, i, answer) for i in range(len(answer.pictures))])
        images = tuple(image for image in kept if isinstance(image, Image))
        errors = tuple(error for error in kept if isinstance(error, ProviderError))
        if images:
            settled = attempt.succeed(
                cost_micros=cost, request_id=answer.request_id, billed=answer.billed, now=self.clock()
            )
        else:
            errors = errors or (NoImage(billed=answer.billed, request_id=answer.request_id),)
            settled = attempt.fail(errors[0], self.clock(), cost_micros=cost)
        return Drawn(settled, images, errors)

    async def _kept(
        self, generation: Generation, attempt: Attempt, index: int, answer: ProviderAnswer
    ) -> Image | ProviderError:
        try:
            return await self._store(generation, attempt, index, answer.pictures[index])
        except UnreadablePicture:
            return ProviderMisbehaved(billed=answer.billed, request_id=answer.request_id)
        except StorageUnavailable:
            logger.warning("store did not take picture %s of generation %s", index, generation.id)
            return PictureNotStored(billed=answer.billed, request_id=answer.request_id)

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
        """Remember the end and return it; `None` when nothing can be told to anybody any more."""
        known: Generation | None = generation
        for _ in range(_SETTLING_TRIES):
            try:
                if known is None and (known := await self._reread(generation, drawn)) is None:
                    return None
                if known.status.final:  # a commit whose answer was lost, or somebody else ended it
                    return known
                ended = self._ended(known, drawn)
                await self._commit(ended, drawn)
            except StaleWrite:  # it was relabeled while it ran
                known = None
            except DatabaseUnavailable:
                logger.warning("database did not take the end of generation %s; trying again", generation.id)
                known = None
                await asyncio.sleep(self.pause)
            else:
                return ended
        logger.error("the end of generation %s could not be remembered", generation.id)
        return None

    async def _reread(self, generation: Generation, drawn: Sequence[Drawn]) -> Generation | None:
        async with self.unit_of_work() as work:
            found = await work.generations.find(generation.id)
        if found is None:  # its owner is gone, and nothing of theirs is to stay
            await self.remove_blobs(image.location for one in drawn for image in one.images)
        return found

    def _ended(self, generation: Generation, drawn: Sequence[Drawn]) -> Generation:
        costs = [one.attempt.cost_micros for one in drawn]
        cost = None if None in costs else sum(c for c in costs if c is not None)
        stored = [image for one in drawn for image in one.images]
        errors = [error for one in drawn for error in one.errors]
        if not stored:
            return generation.fail(_failure(errors), cost_micros=cost, now=self.clock())
        images = [replace(image, position=position) for position, image in enumerate(stored)]
        adjustments = _otherwise(generation.applied.n, len(images), errors)
        return generation.succeed(images, cost_micros=cost, adjustments=adjustments, now=self.clock())

    async def _commit(self, ended: Generation, drawn: Sequence[Drawn]) -> None:
        async with self.unit_of_work() as work:
            work.generations.update(ended)
            for one in drawn:
                work.attempts.update(one.attempt)
            for image in ended.images:
                work.images.add(image)
            work.usage.add(UsageRecord.of(ended))
            await work.commit()


def _asked(applied: ImageRequest, attempt: Attempt) -> ImageRequest:
    """What one of several calls asks: each counts the seed on, or all of them would bring the same picture."""
    return applied if applied.seed is None else replace(applied, seed=(applied.seed + attempt.number - 1) % 2**31)


def _otherwise(wanted: int, got: int, errors: Sequence[ProviderError]) -> tuple[Adjustment, ...]:
    if wanted == got:
        return ()
    number = "more" if got > wanted else "fewer"
    reason = errors[0].title if errors else f"The provider answered with {number} pictures."
    return (Adjustment("n", wanted, got, reason),)


def _failure(errors: Sequence[ProviderError]) -> Failure:
    """Of several errors the first speaks, and the dearest word on billing counts."""
    billed = {error.billed for error in errors}
    worst = next(b for b in (Billed.UNKNOWN, Billed.YES, Billed.NO) if b in billed)
    return replace(Failure.of(errors[0]), billed=worst)


async def _all(calls: Sequence[Coroutine[Any, Any, T]]) -> Sequence[T]:
    """What the calls return, made at the same time; a single one needs no task of its own."""
    return [await calls[0]] if len(calls) == 1 else await asyncio.gather(*calls)


def _hashing(data: bytes) -> str | Awaitable[str]:
    """The SHA-256 of the bytes, or of many bytes its promise from another thread."""
    if len(data) < _SMALL:
        return _sha256(data)
    return asyncio.get_running_loop().run_in_executor(None, _sha256, data)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
