"""What a call whose process has died brought: its receipt tells, and without one nobody knows."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from imagegen.application.cleaning import RemoveBlobs
from imagegen.application.keeping import Drawn
from imagegen.domain.attempts import Attempt
from imagegen.domain.blob_keys import picture_keys, receipt_key
from imagegen.domain.catalog import Catalog, Fitted
from imagegen.domain.errors import NotFound, OutcomeUnknown
from imagegen.domain.generations import Generation
from imagegen.domain.identifiers import ImageId
from imagegen.domain.ports import BlobStore, Clock, NewId
from imagegen.domain.receipts import Receipt, UnreadableReceipt

logger = logging.getLogger("imagegen.generations")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoverCall:
    """Find out what became of a call that was begun and never settled."""

    catalog: Catalog
    blobs: BlobStore
    remove_blobs: RemoveBlobs
    clock: Clock
    new_id: NewId

    async def __call__(self, generation: Generation, attempt: Attempt) -> Drawn:
        """Return the call as its receipt has it, or as one whose outcome is unknown.

        Raises:
            StorageUnavailable: the store did not answer, so it cannot be told.
        """
        now = self.clock()
        try:
            receipt = Receipt.decode(await self.blobs.get(self.blobs.location(receipt_key(attempt.id))))
            images = tuple(
                picture.image(
                    generation,
                    attempt.id,
                    self.blobs.location(picture.key(attempt.id)),
                    ImageId(self.new_id()),
                    now,
                )
                for picture in receipt.pictures
            )
            return Drawn(receipt.settled(attempt, now), images, fitted=self._moved(generation, attempt))
        except NotFound:
            pass
        except UnreadableReceipt:
            logger.error("the receipt of generation %s cannot be read", generation.id)  # noqa: TRY400 - its text is no secret, nor of use
        unknown = OutcomeUnknown("The process that waited for the provider ended.")
        return Drawn(attempt.fail(unknown, now), errors=(unknown,))

    def _moved(self, generation: Generation, attempt: Attempt) -> Fitted | None:
        """How the request was fitted to the provider that it had moved to; `None` when it had not."""
        if attempt.provider == generation.provider:
            return None
        others = {*self.catalog.providers} - {attempt.provider}
        reason = f"{generation.provider} did not draw it."
        today = attempt.started_at.date()
        return self.catalog.fallback(generation.requested, tried=others, today=today, reason=reason)

    async def forget(self, attempts: Sequence[Attempt], ended: Generation | None) -> None:
        """Remove the receipts of calls, and the pictures that their generation, as it is on record now, does not show.

        A picture without a receipt, of which nobody knows what it cost, may be there. Not before the end is on record:
        who finds no receipt may have come after somebody else who settled with it, and whose pictures these are.
        """
        kept = {image.location for image in ended.images} if ended is not None else set()
        pictures = (self.blobs.location(key) for attempt in attempts for key in picture_keys(attempt.id, attempt.count))
        await self.remove_blobs(location for location in pictures if location not in kept)
        await self.remove_blobs(self.blobs.location(receipt_key(attempt.id)) for attempt in attempts)
