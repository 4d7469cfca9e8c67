"""Bringing what is spooled to the store."""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from imagegen.adapters.storage.spool.absence import Absence
from imagegen.adapters.storage.spool.disk import Spool
from imagegen.adapters.storage.spool.unforeseen import foreseen
from imagegen.domain.blob_keys import attempt_of, content_type_of, is_check_key, is_receipt_key
from imagegen.domain.errors import NotFound, StorageUnavailable
from imagegen.domain.ports import BlobStore, StoredBlob, Wanted

AT_ONCE: Final = 4
"""Calls whose blobs are brought at the same time."""

logger = logging.getLogger("imagegen.storage")


class Moves:
    """Brings blobs from a spool to a store, each claimed by whoever brings it until the store has it.

    What one call of a provider brought goes in its order, a blob only after those before it, and the receipt last: it
    vouches for the pictures also to those who see only the store.
    """

    def __init__(self, store: BlobStore, spool: Spool, absence: Absence) -> None:
        self._store = store
        self._spool = spool
        self._absence = absence
        self._under_way: set[asyncio.Task[int | None]] = set()

    async def __call__(self, wanted: Wanted) -> int:
        """Bring what there is and is wanted, the oldest first, and return how many blobs that were.

        Raises:
            StorageUnavailable: the store is away, and not everything was brought.
        """
        waiting = deque(await self._calls())
        if waiting and self._absence.begun and not await self._is_back():
            raise StorageUnavailable(self._absence.why)
        moved = sum(await asyncio.gather(*(self._bring_all(waiting, wanted) for _ in range(AT_ONCE))))
        if moved:
            logger.info("%s blobs moved on from the spool", moved)
        if waiting:
            raise StorageUnavailable(self._absence.why)
        return moved

    async def finish(self) -> None:
        """Wait for what was begun, though nobody else may wait for it any more."""
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _calls(self) -> list[list[StoredBlob]]:
        """What is spooled, by the call that brought it, the oldest first; a check belongs to whoever checks."""
        blobs = [blob async for blob in self._spool.blobs() if not is_check_key(blob.key)]
        calls: dict[object, list[StoredBlob]] = {}
        for blob in sorted(blobs, key=lambda blob: (is_receipt_key(blob.key), blob.modified, blob.key)):
            calls.setdefault(attempt_of(blob.key) or blob.key, []).append(blob)
        return sorted(calls.values(), key=lambda call: call[0].modified)

    async def _bring_all(self, waiting: deque[list[StoredBlob]], wanted: Wanted) -> int:
        """Bring what waits, as long as the store takes anything; return how many blobs that were."""
        moved = 0
        while waiting:
            call = waiting.popleft()
            try:
                moved += await self._bring_call(call, wanted)
            except StorageUnavailable as error:
                if not await self._is_back():
                    waiting.appendleft(call)
                    break
                logger.warning("the store does not take what lies in the spool at %s: %s", call[0].key, error.detail)
        return moved

    async def _bring_call(self, call: Sequence[StoredBlob], wanted: Wanted) -> int:
        """Bring the blobs of a call up to the first that another process is bringing; return how many that were."""
        moved = 0
        for blob in call:
            bringing = asyncio.create_task(self._bring(blob, wanted))
            self._under_way.add(bringing)
            bringing.add_done_callback(self._under_way.discard)
            brought = await asyncio.shield(bringing)  # it keeps its claim to the end, whoever gives up waiting
            if brought is None:
                break
            moved += brought
        return moved

    async def _bring(self, blob: StoredBlob, wanted: Wanted) -> int | None:
        """Bring a blob: 1 if it is in the store now, 0 if it is gone, `None` if another process is bringing it."""
        with suppress(NotFound):
            claim = self._spool.claim(blob.location)
            if claim is None:
                return None
            with claim:
                kept = await wanted(blob) and await self._put(blob, wanted)
                if not kept:
                    with foreseen():  # where it may be since just now, or since a try that was broken off
                        await self._store.delete(blob.location)
                await self._spool.delete(blob.location)
            return int(kept)
        return 0

    async def _put(self, blob: StoredBlob, wanted: Wanted) -> bool:
        """Whether a blob that is in the store now is wanted still: who forgot it may have looked there before."""
        data = await self._spool.get(blob.location)
        with foreseen():
            await self._store.put(blob.key, data, content_type_of(blob.key))
        return await wanted(blob)

    async def _is_back(self) -> bool:
        """Find out whether the store takes anything."""
        self._absence.prolong()
        try:
            with foreseen():
                await self._store.check()
        except StorageUnavailable as error:
            self._absence.begin(error.detail)
            return False
        self._absence.end()
        return True
