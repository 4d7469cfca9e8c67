"""Batches in memory."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from imagegen.adapters.memory.generations import with_images
from imagegen.adapters.memory.rows import Rows, insert, page, replace_next, require
from imagegen.adapters.memory.transaction import Repository
from imagegen.domain.batches import Batch, BatchCounts
from imagegen.domain.generations import Generation
from imagegen.domain.identifiers import BatchId, UserId
from imagegen.domain.pages import Page, PageRequest
from imagegen.domain.ports import Batches

_MOST_AT_ONCE: Final = 1_000


class MemoryBatches(Repository, Batches):
    """The batches."""

    async def get(self, batch_id: BatchId, owner: UserId) -> Batch | None:
        """The batch of that identifier if it is the owner's."""
        batch = await self.find(batch_id)
        return batch if batch is not None and batch.user_id == owner else None

    async def find(self, batch_id: BatchId) -> Batch | None:
        """The batch of that identifier."""
        rows = await self._read()
        batch = rows.batches.get(batch_id)
        return None if batch is None else _counted(batch, rows)

    async def page(self, owner: UserId, wanted: PageRequest) -> Page[Batch]:
        """A part of the owner's batches."""
        rows = await self._read()
        found = page((batch for batch in rows.batches.values() if batch.user_id == owner), wanted)
        return Page([_counted(batch, rows) for batch in found.items], found.next)

    async def results(self, batch_id: BatchId, *, after: int = -1, limit: int) -> Sequence[Generation]:
        """The first of those that lie behind the place."""
        rows = await self._read()
        ended = [item for item in _items(batch_id, rows) if item.status.final and _place(item) > after]
        return list(with_images(sorted(ended, key=_place)[:limit], rows))

    async def left(self, batch_id: BatchId, *, limit: int) -> Sequence[Generation]:
        """The last of those without an end."""
        rows = await self._read()
        left = [item for item in _items(batch_id, rows) if not item.status.final]
        return list(with_images(sorted(left, key=_place, reverse=True)[:limit], rows))

    async def canceled(self, batch_id: BatchId) -> bool:
        """Whether the batch of that identifier has a moment at which it was."""
        batch = (await self._read()).batches.get(batch_id)
        return batch is not None and batch.canceled_at is not None

    async def unfinished(self, batch_id: BatchId) -> bool:
        """Whether any that names the batch has not ended."""
        return any(not generation.status.final for generation in _items(batch_id, await self._read()))

    async def ended(self) -> Sequence[BatchId]:
        """The identifiers of those without an end that count nothing unfinished."""
        rows = await self._read()
        open_batches = (_counted(batch, rows) for batch in rows.batches.values() if batch.finished_at is None)
        return sorted(batch.id for batch in open_batches if not batch.counts.unfinished)[:_MOST_AT_ONCE]

    def add(self, batch: Batch) -> None:
        """Add a batch of a user who is there."""

        def add(rows: Rows) -> None:
            require(rows.users, batch.user_id)
            insert(rows.batches, batch.id, batch, "batches.id")

        self._write(add)

    def update(self, batch: Batch) -> None:
        """Put the next version of a batch in place."""
        self._write(lambda rows: replace_next(rows.batches, batch))


def _items(batch_id: BatchId, rows: Rows) -> Sequence[Generation]:
    return [generation for generation in rows.generations.values() if generation.batch_id == batch_id]


def _place(item: Generation) -> int:
    assert item.batch_index is not None
    return item.batch_index


def _counted(batch: Batch, rows: Rows) -> Batch:
    numbers = Counter(generation.status.value for generation in _items(batch.id, rows))
    return replace(batch, counts=BatchCounts(**numbers))
