"""Settling a generation that was drawn here: its end is remembered, whatever the database is up to."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from imagegen.application.cleaning import RemoveBlobs
from imagegen.application.concluding import ConcludeGeneration
from imagegen.application.keeping import Drawn
from imagegen.application.retrying import Backoff
from imagegen.domain.errors import DatabaseUnavailable, StaleWrite
from imagegen.domain.generations import Generation
from imagegen.domain.ports import UnitOfWorkFactory

logger = logging.getLogger("imagegen.generations")


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleGeneration:
    """Conclude a generation whose calls were made here.

    The pictures are paid for: while the database is away this is tried until it is back, with `backoff` between.
    """

    unit_of_work: UnitOfWorkFactory
    conclude: ConcludeGeneration
    remove_blobs: RemoveBlobs
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
                return await self.conclude(known, drawn)
            except StaleWrite:  # it was relabeled while it ran
                known = None
            except DatabaseUnavailable:
                logger.warning("database did not take the end of generation %s; trying again", generation.id)
                known = None
                await asyncio.sleep(next(pauses))

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
