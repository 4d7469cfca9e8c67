"""Pictures as files below one folder."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, Final, TypeVar

from imagegen.adapters.storage.local.files import Files
from imagegen.domain.blob_keys import check_key
from imagegen.domain.errors import NotFound
from imagegen.domain.ports import Blob, BlobStore, StoredBlob, Wanted

THREADS: Final = 4
"""Measured on two cores: one thread waits alone for the disk, four share its commits and store 2 to 2.4 times as
many pictures a second, eight hardly more."""
IN_LOOP_LIMIT: Final = 256 * 1024
"""Bytes. Up to here what does not have to wait for the disk costs less than handing it to a thread."""
LISTED_AT_ONCE: Final = 1000

_KEY: Final = re.compile(r"(?:\w[\w.-]{0,199}/){0,8}\w[\w.-]{0,199}", re.ASCII)
"""Plain names only: nothing absolute, no `..`, no name that begins with a dot as unfinished files do."""

_T = TypeVar("_T")


class LocalStore(BlobStore):
    """Files below `root`, which is made when it is needed; a location is the key, the path below the root.

    `Files` says what is promised of them. What takes it longer than waking a thread is done in threads of the store's
    own.
    """

    def __init__(self, root: Path, *, durable: bool = True) -> None:
        self._files = Files(root, durable=durable)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="local-store")
        self._check_key = check_key()

    def location(self, key: str) -> str:
        """The key itself."""
        return key

    async def put(self, key: str, data: bytes, content_type: str) -> str:
        """Store the bytes in a file that only this user can read.

        Raises:
            ValueError: the key is not a relative path of plain names.
            StorageUnavailable: the file system does not take them, or a symbolic link is in the way.
        """
        (location,) = await self.put_all((Blob(key, data, content_type),))
        return location

    async def put_all(self, blobs: Sequence[Blob]) -> tuple[str, ...]:
        """Store them one after the other, in one thread, waiting for each folder once; files have no type."""
        keys = tuple(blob.key for blob in blobs)
        if not all(map(_KEY.fullmatch, keys)):
            raise ValueError("A key is a relative path of plain names.")
        if sum(len(blob.data) for blob in blobs) > IN_LOOP_LIMIT or self._files.slow:
            await self._in_thread(partial(self._files.write, blobs))
        else:
            self._files.write(blobs)
        return keys

    async def get(self, location: str) -> bytes:
        """The file's bytes; `NotFound` also for a location that no key of ours leads to."""
        if not _KEY.fullmatch(location):
            raise NotFound
        return await self._in_thread(partial(self._files.read, location))

    async def delete(self, *locations: str) -> None:
        """Remove the files that there are, in one thread; their folders stay."""
        wanted = [location for location in locations if _KEY.fullmatch(location)]
        if wanted:
            await self._in_thread(partial(self._files.unlink, wanted))

    def holds(self, location: str) -> bool:
        """Whether a file lies there now: one look, which takes microseconds."""
        return _KEY.fullmatch(location) is not None and self._files.holds(location)

    def claim(self, location: str) -> IO[bytes] | None:
        """The file, open, kept from all others who would claim it, in this process and any other, until it is closed.

        `None` when somebody else has it. Who stores or removes without a claim is not kept from anything. A process
        that ends lets go of what it claimed, however it ends.

        Raises:
            NotFound: nothing lies there.
        """
        if not _KEY.fullmatch(location):
            raise NotFound
        return self._files.claim(location)

    def link(self, location: str) -> str | None:  # noqa: ARG002 - whichever it is
        """`None`: nobody but us serves these files."""
        return None

    async def blobs(self, beginning: str = "") -> AsyncIterator[StoredBlob]:
        """Every such file, a thousand at a time, but hidden ones."""
        walk = self._files.walk(beginning)
        while found := await self._in_thread(lambda: tuple(islice(walk, LISTED_AT_ONCE))):
            for blob in found:
                yield blob

    async def move_on(self, wanted: Wanted | None = None) -> int:  # noqa: ARG002 - nothing waits
        """None: everything is where it belongs."""
        return 0

    async def check(self) -> None:
        """Write a file and remove it again, which may be one that an earlier check could not remove."""
        await self.put(self._check_key, b"imagegen", "text/plain")
        await self.delete(self._check_key)

    async def close(self) -> None:
        """Finish what was begun and end the threads."""
        await asyncio.to_thread(self._threads.shutdown)

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
