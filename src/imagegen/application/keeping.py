"""Keeping what a provider answered: each picture measured, in the format asked for, stored, and described."""

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from imagegen.application.defects import report
from imagegen.application.gathering import all_of
from imagegen.application.retrying import Backoff
from imagegen.domain.attempts import Attempt
from imagegen.domain.blob_keys import receipt_key
from imagegen.domain.catalog import Fitted
from imagegen.domain.errors import NoImage, PictureNotStored, ProviderError, ProviderMisbehaved, StorageUnavailable
from imagegen.domain.generations import Generation
from imagegen.domain.identifiers import ImageId
from imagegen.domain.images import Dimensions, Image, ImageFormat
from imagegen.domain.ports import Blob, BlobStore, Clock, NewId, Pixels, ProviderAnswer, UnreadablePicture
from imagegen.domain.receipts import Receipt, StoredPicture

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
    """Store what an answer brought, and a receipt for it. A picture that is none takes no other with it.

    The pictures are paid for: a store that is away is tried again with `backoff` between, for a minute in all.
    """

    blobs: BlobStore
    pixels: Pixels
    clock: Clock
    new_id: NewId
    backoff: Backoff

    async def __call__(
        self, generation: Generation, attempt: Attempt, answer: ProviderAnswer, *, cost_micros: int | None
    ) -> Drawn:
        """Return the attempt as it ended, and its images; whatever goes wrong is returned, not raised."""
        wanted = generation.applied.output_format
        looked = await all_of([self._looked_into(data, wanted, answer) for data in answer.pictures])
        errors = tuple(error for error in looked if isinstance(error, ProviderError))
        readable = [(i, *found) for i, found in enumerate(looked) if not isinstance(found, ProviderError)]
        if readable:
            settled = attempt.succeed(
                cost_micros=cost_micros, request_id=answer.request_id, billed=answer.billed, now=self.clock()
            )
            try:
                return Drawn(settled, await self._stored(generation, settled, readable), errors)
            except StorageUnavailable:
                logger.warning("store did not take the pictures of generation %s", generation.id)
            except Exception:  # noqa: BLE001 - reported; a defect must not leave a call that is paid for unsettled
                report(logger, "keeping the pictures of generation %s failed unexpectedly", generation.id)
            errors = (*errors, PictureNotStored(billed=answer.billed, request_id=answer.request_id))
        errors = errors or (NoImage(billed=answer.billed, request_id=answer.request_id),)
        return Drawn(attempt.fail(errors[-1], self.clock(), cost_micros=cost_micros), errors=errors[::-1])

    async def _looked_into(
        self, data: bytes, wanted: ImageFormat | None, answer: ProviderAnswer
    ) -> tuple[bytes, Dimensions] | ProviderError:
        """The picture in the format asked for; as it came where it cannot be converted, for it is paid for."""
        try:
            found = self.pixels.measure(data)
            if wanted is None or wanted is found.format:
                return data, found
            try:
                other = await self.pixels.transcode(data, wanted)
                return other, self.pixels.measure(other)
            except UnreadablePicture:
                logger.warning("a %s picture could not be converted to %s", found.format, wanted)
                return data, found
        except UnreadablePicture:
            pass
        except Exception:  # noqa: BLE001 - reported; a defect must not take the other pictures with it
            report(logger, "looking into a picture failed unexpectedly")
        return ProviderMisbehaved(billed=answer.billed, request_id=answer.request_id)

    async def _stored(
        self, generation: Generation, settled: Attempt, readable: Sequence[tuple[int, bytes, Dimensions]]
    ) -> tuple[Image, ...]:
        """Store the pictures, and after them the receipt that says they are there."""
        pictures = [
            StoredPicture(
                position=place, size=found.size, format=found.format, bytes=len(data), sha256=await _sha256(data)
            )
            for place, data, found in readable
        ]
        receipt = Receipt.of(settled, pictures)
        blobs = [
            Blob(picture.key(settled.id), data, picture.format.content_type)
            for picture, (_, data, _) in zip(pictures, readable, strict=True)
        ]
        blobs.append(Blob(receipt_key(settled.id), receipt.encode(), "application/json"))
        locations = await self._put(blobs)
        now = self.clock()
        return tuple(
            picture.image(generation, settled.id, location, ImageId(self.new_id()), now)
            for picture, location in zip(pictures, locations, strict=False)  # the receipt has one, too
        )

    async def _put(self, blobs: Sequence[Blob]) -> Sequence[str]:
        """Store the bytes; a second try under the same keys overwrites what the first may have left."""
        for pause in islice(self.backoff, STORE_TRIES - 1):
            try:
                return await self.blobs.put_all(blobs)
            except StorageUnavailable:
                logger.warning("store did not take %s; trying again", blobs[0].key)
                await asyncio.sleep(pause)
        return await self.blobs.put_all(blobs)


async def _sha256(data: bytes) -> str:
    """The SHA-256 of the bytes, in hexadecimal; of many bytes in another thread."""
    if len(data) < _SMALL:
        return _digest(data)
    return await asyncio.get_running_loop().run_in_executor(None, _digest, data)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
