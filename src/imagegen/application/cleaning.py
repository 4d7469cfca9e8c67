"""Bytes that no row speaks of any more are removed: at once where possible, by a sweep where not."""

import asyncio
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from imagegen.domain.blob_keys import attempt_of, is_check_key, is_receipt_key
from imagegen.domain.deliveries import KEPT
from imagegen.domain.errors import StorageUnavailable
from imagegen.domain.generations import Outcome
from imagegen.domain.idempotency import REMEMBERED
from imagegen.domain.identifiers import AttemptId
from imagegen.domain.ports import BlobStore, Clock, StoredBlob, UnitOfWorkFactory

AT_ONCE: Final = 16
"""Removals under way at the same time: a long history in a distant store is gone in seconds, not minutes."""
ORPHAN_AGE: Final = timedelta(hours=1)
"""Younger bytes may belong to a generation that is about to say so."""

logger = logging.getLogger("imagegen.cleaning")


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveBlobs:
    """Remove the bytes at some locations, whose rows are gone already."""

    blobs: BlobStore

    async def __call__(self, locations: Iterable[str]) -> None:
        """Never fails: what the store does not remove now is an orphan, and the sweep finds it."""
        wanted = list(locations)
        remaining = iter(wanted)  # shared: each of the removers takes the next one
        if len(wanted) == 1:
            await self._remove(remaining)
        elif wanted:
            await asyncio.gather(*(self._remove(remaining) for _ in range(AT_ONCE)))

    async def _remove(self, locations: Iterator[str]) -> None:
        for location in locations:
            try:
                await self.blobs.delete(location)
            except StorageUnavailable:
                logger.warning("blob left to the sweep")


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveOrphans:
    """Remove pictures that are an hour old and belong to no image, and receipts and what a broken-off check left.

    A store may hold more than ours: what is not named as we name things is never touched. Nor is any picture while
    more of them belong to no image than to one. Then the database is likelier to be the wrong one, or to come from an
    old backup, than all these pictures are to be garbage.
    """

    unit_of_work: UnitOfWorkFactory
    blobs: BlobStore
    clock: Clock

    async def __call__(self) -> int:
        """Return how many pictures were removed; raise `StorageUnavailable` when the store does not answer."""
        known, orphans = 0, list[str]()
        async for blob in self.blobs.blobs():
            if self.clock() - blob.modified < ORPHAN_AGE:
                continue
            attempt_id = attempt_of(blob.key)
            if attempt_id is None:
                if is_check_key(blob.key):
                    await self.blobs.delete(blob.location)
            elif is_receipt_key(blob.key):
                if not await self._open(attempt_id):
                    await self.blobs.delete(blob.location)
            elif await self._known(blob, attempt_id):
                known += 1
            else:
                orphans.append(blob.location)
        if len(orphans) > known:
            logger.warning("none of %s unknown pictures removed: only %s are known", len(orphans), known)
            return 0
        for location in orphans:
            await self.blobs.delete(location)
        return len(orphans)

    async def _open(self, attempt_id: AttemptId) -> bool:
        """Whether a call has not ended on record, so that its receipt is still needed."""
        async with self.unit_of_work() as work:
            attempt = await work.attempts.get(attempt_id)
        return attempt is not None and attempt.outcome is Outcome.STARTED

    async def _known(self, blob: StoredBlob, attempt_id: AttemptId) -> bool:
        async with self.unit_of_work() as work:
            return await work.images.stored_at(blob.location, attempt_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveBlobsOn:
    """Bring what was kept elsewhere while the store was away to where it belongs."""

    blobs: BlobStore

    async def __call__(self) -> None:
        """Bring all that can be brought; raise `StorageUnavailable` when the store is still away."""
        if moved := await self.blobs.move_on():
            logger.info("%s blobs have moved on to the store", moved)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveExpired:
    """Forget what nobody may count on any more: idempotency keys, old deliveries, and leases that have run out."""

    unit_of_work: UnitOfWorkFactory
    clock: Clock

    async def __call__(self) -> None:
        """Forget them; raise `DatabaseUnavailable` when the database does not answer."""
        async with self.unit_of_work() as work:
            work.idempotency_keys.expire(self.clock() - REMEMBERED)
            work.webhook_deliveries.expire(self.clock() - KEPT)
            work.workers.remove_lapsed()
            await work.commit()
