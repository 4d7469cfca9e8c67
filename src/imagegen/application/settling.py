"""Settling a generation: what its calls came to, written down in one unit of work."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from imagegen.application.cleaning import RemoveBlobs
from imagegen.application.ending import write_end
from imagegen.application.keeping import Drawn
from imagegen.application.retrying import Backoff
from imagegen.domain.errors import Billed, DatabaseUnavailable, ProviderError, StaleWrite
from imagegen.domain.generations import Adjustment, Failure, Generation
from imagegen.domain.images import Image, ImageRequest
from imagegen.domain.ports import Clock, UnitOfWorkFactory

logger = logging.getLogger("imagegen.generations")


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleGeneration:
    """Remember how a generation ended: its state, its calls, its images and its usage, all of it or nothing.

    The pictures are paid for: while the database is away this is tried until it is back, with `backoff` between.
    """

    unit_of_work: UnitOfWorkFactory
    remove_blobs: RemoveBlobs
    clock: Clock
    backoff: Backoff

    async def __call__(self, generation: Generation, drawn: Sequence[Drawn]) -> Generation | None:
        """Remember the end and return it; `None` when nothing can be told to anybody any more."""
        known: Generation | None = generation
        pauses = iter(self.backoff)
        while True:
            try:
                if known is None and (known := await self._reread(generation, drawn)) is None:
                    return None
                if known.status.final:  # a commit whose answer was lost, or somebody else ended it
                    await self._remove_unknown(known, drawn)
                    return known
                ended = self.ended(known, drawn)
                await self._commit(ended, drawn)
            except StaleWrite:  # it was relabeled while it ran
                known = None
            except DatabaseUnavailable:
                logger.warning("database did not take the end of generation %s; trying again", generation.id)
                known = None
                await asyncio.sleep(next(pauses))
            else:
                return ended

    async def _reread(self, generation: Generation, drawn: Sequence[Drawn]) -> Generation | None:
        async with self.unit_of_work() as work:
            found = await work.generations.find(generation.id)
        if found is None:  # its owner is gone, and nothing of theirs is to stay
            await self._remove_unknown(generation, drawn)
        return found

    async def _remove_unknown(self, known: Generation, drawn: Sequence[Drawn]) -> None:
        """Remove the pictures that did not become the generation's."""
        kept = {image.location for image in known.images}
        stored = {image.location for one in drawn for image in one.images}
        await self.remove_blobs(stored - kept)

    def ended(self, generation: Generation, drawn: Sequence[Drawn]) -> Generation:
        """The generation as its calls end it; nothing is remembered yet."""
        generation = _moved(generation, drawn)
        costs = [one.attempt.cost_micros for one in drawn]
        cost = None if None in costs else sum(c for c in costs if c is not None)
        stored = [image for one in drawn for image in one.images]
        errors = [error for one in drawn for error in one.errors]
        if not stored:
            return generation.fail(_failure(errors), cost_micros=cost, now=self.clock())
        images = [
            image if image.position == position else replace(image, position=position)
            for position, image in enumerate(stored)
        ]
        adjustments = (*_number(generation.applied.n, images, errors), *_format(generation.applied, images))
        return generation.succeed(images, cost_micros=cost, adjustments=adjustments, now=self.clock())

    async def _commit(self, ended: Generation, drawn: Sequence[Drawn]) -> None:
        async with self.unit_of_work() as work:
            write_end(work, ended, [one.attempt for one in drawn])
            await work.commit()


def _moved(generation: Generation, drawn: Sequence[Drawn]) -> Generation:
    """The generation under the model that drew it, which may be another than the first that was asked."""
    told = next((one for one in drawn if one.images), drawn[0])
    if told.fitted is None:
        return generation
    fitted = told.fitted
    return generation.moved(
        fitted.applied, provider=fitted.model.provider, model=fitted.model.id, adjustments=fitted.adjustments
    )


def _number(wanted: int, images: Sequence[Image], errors: Sequence[ProviderError]) -> Iterable[Adjustment]:
    if wanted != len(images):
        number = "more" if len(images) > wanted else "fewer"
        reason = errors[0].title if errors else f"The provider answered with {number} pictures."
        yield Adjustment("n", wanted, len(images), reason)


def _format(applied: ImageRequest, images: Sequence[Image]) -> Iterable[Adjustment]:
    wanted = applied.output_format
    came = next((image.format for image in images if wanted not in (None, image.format)), None)
    if came is not None:
        yield Adjustment("output_format", str(wanted), str(came), "The provider's picture could not be converted.")


def _failure(errors: Sequence[ProviderError]) -> Failure:
    """Of several errors the first speaks, and the least certain word on billing counts."""
    return replace(Failure.of(errors[0]), billed=Billed.of_all(error.billed for error in errors))
