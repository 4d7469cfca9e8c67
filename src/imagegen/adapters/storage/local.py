"""Pictures as files below one folder."""

import asyncio
import errno
import os
import re
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from imagegen.domain.blob_keys import check_key
from imagegen.domain.errors import ImagegenError, NotFound, StorageUnavailable
from imagegen.domain.ports import BlobStore, StoredBlob

THREADS: Final = 4
"""Measured on two cores: one thread waits alone for the disk, four share its commits and store 2 to 2.4 times as
many pictures a second, eight hardly more."""
IN_LOOP_LIMIT: Final = 256 * 1024
"""Bytes. Up to here a write that does not have to wait for the disk costs less than handing it to a thread."""
QUICK_SECONDS: Final = 0.0001
"""Where the disk answers that quickly, waiting for it costs less than waking a thread for it."""
_MEMORY: Final = 8
"""Waits for the disk that are looked back at. The quickest counts: in a thread a wait is also one for Python's lock."""
ABANDONED: Final = 3600.0
"""Seconds after which nobody can still be writing an unfinished file."""

_KEY: Final = re.compile(r"(?:\w[\w.-]{0,199}/){0,8}\w[\w.-]{0,199}", re.ASCII)
"""Plain names only: nothing absolute, no `..`, no name that begins with a dot as unfinished files do."""
_UNFINISHED: Final = re.compile(r"\.[0-9a-f]{16}")
"""The names of files that are being written."""
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY
_NEW_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL
_ABSENT: Final = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP}
"""What the system says where no file of ours lies: nothing, a folder, or a link that is not followed."""

_T = TypeVar("_T")


@contextmanager
def _translated(*, absent: type[ImagegenError] = StorageUnavailable) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _ABSENT:
            raise absent from error
        raise StorageUnavailable(f"The image folder does not answer: {error.strerror}.") from error


class LocalStore(BlobStore):
    """Files below `root`, which is made when it is needed; a location is the key, the path below the root.

    A file is written under an unfinished name in its own folder and then renamed, so nobody sees half of it. When
    `durable`, file and folder have reached the disk before `put` returns. Below the root no symbolic link is ever
    followed: folders are walked by descriptor, so one put there in between leads nowhere either. POSIX only.
    """

    def __init__(self, root: Path, *, durable: bool = True) -> None:
        self._root = root
        self._durable = durable
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="local-store")
        self._waits = deque([1.0], maxlen=_MEMORY)

    async def put(self, key: str, data: bytes, content_type: str) -> str:  # noqa: ARG002 - files have no type
        """Store the bytes in a file that only this user can read.

        Raises:
            ValueError: the key is not a relative path of plain names.
            StorageUnavailable: the file system does not take them, or a symbolic link is in the way.
        """
        if not _KEY.fullmatch(key):
            raise ValueError("A key is a relative path of plain names.")
        if len(data) > IN_LOOP_LIMIT or (self._durable and min(self._waits) > QUICK_SECONDS):
            await self._in_thread(partial(self._write, key, data))
        else:
            self._write(key, data)
        return key

    async def get(self, location: str) -> bytes:
        """The file's bytes; `NotFound` also for a location that no key of ours leads to."""
        if not _KEY.fullmatch(location):
            raise NotFound
        return await self._in_thread(partial(self._read, location))

    async def delete(self, location: str) -> None:
        """Remove the file if there is one; its folder stays."""
        if _KEY.fullmatch(location):
            await self._in_thread(partial(self._unlink, location))

    def link(self, location: str) -> str | None:  # noqa: ARG002 - whichever it is
        """`None`: nobody but us serves these files."""
        return None

    async def blobs(self) -> AsyncIterator[StoredBlob]:
        """Every file, a folder at a time, but hidden ones; unfinished ones of ours are removed once abandoned."""
        folders: list[tuple[str, ...]] = [()]
        while folders:
            found, deeper = await self._in_thread(partial(self._list, folders.pop()))
            folders += deeper
            for blob in found:
                yield blob

    async def check(self) -> None:
        """Write a file and remove it again."""
        key = await self.put(check_key(), b"imagegen", "text/plain")
        await self.delete(key)

    async def close(self) -> None:
        """Finish what was begun and end the threads."""
        await asyncio.to_thread(self._threads.shutdown)

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    @_translated()
    def _write(self, key: str, data: bytes) -> None:
        unfinished = f".{secrets.token_hex(8)}"
        with self._folder_of(key, make=True) as (folder, name):
            try:
                with os.fdopen(os.open(unfinished, _NEW_FILE, 0o600, dir_fd=folder), "wb") as file:
                    file.write(data)
                    file.flush()
                    self._sync(file.fileno())
                os.rename(unfinished, name, src_dir_fd=folder, dst_dir_fd=folder)
            except OSError:
                with suppress(OSError):
                    os.unlink(unfinished, dir_fd=folder)
                raise
            self._sync(folder)

    @_translated(absent=NotFound)
    def _read(self, location: str) -> bytes:
        with self._folder_of(location) as (folder, name):
            descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder)
            with os.fdopen(descriptor, "rb", buffering=0) as file:
                return file.readall()

    def _unlink(self, location: str) -> None:
        with suppress(NotFound), _translated(absent=NotFound), self._folder_of(location) as (folder, name):
            os.unlink(name, dir_fd=folder)

    def _list(self, names: tuple[str, ...]) -> tuple[list[StoredBlob], list[tuple[str, ...]]]:
        """The files in a folder, and the folders in it."""
        blobs: list[StoredBlob] = []
        folders: list[tuple[str, ...]] = []
        with (
            suppress(NotFound),
            _translated(absent=NotFound),
            self._folder(names) as folder,
            os.scandir(folder) as entries,
        ):
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append((*names, entry.name))
                elif entry.is_file(follow_symlinks=False):
                    with suppress(FileNotFoundError):  # it was renamed or removed meanwhile
                        blobs += self._listed(folder, names, entry)
        return blobs, folders

    def _listed(self, folder: int, names: tuple[str, ...], entry: os.DirEntry[str]) -> list[StoredBlob]:
        modified = entry.stat(follow_symlinks=False).st_mtime
        if not entry.name.startswith("."):
            key = "/".join((*names, entry.name))
            return [StoredBlob(key, key, datetime.fromtimestamp(modified, UTC))]
        if _UNFINISHED.fullmatch(entry.name) and modified < time.time() - ABANDONED:
            os.unlink(entry.name, dir_fd=folder)
        return []

    @contextmanager
    def _folder_of(self, key: str, *, make: bool = False) -> Iterator[tuple[int, str]]:
        """A descriptor of the folder that a key leads to, and the file's name in it."""
        *names, name = key.split("/")
        with self._folder(names, make=make) as folder:
            yield folder, name

    @contextmanager
    def _folder(self, names: Sequence[str], *, make: bool = False) -> Iterator[int]:
        """A descriptor of the folder that names lead to from the root, none of them a symbolic link."""
        with ExitStack() as opened:
            folder = self._open_root(make=make)
            opened.callback(os.close, folder)
            for name in names:
                folder = self._open_below(folder, name, make=make)
                opened.callback(os.close, folder)
            yield folder

    def _open_root(self, *, make: bool) -> int:
        try:
            return os.open(self._root, _FOLDER)
        except FileNotFoundError:
            if not make:
                raise
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._durable:
            os.sync()  # once in the folder's life, whichever of those above it were made with it
        return os.open(self._root, _FOLDER)

    def _open_below(self, folder: int, name: str, *, make: bool) -> int:
        try:
            return os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
        except FileNotFoundError:
            if not make:
                raise
        with suppress(FileExistsError):  # made by another thread meanwhile
            os.mkdir(name, 0o700, dir_fd=folder)
        self._sync(folder)
        return os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)

    def _sync(self, descriptor: int) -> None:
        if self._durable:
            begun = time.perf_counter()
            os.fsync(descriptor)
            self._waits.append(time.perf_counter() - begun)
