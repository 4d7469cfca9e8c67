"""The end of a batch: taken back by its owner, or because all of its generations have ended."""

from contextlib import suppress
from dataclasses import dataclass

from imagegen.application.at_work import AtWork
from imagegen.application.batches import AT_ONCE
from imagegen.application.ending import write_cancellation
from imagegen.application.finding import existing
from imagegen.application.retrying import until_fresh
from imagegen.domain.batches import Batch
from imagegen.domain.errors import AlreadyExists, StaleWrite
from imagegen.domain.generations import Status
from imagegen.domain.identifiers import BatchId, EventId
from imagegen.domain.ports import Clock, GenerationEvents, UnitOfWorkFactory
from imagegen.domain.users import Principal, Scope
from imagegen.domain.webhooks import WebhookEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishBatch:
    """Say that a batch is finished, once, and tell of it."""

    unit_of_work: UnitOfWorkFactory
    clock: Clock

    async def __call__(self, batch_id: BatchId) -> None:
        """Do so if all of its generations have ended and nobody has said so before."""
        async with self.unit_of_work() as work:
            if await work.batches.unfinished(batch_id):
                return
            batch = await work.batches.find(batch_id)
            if batch is None or batch.finished_at is not None:
                return
            finished = batch.finish(self.clock())
            work.batches.update(finished)
            # The event has the batch's identifier: there is one end, and one event of it.
            work.webhook_deliveries.announce(WebhookEvent.of_batch(finished, EventId(finished.id)))
            with suppress(StaleWrite, AlreadyExists):  # somebody else does so, or its owner takes it back
                await work.commit()


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishBatches:
    """Finish the batches whose last generation ended where nobody looked."""

    unit_of_work: UnitOfWorkFactory
    finish: FinishBatch

    async def __call__(self) -> None:
        """Finish all that can be; raise `DatabaseUnavailable` when the database does not answer."""
        async with self.unit_of_work() as work:
            ended = await work.batches.ended()
        for batch_id in ended:
            await self.finish(batch_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelBatch:
    """Take a batch back: when this returns, all of its generations have ended, and none of them starts any more.

    What is queued never starts; the calls of what runs are abandoned, as when a generation is canceled. What has ended
    stays as it is, and so does a batch that has.
    """

    unit_of_work: UnitOfWorkFactory
    finish: FinishBatch
    events: GenerationEvents
    clock: Clock
    at_work: AtWork

    async def __call__(self, principal: Principal, batch_id: BatchId) -> Batch:
        """Return it as it ended; raise `NotFound` when it is not there or not the caller's."""
        principal.require(Scope.GENERATE)
        await until_fresh(lambda: self._mark(principal, batch_id))
        while await self._cancel_some(batch_id):
            pass
        await self.finish(batch_id)
        async with self.unit_of_work() as work:
            return existing(await work.batches.get(batch_id, principal.user_id))

    async def _mark(self, principal: Principal, batch_id: BatchId) -> None:
        """Let no worker begin with any of it."""
        async with self.unit_of_work() as work:
            batch = existing(await work.batches.get(batch_id, principal.user_id))
            if batch.canceled_at is None and batch.counts.unfinished:
                work.batches.update(batch.cancel(self.clock()))
                await work.commit()

    async def _cancel_some(self, batch_id: BatchId) -> bool:
        """End some of what has not ended; return whether anything was left."""
        async with self.unit_of_work() as work:
            left = await work.batches.left(batch_id, limit=AT_ONCE)
            calls = {one.id: await work.attempts.of_generation(one.id) for one in left if one.status is Status.RUNNING}
            now = self.clock()
            canceled = [write_cancellation(work, one, calls.get(one.id, ()), now) for one in left]
            try:
                await work.commit()
            except StaleWrite:  # one of them has begun or ended meanwhile, which happens twice to each at the most
                return True
        for generation in canceled:
            self.at_work.abandon(generation.id)
            await self.events.announce(generation)
        return bool(canceled)
