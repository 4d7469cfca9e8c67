"""Files below one folder: written whole or not at all, walked without following links, claimed by one at a time."""

import errno
import fcntl
import os
import re
import secrets
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from itertools import count, groupby
from pathlib import Path
from typing import IO, Final

from imagegen.domain.errors import ImagegenError, NotFound, StorageUnavailable
from imagegen.domain.ports import Blob, StoredBlob

QUICK_SECONDS: Final = 0.0001
"""Where the disk answers that quickly, waiting for it costs less than waking a thread for it."""
_MEMORY: Final = 8
"""Waits for the disk that are looked back at. The quickest counts: in a thread a wait is also one for Python's lock."""

_TRIES: Final = 5
"""To write a file that others take away unfinished: each time it takes somebody at the right microsecond."""
_UNFINISHED: Final = re.compile(r"\.[0-9a-f]{16}")
"""The names of files that are being written."""
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW
_HELD: Final = os.O_RDWR | os.O_NOFOLLOW
"""For files that are locked for us alone: on NFS such a lock takes a file that can be written to."""
_NEW_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL
_ABSENT: Final = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP}
"""What the system says where no file of ours lies: nothing, a folder, or a link that is not followed."""


@contextmanager
def _translated(*, absent: type[ImagegenError] = StorageUnavailable) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _ABSENT:
            raise absent from error
        raise StorageUnavailable(f"The image folder does not answer: {error.strerror}.") from error


@contextmanager
def _noted(failures: list[StorageUnavailable]) -> Iterator[None]:
    """Add what goes wrong; that nothing is there is fine."""
    try:
        with suppress(NotFound), _translated(absent=NotFound):
            yield
    except StorageUnavailable as failure:
        failures.append(failure)


class Files:
    """Files below `root`, which is made when it is needed, each named by a relative path of plain names.

    A file is written under an unfinished name in the root and then renamed, so nobody sees half of it. Its writer
    holds it meanwhile, and the system lets go of what a process held that died, so who lists the root can tell what
    nobody is writing any more, and removes it.

    When `durable`, file and folder have reached the disk before `write` returns. Below the root no symbolic link is
    ever followed: folders are walked by descriptor, so one put there in between leads nowhere either. POSIX only.

    Everything here blocks, and raises `StorageUnavailable` where the file system does not do what it is asked.
    """

    def __init__(self, root: Path, *, durable: bool) -> None:
        self._root = root
        self._durable = durable
        self._waits = deque([1.0], maxlen=_MEMORY)
        self._name = secrets.token_hex(4)
        self._numbers = count()

    @property
    def slow(self) -> bool:
        """Whether writing waits for a disk that takes its time."""
        return self._durable and min(self._waits) > QUICK_SECONDS

    def holds(self, path: str) -> bool:
        """Whether a file lies there."""
        return os.path.lexists(f"{self._root}/{path}")

    @_translated()
    def write(self, blobs: Sequence[Blob]) -> None:
        """Write them in their order, each to the path that is its key, waiting for a folder once for all that follow.

        Raises `StorageUnavailable` also where a symbolic link is in the way.
        """
        for names, together in groupby(blobs, key=lambda blob: blob.key.split("/")[:-1]):
            with self._folders(names, make=True) as (root, folder):
                for blob in together:
                    self._write(root, folder, blob.key.rpartition("/")[2], blob.data)
                self._sync(folder)

    @_translated(absent=NotFound)
    def read(self, path: str) -> bytes:
        """The file's bytes; `NotFound` where no file lies."""
        with self._folder_of(path) as (folder, name):

            def opened(name: str, _: int) -> int:
                return os.open(name, _READ, dir_fd=folder)

            with open(name, "rb", buffering=0, opener=opened) as file:
                return file.readall()

    def unlink(self, paths: Iterable[str]) -> None:
        """Remove the files that there are, whatever becomes of one of them, opening each folder once; folders stay."""
        failures: list[StorageUnavailable] = []
        for names, together in groupby(sorted(path.split("/") for path in paths), key=lambda path: path[:-1]):
            with _noted(failures), self._folders(names) as (_, folder):
                for *_, name in together:
                    with _noted(failures):
                        os.unlink(name, dir_fd=folder)
        if failures:
            raise failures[0]

    @_translated(absent=NotFound)
    def claim(self, path: str) -> IO[bytes] | None:
        """The file, open, kept from all others who would claim it, in this process and any other, until it is closed.

        `None` when somebody else has it, `NotFound` where no file lies.
        """
        with ExitStack() as unless_claimed, self._folder_of(path) as (folder, name):
            descriptor = os.open(name, _HELD, dir_fd=folder)
            file = unless_claimed.enter_context(os.fdopen(descriptor, "rb", buffering=0))
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return None
            if not os.path.samestat(os.fstat(descriptor), os.stat(name, dir_fd=folder, follow_symlinks=False)):
                return None  # another file has its name since it was opened
            unless_claimed.pop_all()
            return file

    def walk(self, beginning: str = "") -> Iterator[StoredBlob]:
        """Every file whose path begins so, but hidden ones; unfinished ones of ours are removed if nobody holds them.

        Folders in which no such path can lie are not looked into.
        """
        folders: list[tuple[str, ...]] = [()]
        while folders:
            found, deeper = self._list(folders.pop())
            paths = {names: "".join(f"{name}/" for name in names) for names in deeper}
            folders += [
                names for names, path in paths.items() if path.startswith(beginning) or beginning.startswith(path)
            ]
            yield from (blob for blob in found if blob.key.startswith(beginning))

    def _list(self, names: tuple[str, ...]) -> tuple[list[StoredBlob], list[tuple[str, ...]]]:
        """The files in a folder, and the folders in it."""
        blobs: list[StoredBlob] = []
        folders: list[tuple[str, ...]] = []
        with (
            suppress(NotFound),
            _translated(absent=NotFound),
            self._folders(names) as (_, folder),
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
        if not entry.name.startswith("."):
            key = "/".join((*names, entry.name))
            modified = datetime.fromtimestamp(entry.stat(follow_symlinks=False).st_mtime, UTC)
            return [StoredBlob(key, key, modified)]
        if _UNFINISHED.fullmatch(entry.name):
            _remove_abandoned(folder, entry.name)
        return []

    def _write(self, root: int, folder: int, name: str, data: bytes) -> None:
        for _ in range(_TRIES):
            with suppress(FileNotFoundError):  # before it was held, somebody who listed the root took it for abandoned
                return self._write_once(root, folder, name, data)
        return self._write_once(root, folder, name, data)

    def _write_once(self, root: int, folder: int, name: str, data: bytes) -> None:
        unfinished = f".{self._name}{next(self._numbers):08x}"
        descriptor = os.open(unfinished, _NEW_FILE, 0o600, dir_fd=root)
        try:
            _hold(descriptor)
            _fill(descriptor, data)
            self._sync(descriptor)
            os.rename(unfinished, name, src_dir_fd=root, dst_dir_fd=folder)
        except OSError:
            with suppress(OSError):
                os.unlink(unfinished, dir_fd=root)
            raise
        finally:
            os.close(descriptor)

    @contextmanager
    def _folder_of(self, path: str) -> Iterator[tuple[int, str]]:
        """A descriptor of the folder that a path leads to, and the file's name in it."""
        *names, name = path.split("/")
        with self._folders(names) as (_, folder):
            yield folder, name

    @contextmanager
    def _folders(self, names: Sequence[str], *, make: bool = False) -> Iterator[tuple[int, int]]:
        """Descriptors of the root and of the folder that names lead to from it, none of them a symbolic link."""
        opened = [self._open_root(make=make)]
        try:
            for name in names:
                opened.append(self._open_below(opened[-1], name, make=make))
            yield opened[0], opened[-1]
        finally:
            for descriptor in opened:
                os.close(descriptor)

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


def _fill(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _hold(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError:
        return  # where files cannot be held, nobody removes them either


def _remove_abandoned(folder: int, unfinished: str) -> None:
    """Remove an unfinished file unless its writer holds it.

    Who has just made one and not yet held it may lose it to this, and makes another one.
    """
    with suppress(OSError), os.fdopen(os.open(unfinished, _HELD, dir_fd=folder), "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(unfinished, dir_fd=folder)
