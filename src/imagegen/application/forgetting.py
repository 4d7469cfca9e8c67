"""The bytes of what its owner deleted: they go right after the rows, and in the end whatever comes between."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from imagegen.domain.errors import StorageUnavailable, Unavailable
from imagegen.domain.identifiers import UserId
from imagegen.domain.ports import BlobStore, UnitOfWorkFactory

logger = logging.getLogger("imagegen.cleaning")


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveForgotten:
    """Remove the bytes of images that are forgotten. Where they lie was noted when that was committed."""

    unit_of_work: UnitOfWorkFactory
    blobs: BlobStore

    async def at_once(self, owner: UserId) -> None:
        """Remove those of one user, the first thousand; never fails, since the rest is for the worker."""
        try:
            async with self.unit_of_work() as work:
                locations = await work.forgotten_blobs.of_user(owner)
            await self._remove(locations)
        except Unavailable:
            logger.warning("the bytes of forgotten images are to be removed when store and database are back")

    async def __call__(self) -> None:
        """Remove all there are; raise `DatabaseUnavailable`, or `StorageUnavailable` when something may be there still.

        What the store does not let go of keeps nothing else.
        """
        away: StorageUnavailable | None = None
        last = ""
        while locations := await self._following(last):
            last = locations[-1]
            try:
                await self._remove(locations)
            except StorageUnavailable as error:
                away = error
        if away is not None:
            raise away

    async def _following(self, location: str) -> Sequence[str]:
        async with self.unit_of_work() as work:
            return await work.forgotten_blobs.following(location)

    async def _remove(self, locations: Sequence[str]) -> None:
        if not locations:
            return
        await self.blobs.delete(*locations)
        async with self.unit_of_work() as work:
            work.forgotten_blobs.gone(locations)
            await work.commit()
