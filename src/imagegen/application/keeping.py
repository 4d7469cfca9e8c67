"""Keeping what a provider answered: each picture measured, in the format asked for, stored, and described."""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from imagegen.application.cleaning import RemoveBlobs
from imagegen.application.defects import report
from imagegen.application.gathering import all_of
from imagegen.application.retrying import Backoff
from imagegen.domain.blob_keys import picture_key, receipt_key
from imagegen.domain.catalog import Fitted
from imagegen.domain.errors import NoImage, PictureNotStored, ProviderError, ProviderMisbehaved, StorageUnavailable
from imagegen.domain.generations import Attempt, Generation
from imagegen.domain.identifiers import ImageId
from imagegen.domain.images import Dimensions, Image, ImageFormat, Source
from imagegen.domain.ports import BlobStore, Clock, NewId, Pixels, ProviderAnswer, UnreadablePicture
from imagegen.domain.receipts import Receipt

logger = logging.getLogger("imagegen.generations")

STORE_TRIES: Final = 7
"""How often a store that is away is given a picture: with the pauses between, for a minute."""

_SMALL: Final = 256 * 1024
"""Bytes below which a hash costs less than handing it to a thread."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """How one call ended: the settled attempt, its stored images, and what went wrong with those that are not.

    `fitted` is what was asked of another model than the generation's first.
    """

    attempt: Attempt
    images: tuple[Image, ...] = ()
    errors: tuple[ProviderError, ...] = ()
    fitted: Fitted | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepPictures:
    """Store what an answer brought. One picture that cannot be kept takes none of the others with it.

    The pictures are paid for: a store that is away is tried again with `backoff` between, for a minute in all.
    """

    blobs: BlobStore
    remove_blobs: RemoveBlobs
    pixels: Pixels
    clock: Clock
    new_id: NewId
    backoff: Backoff

    async def __call__(
        self, generation: Generation, attempt: Attempt, answer: ProviderAnswer, *, cost_micros: int | None
    ) -> Drawn:
        """Return the attempt as it ended, and its images; whatever goes wrong is returned, not raised."""
        kept = await all_of([self._kept(generation, attempt, i, answer) for i in range(len(answer.pictures))])
        images = tuple(image for image in kept if isinstance(image, Image))
        errors = tuple(error for error in kept if isinstance(error, ProviderError))
        if images:
            settled = attempt.succeed(
                cost_micros=cost_micros, request_id=answer.request_id, billed=answer.billed, now=self.clock()
            )
            await self._leave_receipt(settled, images)
        else:
            errors = errors or (NoImage(billed=answer.billed, request_id=answer.request_id),)
            settled = attempt.fail(errors[0], self.clock(), cost_micros=cost_micros)
        return Drawn(settled, images, errors)

    async def forget(self, attempt: Attempt) -> None:
        """Remove the receipt of a call whose generation says itself what it says."""
        await self.remove_blobs([self.blobs.location(receipt_key(attempt.id))])

    async def _leave_receipt(self, settled: Attempt, images: Sequence[Image]) -> None:
        try:
            await self.blobs.put(receipt_key(settled.id), Receipt.of(settled, images).encode(), "application/json")
        except StorageUnavailable:  # the row is to say the same in a moment; only a crash before would need it
            logger.warning("store did not take the receipt of generation %s", settled.generation_id)

    async def _kept(
        self, generation: Generation, attempt: Attempt, index: int, answer: ProviderAnswer
    ) -> Image | ProviderError:
        try:
            return await self._store(generation, attempt, index, answer.pictures[index])
        except UnreadablePicture:
            return ProviderMisbehaved(billed=answer.billed, request_id=answer.request_id)
        except StorageUnavailable:
            logger.warning("store did not take picture %s of generation %s", index, generation.id)
        except Exception:  # noqa: BLE001 - reported; a defect must not take the other pictures with it
            report(logger, "keeping picture %s of generation %s failed unexpectedly", index, generation.id)
        return PictureNotStored(billed=answer.billed, request_id=answer.request_id)

    async def _store(self, generation: Generation, attempt: Attempt, index: int, data: bytes) -> Image:
        found = self.pixels.measure(data)
        wanted = generation.applied.output_format
        if wanted is not None and wanted is not found.format:
            data, found = await self._transcoded(data, found, wanted)
        key = picture_key(attempt.id, index, found.format)
        hashing = _hashing(data)
        location = await self._put(key, data, found.format.content_type)
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

    async def _transcoded(self, data: bytes, found: Dimensions, wanted: ImageFormat) -> tuple[bytes, Dimensions]:
        """The picture in the format asked for; as it came where it cannot be converted, for it is paid for."""
        try:
            other = await self.pixels.transcode(data, wanted)
            return other, self.pixels.measure(other)
        except UnreadablePicture:
            logger.warning("a %s picture could not be converted to %s", found.format, wanted)
            return data, found

    async def _put(self, key: str, data: bytes, content_type: str) -> str:
        """Store the bytes; a second try under the same key overwrites what the first may have left."""
        for pause in islice(self.backoff, STORE_TRIES - 1):
            try:
                return await self.blobs.put(key, data, content_type)
            except StorageUnavailable:
                logger.warning("store did not take %s; trying again", key)
                await asyncio.sleep(pause)
        return await self.blobs.put(key, data, content_type)


def _hashing(data: bytes) -> str | Awaitable[str]:
    """The SHA-256 of the bytes, or of many bytes its promise from another thread."""
    if len(data) < _SMALL:
        return _sha256(data)
    return asyncio.get_running_loop().run_in_executor(None, _sha256, data)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
