"""One SQLite file: whose it is, and how it is opened."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import URL

from imagegen.adapters.database.errors import DatabaseInUse
from imagegen.adapters.database.schema import REVISION_QUERY
from imagegen.domain.errors import DatabaseUnavailable

BUSY_TIMEOUT: Final = 5.0
"""Seconds to wait for somebody with a tool of their own who holds the file."""

_LONGEST_JOURNAL: Final = 64 * 2**20
"""Bytes that the write-ahead log keeps after a burst; it is cut to this at the next checkpoint."""

_CACHED_STATEMENTS: Final = 500
_LONGEST_NUMBER: Final = 20


def path_of(url: URL) -> Path:
    """The file that an URL names.

    Raises:
        ValueError: it names none; a database in memory could not be shared by several connections.
    """
    if not url.database or url.database == ":memory:":
        raise ValueError("the URL of an SQLite database names a file, as in sqlite:////var/lib/imagegen/imagegen.db")
    return Path(url.database)


def synchronous_of(url: URL) -> str:
    """How surely a commit is on the disk: `?synchronous=NORMAL` gives up the last commits at a power cut (never at a
    crash of the process) for speed, `FULL` is the default.

    Raises:
        ValueError: it is neither.
    """
    wanted = str(url.query.get("synchronous", "FULL")).upper()
    if wanted not in ("FULL", "NORMAL"):
        raise ValueError("the parameter synchronous of an SQLite URL is FULL or NORMAL")
    return wanted


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the file for this process, alone; it is created, for this user alone, if it is not there.

    SQLite before 3.51.3 can corrupt a file in WAL mode when two connections write or checkpoint at the same instant,
    so one process with one writer is not only a matter of speed. The lock ends with the process, however that ends.
    It lies beside the file: closing any handle of the file itself would drop SQLite's own locks on it.

    Raises:
        DatabaseInUse: another process holds it.
        DatabaseUnavailable: the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        handle = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DatabaseUnavailable(f"The database {path} cannot be opened: {error.strerror}.") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DatabaseInUse(path, holder=os.pread(handle, _LONGEST_NUMBER, 0).decode()) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(handle)


def open_writer(path: Path, synchronous: str) -> sqlite3.Connection:
    """The one connection that writes, and that does every checkpoint."""
    connection = _open(path)
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        connection.close()
        raise DatabaseUnavailable(f"The file system of {path} lacks what SQLite's write-ahead log needs.")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA journal_size_limit = {_LONGEST_JOURNAL}")
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that cannot write."""
    connection = _open(path)
    connection.execute("PRAGMA query_only = ON")
    return connection


def open_for_migration(path: Path) -> sqlite3.Connection:
    """A connection that may rebuild tables: foreign keys are off, or dropping the old one would empty others."""
    return _open(path)


def revision_of(path: Path) -> str | None:
    """The revision of the file's schema, `None` if it has none yet."""
    with closing(open_reader(path)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone():
            return None
        row = connection.execute(REVISION_QUERY).fetchone()
    return str(row[0]) if row else None


def _open(path: Path) -> sqlite3.Connection:
    # Transactions are begun by hand, and each connection is used by one thread at a time, though not the one it was
    # opened in.
    return sqlite3.connect(
        path,
        timeout=BUSY_TIMEOUT,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=_CACHED_STATEMENTS,
    )
