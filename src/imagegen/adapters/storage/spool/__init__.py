"""A spool before a store that may be away: what it does not take waits on local disk, and moves on when it is back."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from typing import Any, Final, TypeVar

from imagegen.adapters.storage.spool.absence import Absence
from imagegen.adapters.storage.spool.disk import Spool
from imagegen.adapters.storage.spool.moving import Moves
from imagegen.adapters.storage.spool.unforeseen import foreseen
from imagegen.domain.errors import NotFound, StorageUnavailable
from imagegen.domain.ports import Blob, BlobStore, StoredBlob, Wanted

REST: Final = 20.0
"""Seconds that a store is left alone that was found away: longer than it takes to find that out."""
PATIENCE: Final = 2.0
"""Seconds given to a store that is taken to be away, by somebody who waits for an answer."""
_PAUSE: Final = 0.02
"""Seconds between two tries to claim what somebody else has claimed."""

_SILENT: Final = "The store did not answer in time."

_T = TypeVar("_T")


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
        self._moves = Moves(store, spool, self._absence)
        self._putting: set[asyncio.Future[tuple[str, ...]]] = set()

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

    async def delete(self, *locations: str) -> None:
        """Remove the bytes from the spool, and from the store, which may have them too or have older ones."""
        for location in filter(self._spool.holds, locations):
            async with self._claimed(location):
                await self._spool.delete(location)
        await self._answered(self._store.delete(*locations))

    def link(self, location: str) -> str | None:
        """The store's own address, but not while the bytes are in the spool."""
        link = self._store.link(location)
        return None if link is None or self._spool.holds(location) else link

    async def blobs(self, beginning: str = "") -> AsyncIterator[StoredBlob]:
        """What is spooled and what is stored, each once."""
        spooled = set()
        async for blob in self._spool.blobs(beginning):
            spooled.add(blob.location)
            yield blob
        async for blob in self._store.blobs(beginning):
            if blob.location not in spooled:
                yield blob

    async def move_on(self, wanted: Wanted | None = None) -> int:
        """Bring what is spooled to the store, the oldest first, but what another process is bringing.

        A blob leaves the spool only when the store has it, or nobody wants it. One that the store does not take stays,
        and the others go.
        """
        return await self._moves(wanted or _all)

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
        await self._moves.finish()
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
            with foreseen():
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
        """What the store answers, for which it is given little time while it is taken to be away."""
        try:
            async with asyncio.timeout(self._patience if self._absence.certain else None):
                return await asked
        except TimeoutError:
            raise StorageUnavailable(_SILENT) from None

    @asynccontextmanager
    async def _claimed(self, location: str) -> AsyncIterator[None]:
        """Claim what is spooled there, if anything is, when nobody else does any more."""
        with ExitStack() as held:
            with suppress(NotFound):
                while (claim := self._spool.claim(location)) is None:  # noqa: ASYNC110 - others may be other processes
                    await asyncio.sleep(_PAUSE)
                held.enter_context(claim)
            yield


async def _all(_: StoredBlob) -> bool:
    return True
