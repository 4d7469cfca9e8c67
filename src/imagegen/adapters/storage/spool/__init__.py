"""A spool before a store that may be away: what it does not take waits on local disk, and moves on when it is back."""

import asyncio
import logging
import time
from abc import abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, suppress
from operator import attrgetter
from typing import Any, Final, Protocol, TypeVar

from imagegen.adapters.storage.spool.absence import Absence
from imagegen.domain.blob_keys import content_type_of, is_check_key
from imagegen.domain.errors import NotFound, StorageUnavailable
from imagegen.domain.ports import Blob, BlobStore, StoredBlob

REST: Final = 20.0
"""Seconds that a store is left alone that was found away: longer than it takes to find that out."""
PATIENCE: Final = 2.0
"""Seconds given to a store that is probably away, by somebody who waits for an answer."""
AT_ONCE: Final = 4
"""Blobs that move on at the same time."""
_PAUSE: Final = 0.02
"""Seconds between two tries to claim what somebody else has claimed."""

_SILENT: Final = "The store did not answer in time."

logger = logging.getLogger("imagegen.storage")

_T = TypeVar("_T")


class Spool(BlobStore, Protocol):
    """A store on local disk, in which one holder at a time can claim a blob, among all processes of the machine."""

    @abstractmethod
    def holds(self, location: str) -> bool:
        """Whether something lies there now: one look, which takes microseconds."""

    @abstractmethod
    def claim(self, location: str) -> AbstractContextManager[object] | None:
        """Keep a blob from all others who would claim it, until the end of the context or of the process.

        `None` when somebody else has it.

        Raises:
            NotFound: nothing lies there.
        """


class SpoolingStore(BlobStore):
    """A store that is never away for those who put: what `store` does not take lies in `spool` meanwhile.

    Both name a place by its key, so a location says nothing of where the bytes are, and stays when they move on.
    Whoever moves, removes or replaces what is spooled claims it first. So several processes may share a spool, and
    what is removed while it is being moved does not appear again.

    Once `store` was found away, those who put leave it alone for `rest` seconds of `clock`; then one of them finds out
    how it is. Those who read it or ask for its health meanwhile give it `patience` seconds.
    """

    def __init__(
        self,
        store: BlobStore,
        spool: Spool,
        *,
        rest: float = REST,
        patience: float = PATIENCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._spool = spool
        self._patience = patience
        self._absence = Absence(rest=rest, clock=clock)
        self._putting: set[asyncio.Future[tuple[str, ...]]] = set()
        self._moving: set[asyncio.Task[bool]] = set()

    def location(self, key: str) -> str:
        """The store's."""
        return self._store.location(key)

    async def put(self, key: str, data: bytes, content_type: str) -> str:
        """Store the bytes, or spool them."""
        (location,) = await self.put_all((Blob(key, data, content_type),))
        return location

    async def put_all(self, blobs: Sequence[Blob]) -> tuple[str, ...]:
        """Store all, or spool all; `StorageUnavailable` when the spool takes them no more than the store does."""
        locations = tuple(self.location(blob.key) for blob in blobs)
        if any(map(self._spool.holds, locations)) or not await self._stored(blobs):
            for blob, location in zip(blobs, locations, strict=True):
                async with self._claimed(location):
                    await self._spool.put(blob.key, blob.data, blob.content_type)
        return locations

    async def get(self, location: str) -> bytes:
        """The bytes, wherever they are."""
        if self._spool.holds(location):
            with suppress(NotFound):  # they have just moved on
                return await self._spool.get(location)
        return await self._answered(self._store.get(location))

    async def delete(self, location: str) -> None:
        """Remove the bytes from spool and store.

        Where they were in the spool the store may have them too, or older ones. While it is away that cannot be told.
        """
        if self._spool.holds(location):
            async with self._claimed(location) as spooled:
                await self._spool.delete(location)
            if spooled and self._absence.certain:
                raise StorageUnavailable(self._absence.why)
        await self._answered(self._store.delete(location))

    def link(self, location: str) -> str | None:
        """The store's own address, but not while the bytes are in the spool."""
        link = self._store.link(location)
        return None if link is None or self._spool.holds(location) else link

    async def blobs(self) -> AsyncIterator[StoredBlob]:
        """What is spooled and what is stored, each once."""
        spooled = set()
        async for blob in self._spool.blobs():
            spooled.add(blob.location)
            yield blob
        async for blob in self._store.blobs():
            if blob.location not in spooled:
                yield blob

    async def move_on(self) -> int:
        """Bring what is spooled to the store, the oldest first, but what somebody else is bringing.

        A blob leaves the spool only when the store has it. One that the store does not take stays, and the others go.
        """
        spooled = [blob async for blob in self._spool.blobs() if not is_check_key(blob.key)]
        waiting = deque(sorted(spooled, key=attrgetter("modified")))
        if waiting and self._absence.begun and not await self._is_back():
            raise StorageUnavailable(self._absence.why)
        moved = sum(await asyncio.gather(*(self._move(waiting) for _ in range(AT_ONCE))))
        if moved:
            logger.info("%s blobs moved on from the spool", moved)
        if waiting:
            raise StorageUnavailable(self._absence.why)
        return moved

    async def check(self) -> str | None:
        """Say that the store is away while the spool takes what it does not; raise when the spool does not, either."""
        try:
            async with asyncio.timeout(self._patience):
                return await self._store.check()
        except TimeoutError:
            trouble = _SILENT
        except StorageUnavailable as error:
            trouble = error.detail
        await self._spool.check()
        return f"{trouble} Pictures wait on local disk."

    async def close(self) -> None:
        """Finish the moves that were begun, and let go of both."""
        await asyncio.gather(*self._moving, return_exceptions=True)
        await self._store.close()
        await self._spool.close()

    async def _stored(self, blobs: Sequence[Blob]) -> bool:
        """Whether the store took them all. Those who wait for it at the same time give up together."""
        if not self._absence.lets_ask():
            return False
        putting = asyncio.ensure_future(self._store.put_all(blobs))
        self._putting.add(putting)
        try:
            await asyncio.wait((putting,))
            if putting.cancelled():
                return False
            putting.result()
        except StorageUnavailable as error:
            self._absence.begin(error.detail)
            for other in self._putting:
                other.cancel()
            return False
        finally:
            self._putting.discard(putting)
            putting.cancel()
        self._absence.end()
        return True

    async def _answered(self, asked: Coroutine[Any, Any, _T]) -> _T:
        """What the store answers, at once if it is probably away."""
        try:
            async with asyncio.timeout(self._patience if self._absence.certain else None):
                return await asked
        except TimeoutError:
            raise StorageUnavailable(_SILENT) from None

    @asynccontextmanager
    async def _claimed(self, location: str) -> AsyncIterator[bool]:
        """Claim what is spooled there, when nobody else does any more; tells whether there is anything."""
        with ExitStack() as held:
            spooled = True
            try:
                while (claim := self._spool.claim(location)) is None:  # noqa: ASYNC110 - others may be other processes
                    await asyncio.sleep(_PAUSE)
                held.enter_context(claim)
            except NotFound:
                spooled = False
            yield spooled

    async def _move(self, waiting: deque[StoredBlob]) -> int:
        """Move what waits, as long as the store takes anything; return how many blobs that were."""
        moved = 0
        while waiting:
            blob = waiting.popleft()
            moving = asyncio.create_task(self._bring(blob))
            self._moving.add(moving)
            moving.add_done_callback(self._moving.discard)
            try:
                moved += await asyncio.shield(moving)  # which keeps its claim to the end, whoever gives up waiting
            except StorageUnavailable as error:
                if not await self._is_back():
                    waiting.appendleft(blob)
                    break
                logger.warning("the store does not take %s from the spool: %s", blob.key, error.detail)
        return moved

    async def _bring(self, blob: StoredBlob) -> bool:
        """Whether it was still there, and nobody else's, and is in the store now."""
        with suppress(NotFound):
            claim = self._spool.claim(blob.location)
            if claim is not None:
                with claim:
                    await self._store.put(blob.key, await self._spool.get(blob.location), content_type_of(blob.key))
                    await self._spool.delete(blob.location)
                return True
        return False

    async def _is_back(self) -> bool:
        """Find out whether the store takes anything."""
        self._absence.prolong()
        try:
            await self._store.check()
        except StorageUnavailable as error:
            self._absence.begin(error.detail)
            return False
        self._absence.end()
        return True
