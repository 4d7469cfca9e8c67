"""Postgres: few trips to the server."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import chain
from typing import Any, Final, TypeVar

import asyncpg
from sqlalchemy import URL
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg

from imagegen.adapters.database.engine import Engine
from imagegen.adapters.database.postgres_connections import COMMAND_SECONDS, Connections
from imagegen.adapters.database.postgres_errors import connecting, translated_errors
from imagegen.adapters.database.postgres_writes import joinable, joined, runs
from imagegen.adapters.database.schema import REVISION_QUERY, require_head
from imagegen.adapters.database.statements import Query, Values, Write, compiled, reader
from imagegen.adapters.database.tables import workers
from imagegen.domain.errors import DatabaseUnavailable, StaleWrite

T = TypeVar("T")

_DIALECT: Final = PGDialect_asyncpg()  # type: ignore[no-untyped-call]  # its constructor has no annotations

_DEADLOCKS: Final = 3
"""How many a commit may lose before it gives up."""


def dsn_of(url: URL) -> str:
    """The URL as the driver reads it, password included."""
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


class PostgresEngine(Engine):
    """A Postgres database; a lost connection fails what runs on it, and the next statement gets a new one."""

    def __init__(self, url: URL, *, command_seconds: float = COMMAND_SECONDS) -> None:
        self._url = url
        self._command_seconds = command_seconds
        self._connections: Connections | None = None

    async def start(self) -> None:
        """Connect, and refuse a schema that is not the newest."""
        with connecting(self._url):
            self._connections = await Connections.open(dsn_of(self._url), command_seconds=self._command_seconds)
        try:
            require_head(await self._revision())
        except BaseException:  # canceled or failed: nothing is left open behind a start that did not happen
            await self.close()
            raise

    async def look_up(self, query: Query[T], values: Values) -> Sequence[T]:
        """Read in one trip."""
        statement = compiled(query.select, _DIALECT)
        async with self._connection() as connection:
            rows = await connection.fetch(statement.sql, *statement.bind(values))
        return [*map(reader(query, _DIALECT), rows)]

    async def scan(self, query: Query[T], values: Values) -> Sequence[T]:
        """Read in one trip: nothing here blocks anybody else."""
        return await self.look_up(query, values)

    async def apply(self, writes: Sequence[Write]) -> None:
        """Write in one trip where that is possible, else in a transaction.

        Who loses a deadlock has written nothing and tries again: by then the winner has committed. Leases go over the
        reserved connection: they must be renewed in time, however many slow statements the pool is busy with.
        """
        async with self._connection(reserved=all(write.change.table is workers for write in writes)) as connection:
            for _ in range(_DEADLOCKS):
                with suppress(asyncpg.DeadlockDetectedError):
                    await _apply(connection, writes)
                    return
            await _apply(connection, writes)

    async def check(self) -> None:
        """Make a trip to the server."""
        async with self._connection() as connection:
            await connection.execute("SELECT 1")

    async def verify(self) -> None:
        """Only ask whether it answers: Postgres keeps its own checksums."""
        await self.check()

    async def close(self) -> None:
        """Wait for what runs, then disconnect."""
        connections, self._connections = self._connections, None
        if connections is not None:
            await connections.close()

    @asynccontextmanager
    async def _connection(self, *, reserved: bool = False) -> AsyncIterator[Any]:
        if (connections := self._connections) is None:
            raise DatabaseUnavailable("The database is not open.")
        with translated_errors():
            async with connections.reserved() if reserved else connections.pooled() as connection:
                yield connection

    async def _revision(self) -> str | None:
        async with self._connection() as connection:
            try:
                found = await connection.fetchval(REVISION_QUERY)
            except asyncpg.UndefinedTableError:
                return None
        return None if found is None else str(found)


async def _apply(connection: Any, writes: Sequence[Write]) -> None:
    if len(writes) == 1:
        await _execute(connection, writes[0])
    elif joinable(writes):
        await _execute_joined(connection, writes)
    else:
        async with connection.transaction():
            for run in runs(writes):
                await (_execute(connection, run[0]) if len(run) == 1 else _execute_all(connection, run))


async def _execute(connection: Any, write: Write) -> None:
    statement = compiled(write.change, _DIALECT)
    status = await connection.execute(statement.sql, *statement.bind(write.values))
    if write.checked and status.endswith(" 0"):
        raise StaleWrite


async def _execute_all(connection: Any, run: Sequence[Write]) -> None:
    """Write them in one trip, or a few, each of which lets others have the event loop."""
    statement = compiled(run[0].change, _DIALECT)
    await connection.executemany(statement.sql, [statement.bind(write.values) for write in run])


async def _execute_joined(connection: Any, writes: Sequence[Write]) -> None:
    statements = [compiled(write.change, _DIALECT) for write in writes]
    parts = tuple((one.sql, write.checked) for one, write in zip(statements, writes, strict=True))
    values = chain.from_iterable(one.bind(write.values) for one, write in zip(statements, writes, strict=True))
    await connection.fetch(joined(parts), *values)
