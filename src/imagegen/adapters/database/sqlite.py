"""SQLite: one process, one writer, and readers that cannot write."""

import asyncio
import logging
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import aiosqlite
from sqlalchemy import URL
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from imagegen.adapters.database.engine import Engine
from imagegen.adapters.database.errors import SchemaBehind
from imagegen.adapters.database.schema import require_head
from imagegen.adapters.database.sqlite_creation import create_schema
from imagegen.adapters.database.sqlite_file import (
    held,
    open_reader,
    open_writer,
    path_of,
    revision_of,
    synchronous_of,
)
from imagegen.adapters.database.sqlite_writer import SqliteWriter, Step, translated
from imagegen.adapters.database.statements import Query, Values, Write, compiled, reader
from imagegen.domain.errors import DatabaseUnavailable

T = TypeVar("T")

SCAN_SECONDS: Final = 10.0
"""How long a list or a search may take, as on Postgres, whose server is told the same."""

_DIALECT: Final = SQLiteDialect_pysqlite()

# Its debug lines hold the values of statements, and so what people look for.
logging.getLogger("aiosqlite").setLevel(logging.INFO)


@dataclass(frozen=True, slots=True)
class _Connections:
    reader: sqlite3.Connection
    scanner: aiosqlite.Connection
    writer: SqliteWriter


class SqliteEngine(Engine):
    """A database file, taken for this process alone and migrated as it is opened.

    What an index finds at once is read in the event loop's own thread, where it takes microseconds; a hop to another
    thread takes a hundred times that. What may take long is read in a thread of its own.
    """

    def __init__(self, url: URL, *, scan_seconds: float = SCAN_SECONDS) -> None:
        self._path = path_of(url)
        self._synchronous = synchronous_of(url)
        self._connections: _Connections | None = None
        self._scanning = asyncio.Lock()
        self._scan_seconds = scan_seconds
        self._closing = AsyncExitStack()

    async def start(self) -> None:
        """Take the file, migrate it if need be, and open it."""
        async with AsyncExitStack() as opened:  # unwound, it closes the readers first and the writer last
            opened.enter_context(held(self._path))
            try:
                await asyncio.to_thread(self._migrate)
                writer = SqliteWriter(open_writer(self._path, self._synchronous))
                opened.push_async_callback(writer.close)
                reader = open_reader(self._path)
                opened.callback(reader.close)
                scanner = await aiosqlite.Connection(lambda: open_reader(self._path), iter_chunk_size=0)
                opened.push_async_callback(scanner.close)
            except sqlite3.Error as error:
                raise DatabaseUnavailable(f"The database {self._path} cannot be opened: {error}.") from error
            self._connections = _Connections(reader, scanner, writer)
            self._closing = opened.pop_all()

    async def look_up(self, query: Query[T], values: Values) -> Sequence[T]:
        """Read in this thread."""
        statement = compiled(query.select, _DIALECT)
        try:
            rows = self._open.reader.execute(statement.sql, statement.bind(values)).fetchall()
        except sqlite3.Error as error:
            raise translated(error) from error
        return [*map(reader(query, _DIALECT), rows)]

    async def scan(self, query: Query[T], values: Values) -> Sequence[T]:
        """Read in the scanner's thread."""
        statement = compiled(query.select, _DIALECT)
        rows = await self._scanned(statement.sql, statement.bind(values))
        return [*map(reader(query, _DIALECT), rows)]

    async def _scanned(self, sql: str, values: Sequence[Any]) -> Iterable[Sequence[Any]]:
        """The rows; a scan is cut off after `scan_seconds`, for the next one waits for it."""
        async with self._scanning:
            scanner = self._open.scanner
            reading = asyncio.ensure_future(scanner.execute_fetchall(sql, values))
            finished, _ = await asyncio.wait((reading,), timeout=self._scan_seconds)
            if not finished:
                await scanner.interrupt()
            try:
                return await reading
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                    raise DatabaseUnavailable("This took too long to find; ask for less at a time.") from error
                raise translated(error) from error
            except sqlite3.Error as error:
                raise translated(error) from error

    async def apply(self, writes: Sequence[Write]) -> None:
        """Hand the writes to the writer, ready for the driver."""
        await self._open.writer.commit([_step(write) for write in writes])

    async def check(self) -> None:
        """Read from the file."""
        try:
            self._open.reader.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.Error as error:
            raise DatabaseUnavailable from error

    async def verify(self) -> None:
        """Ask SQLite for its own check, in the scanner's thread."""
        damaged = DatabaseUnavailable(f"The database {self._path} is damaged; restore it from a backup.")
        try:
            (found, *_) = [*await self._open.scanner.execute_fetchall("PRAGMA integrity_check")]
        except sqlite3.Error as error:
            raise damaged from error
        if found[0] != "ok":
            raise damaged

    async def close(self) -> None:
        """Close the readers, then the writer, and give the file back."""
        self._connections = None
        await self._closing.aclose()

    @property
    def _open(self) -> _Connections:
        if self._connections is None:
            raise DatabaseUnavailable("The database is not open.")
        return self._connections

    def _migrate(self) -> None:
        try:
            require_head(revision_of(self._path))
        except SchemaBehind:
            if create_schema(self._path):
                return
            # Alembic takes longer to load than all the rest of a start, which seldom needs it.
            from imagegen.adapters.database.migrations import upgrade_file  # noqa: PLC0415

            upgrade_file(self._path)


def _step(write: Write) -> Step:
    statement = compiled(write.change, _DIALECT)
    return Step(statement.sql, statement.bind(write.values), write.checked)
