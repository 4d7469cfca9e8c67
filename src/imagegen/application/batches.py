"""Batches: many requests handed in as one, looked at, and read when they have been drawn."""

import logging
from asyncio import sleep
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from imagegen.application.finding import existing
from imagegen.application.fitting import Wish, fitted
from imagegen.application.retrying import until_fresh
from imagegen.domain.batches import MOST_REQUESTS, Batch, BatchCounts, each
from imagegen.domain.catalog import Catalog
from imagegen.domain.errors import AlreadyExists, Fault, InvalidRequest, StaleWrite, Unavailable
from imagegen.domain.generations import Generation
from imagegen.domain.idempotency import IdempotencyKey, Once
from imagegen.domain.identifiers import BatchId, GenerationId
from imagegen.domain.pages import Page, PageRequest
from imagegen.domain.ports import GenerationQueue, NewId, UnitOfWorkFactory
from imagegen.domain.users import Principal, Scope

AT_ONCE: Final = 100
"""Generations of a batch that are read, or ended, in one step: none keeps anybody else waiting for long."""

logger = logging.getLogger("imagegen.batches")


@dataclass(frozen=True, slots=True)
class Submitted:
    """What came of handing in a batch, and whether that was not the first time."""

    batch: Batch
    replayed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitBatch:
    """Take up to 1,000 requests as one: all of them, in one commit, or none.

    Each becomes a generation like any other. They wait in a line of their own, which has a bounded share of the places
    to draw in, so that what is asked for by itself stays quick; their priorities count among each other.
    """

    unit_of_work: UnitOfWorkFactory
    catalog: Catalog
    queue: GenerationQueue
    new_id: NewId

    async def __call__(self, principal: Principal, wishes: Sequence[Wish], *, once: Once | None = None) -> Submitted:
        """Return the batch; asked `once` more for the same, what came of the first request is returned.

        Raises:
            InvalidRequest: there is no request or there are too many, or some cannot be drawn as asked; each fault
                says which.
            ProviderNotConfigured: nothing was remembered.
            IdempotencyKeyReused: something else was asked for under that key.
        """
        principal.require(Scope.GENERATE)
        if not 1 <= len(wishes) <= MOST_REQUESTS:
            raise InvalidRequest(faults=(Fault("/requests", f"A batch has 1 to {MOST_REQUESTS} requests."),))
        async with self.unit_of_work() as work:
            now = await work.now()  # by which others will judge what is to start by a moment
        if once is None:
            return Submitted(await self._take(*await self._made(principal, wishes, now)))
        return await until_fresh(lambda: self._take_once(principal, wishes, now, once))

    async def _made(
        self, principal: Principal, wishes: Sequence[Wish], now: datetime
    ) -> tuple[Batch, Sequence[Generation]]:
        """The batch and its generations, remembered nowhere yet."""
        batch = Batch(
            id=BatchId(self.new_id()),
            user_id=principal.user_id,
            api_key_id=principal.api_key_id,
            total=len(wishes),
            counts=BatchCounts(queued=len(wishes)),
            created_at=now,
        )
        await sleep(0)  # reading a thousand took a while, and so do fitting and remembering them: others go between
        generations = [
            replace(generation, batch_id=batch.id, batch_index=index)
            for index, generation in enumerate(each(wishes, lambda wish: self._fitted(principal, wish, now)))
        ]
        await sleep(0)
        return batch, generations

    def _fitted(self, principal: Principal, wish: Wish, now: datetime) -> Generation:
        return fitted(wish, self.catalog, principal=principal, id=GenerationId(self.new_id()), now=now)[0]

    async def _take_once(self, principal: Principal, wishes: Sequence[Wish], now: datetime, once: Once) -> Submitted:
        """Take what was not taken before; `StaleWrite` when it was taken by somebody else at this moment."""
        async with self.unit_of_work() as work:
            known = await work.idempotency_keys.get(principal.user_id, once.key)
            if known is not None and known.answers(once, now):
                first = existing(await work.batches.get(BatchId(known.target), principal.user_id))
                return Submitted(first, replayed=True)
        batch, generations = await self._made(principal, wishes, now)
        key = IdempotencyKey(
            user_id=principal.user_id,
            key=once.key,
            fingerprint=once.fingerprint,
            target=batch.id,
            created_at=now,
        )
        try:
            return Submitted(await self._take(batch, generations, key, instead_of=known))
        except AlreadyExists:
            raise StaleWrite from None

    async def _take(
        self,
        batch: Batch,
        generations: Sequence[Generation],
        key: IdempotencyKey | None = None,
        *,
        instead_of: IdempotencyKey | None = None,
    ) -> Batch:
        """Remember the whole of it, and ring for each."""
        async with self.unit_of_work() as work:
            if instead_of is not None:
                work.idempotency_keys.remove(instead_of)
            if key is not None:
                work.idempotency_keys.add(key)
            work.batches.add(batch)
            for generation in generations:
                work.generations.add(generation)
            await work.commit()
        try:
            for generation in generations:
                await self.queue.submit(generation.id, batched=True)
        except Unavailable:  # the rows are the jobs: a sweep rings again
            logger.warning("queue did not take batch %s", batch.id)
        return batch


@dataclass(frozen=True, slots=True, kw_only=True)
class ListBatches:
    """The caller's batches, newest first."""

    unit_of_work: UnitOfWorkFactory

    async def __call__(self, principal: Principal, wanted: PageRequest) -> Page[Batch]:
        """Return a page."""
        principal.require(Scope.READ)
        async with self.unit_of_work() as work:
            return await work.batches.page(principal.user_id, wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadBatch:
    """One of the caller's batches, as it stands."""

    unit_of_work: UnitOfWorkFactory

    async def __call__(self, principal: Principal, batch_id: BatchId) -> Batch:
        """Return it; raise `NotFound` when the caller has no such batch."""
        principal.require(Scope.READ)
        async with self.unit_of_work() as work:
            return existing(await work.batches.get(batch_id, principal.user_id))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadResults:
    """What came of a batch so far: its generations that have ended."""

    unit_of_work: UnitOfWorkFactory
    read: ReadBatch

    async def __call__(self, principal: Principal, batch_id: BatchId) -> AsyncIterator[Generation]:
        """Return an iterator over them in the order of the batch; raise `NotFound` when the caller has no such batch.

        They are read as the iteration goes on, so it may end in `DatabaseUnavailable`.
        """
        await self.read(principal, batch_id)
        return self._ended(batch_id)

    async def _ended(self, batch_id: BatchId) -> AsyncIterator[Generation]:
        after = -1
        while True:
            async with self.unit_of_work() as work:
                found = await work.batches.results(batch_id, after=after, limit=AT_ONCE)
            for generation in found:
                yield generation
                assert generation.batch_index is not None
                after = generation.batch_index
            if len(found) < AT_ONCE:
                return
