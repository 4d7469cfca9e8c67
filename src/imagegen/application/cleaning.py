"""Bytes that no row speaks of any more are removed: at once where possible, by a sweep where not."""

import asyncio
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from imagegen.domain.errors import StorageUnavailable
from imagegen.domain.ports import BlobStore, Clock, UnitOfWorkFactory

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
        remaining = iter(locations)  # shared: each of the removers takes the next one
        await asyncio.gather(*(self._remove(remaining) for _ in range(AT_ONCE)))

    async def _remove(self, locations: Iterator[str]) -> None:
        for location in locations:
            try:
                await self.blobs.delete(location)
            except StorageUnavailable:
                logger.warning("blob left to the sweep")


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveOrphans:
    """Remove stored bytes that are an hour old and belong to no image."""

    unit_of_work: UnitOfWorkFactory
    blobs: BlobStore
    clock: Clock

    async def __call__(self) -> int:
        """Return how many were removed; raise `StorageUnavailable` when the store does not answer."""
        removed = 0
        async for blob in self.blobs.blobs():
            if self.clock() - blob.modified < ORPHAN_AGE:
                continue
            async with self.unit_of_work() as work:
                known = await work.images.stored_at(blob.location)
            if not known:
                await self.blobs.delete(blob.location)
                removed += 1
        return removed
