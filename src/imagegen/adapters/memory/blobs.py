"""Bytes in memory."""

from collections.abc import AsyncIterator, Sequence
from typing import Final

from imagegen.domain.errors import NotFound, StorageUnavailable
from imagegen.domain.ports import Blob, BlobStore, Clock, StoredBlob, Wanted

_SCHEME: Final = "memory:"


class MemoryBlobStore(BlobStore):
    """Keeps bytes as long as it lives. While `failure` is set, every call that would touch them raises it."""

    def __init__(self, clock: Clock) -> None:
        self.failure: StorageUnavailable | None = None
        self._clock = clock
        self._blobs: dict[str, tuple[bytes, StoredBlob]] = {}

    def location(self, key: str) -> str:
        """`memory:KEY`."""
        return _SCHEME + key

    async def put(self, key: str, data: bytes, content_type: str) -> str:  # noqa: ARG002 - nobody is served from here
        """Keep the bytes at `memory:KEY`; the type is not kept."""
        await self.check()
        location = self.location(key)
        self._blobs[location] = data, StoredBlob(key, location, self._clock())
        return location

    async def put_all(self, blobs: Sequence[Blob]) -> tuple[str, ...]:
        """Keep each in turn."""
        return tuple([await self.put(blob.key, blob.data, blob.content_type) for blob in blobs])

    async def get(self, location: str) -> bytes:
        """The bytes that were put there last."""
        await self.check()
        if location not in self._blobs:
            raise NotFound
        return self._blobs[location][0]

    async def delete(self, *locations: str) -> None:
        """Forget the bytes."""
        await self.check()
        for location in locations:
            self._blobs.pop(location, None)

    def link(self, location: str) -> None:
        """None: nobody else can reach into this process."""

    async def blobs(self, beginning: str = "") -> AsyncIterator[StoredBlob]:
        """What is here now."""
        await self.check()
        for _, blob in list(self._blobs.values()):
            if blob.key.startswith(beginning):
                yield blob

    async def move_on(self, wanted: Wanted | None = None) -> int:  # noqa: ARG002 - nothing waits
        """None: everything is where it belongs."""
        return 0

    async def check(self) -> None:
        """Raise `failure` if it is set."""
        if self.failure is not None:
            raise self.failure

    async def close(self) -> None:
        """Nothing to let go of."""
