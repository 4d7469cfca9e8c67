"""Bytes that no row speaks of any more are removed: at once where possible, by the worker where not."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from imagegen.application.defects import report
from imagegen.application.leasing import Lease
from imagegen.domain.attempts import Attempt, Outcome
from imagegen.domain.blob_keys import CHECKS, attempt_of, is_check_key, is_receipt_key, picture_keys, receipt_key
from imagegen.domain.deliveries import KEPT
from imagegen.domain.errors import StorageUnavailable, Unavailable
from imagegen.domain.idempotency import REMEMBERED
from imagegen.domain.identifiers import AttemptId, WorkerId
from imagegen.domain.ports import BlobStore, Clock, StoredBlob, UnitOfWorkFactory

MOST_LEFT: Final = 10_000
"""Locations that are remembered while the store does not remove what lies there: about a megabyte."""
ORPHAN_AGE: Final = timedelta(hours=1)
"""Younger bytes may belong to a generation that is about to say so."""

logger = logging.getLogger("imagegen.cleaning")


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveBlobs:
    """Remove the bytes at some locations that no row has ever spoken of, or none does any more."""

    blobs: BlobStore
    _left: list[str] = field(default_factory=list, init=False)

    @property
    def left(self) -> bool:
        """Whether something that was to be removed is still there."""
        return bool(self._left)

    async def __call__(self, locations: Iterable[str] = ()) -> None:
        """Never fails: what the store does not remove now is tried again with whatever is to be removed next.

        So is what was being removed when this is canceled. Where that is too much to remember, the rest is left to the
        sweep.
        """
        wanted = [*locations, *self._left]
        self._left.clear()  # whoever comes meanwhile need not try it as well
        if not wanted:
            return
        gone = False
        try:
            await self.blobs.delete(*wanted)
            gone = True
        except StorageUnavailable:
            logger.warning("%s blobs are to be removed when the store is back", len(wanted))
        finally:
            if not gone:
                self._left.extend(wanted[: MOST_LEFT - len(self._left)])


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveReceipts:
    """Remove the receipts of calls that have ended on record: not each as it ends, but those of a while together.

    Nobody looks for them any more, and many cost little more than one. A process that dies leaves some, which are
    among its leftovers; so are those that one which ends could not remove.
    """

    blobs: BlobStore
    remove_blobs: RemoveBlobs
    _spent: list[str] = field(default_factory=list, init=False)

    @property
    def left(self) -> bool:
        """Whether something is still to be removed: a receipt, or what else the store did not remove before."""
        return bool(self._spent) or self.remove_blobs.left

    def later(self, call: Attempt) -> None:
        """Remove the receipt of that call at the next opportunity."""
        self._spent.append(self.blobs.location(receipt_key(call.id)))

    async def __call__(self) -> None:
        """Remove those that there are by now, and what else the store did not remove before."""
        spent = self._spent.copy()
        self._spent.clear()
        await self.remove_blobs(spent)  # which from here on remembers them, whatever becomes of this


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
class RemoveLeftovers:
    """Remove what processes that are gone did not: receipts of ended calls, pictures nobody shows, broken-off checks.

    The lease of who died, or ended before it had removed everything, is the note that this is to be done, and goes when
    it is. It is looked at once nothing runs there any more, so that every call has ended on record and no receipt is of
    use. Of each the last thousand calls are gone through, as far as they are among the last 10,000 of all: what may be
    left of older ones is for the sweep.
    """

    unit_of_work: UnitOfWorkFactory
    blobs: BlobStore
    lease: Lease

    async def __call__(self) -> None:
        """Remove all there is; raise `DatabaseUnavailable` or `StorageUnavailable` when one of them does not answer."""
        if not self.lease.judges:
            return
        async with self.unit_of_work() as work:
            dead = await work.workers.dead()
        if dead:
            await self._remove_checks()
        for worker_id in dead:
            await self._remove_left_by(worker_id)

    async def _remove_checks(self) -> None:
        """Those under way, too: what is removed twice is gone."""
        checks = [blob.location async for blob in self.blobs.blobs(CHECKS) if is_check_key(blob.key)]
        await self.blobs.delete(*checks)

    async def _remove_left_by(self, worker_id: WorkerId) -> None:
        async with self.unit_of_work() as work:
            calls = await work.attempts.latest_of(worker_id)
        keys = [receipt_key(call.id) for call in calls]
        for call in calls:
            if call.outcome is not Outcome.SUCCEEDED:  # no image is of such a call
                keys += picture_keys(call.id, call.count)
        await self.blobs.delete(*map(self.blobs.location, keys))
        async with self.unit_of_work() as work:
            work.workers.remove_lapsed(worker_id)
            await work.commit()


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveBlobsOn:
    """Bring what was kept elsewhere while the store was away to where it belongs, but what was forgotten meanwhile.

    The bytes of a picture may have been removed by another machine, which does not see what is kept at this one.
    """

    unit_of_work: UnitOfWorkFactory
    blobs: BlobStore
    lease: Lease

    async def __call__(self) -> None:
        """Bring all that can be brought; raise `Unavailable` when the store is still away, or the database is."""
        if moved := await self.blobs.move_on(self._wanted):
            logger.info("%s blobs have moved on to the store", moved)

    async def _wanted(self, blob: StoredBlob) -> bool:
        """Whether an image shows it, or may yet; what cannot be found out is for the sweep, which has a guard."""
        attempt_id = attempt_of(blob.key)
        if attempt_id is None:
            return True
        try:
            async with self.unit_of_work() as work:
                attempt = await work.attempts.get(attempt_id)
                if attempt is None:  # forgotten, or an older one that another database may know
                    return attempt_id < self.lease.worker_id
                if attempt.outcome is Outcome.STARTED:
                    return True
                return await work.images.stored_at(blob.location, attempt_id)
        except Unavailable:
            raise
        except Exception:  # noqa: BLE001 - reported
            report(logger, "whether %s is wanted is not known", blob.key)
            return True


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveExpired:
    """Forget what nobody may count on any more: idempotency keys and old deliveries."""

    unit_of_work: UnitOfWorkFactory
    clock: Clock

    async def __call__(self) -> None:
        """Forget them; raise `DatabaseUnavailable` when the database does not answer."""
        async with self.unit_of_work() as work:
            work.idempotency_keys.expire(self.clock() - REMEMBERED)
            work.webhook_deliveries.expire(self.clock() - KEPT)
            await work.commit()
