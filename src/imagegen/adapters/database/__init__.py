"""What is remembered, on SQLite or on Postgres: one adapter, and a file or two for each dialect.

Read `tables` first, then `repositories`, which know no dialect. `sqlite` and `postgres` each keep the promise of
`engine` in their own way. `statements` says why no session of SQLAlchemy is to be seen.
"""

from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from imagegen.adapters.database.engine import Engine
from imagegen.adapters.database.errors import DatabaseInUse, SchemaAhead, SchemaBehind
from imagegen.adapters.database.unit_of_work import SqlUnitOfWork
from imagegen.domain.ports import UnitOfWork

__all__ = ["Database", "DatabaseInUse", "SchemaAhead", "SchemaBehind", "file_of", "open_database"]


class Database:
    """A database and its units of work; nothing happens before `start`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def unit_of_work(self) -> UnitOfWork:
        """A new unit of work: this method is a `UnitOfWorkFactory`."""
        return SqlUnitOfWork(self._engine)

    async def start(self) -> None:
        """Connect. An SQLite file is created and migrated as needed.

        Raises:
            DatabaseInUse: another process has the SQLite file.
            SchemaBehind: the Postgres schema must be migrated first.
            SchemaAhead: the schema was made by a newer imagegen.
            DatabaseUnavailable: there is no connection.
        """
        await self._engine.start()

    async def check(self) -> None:
        """Raise `DatabaseUnavailable` unless the database answers."""
        await self._engine.check()

    async def verify(self) -> None:
        """Look through everything that is stored; raise `DatabaseUnavailable` when it is damaged. It may take long."""
        await self._engine.verify()

    async def close(self) -> None:
        """Finish what was accepted and disconnect; closing twice is fine."""
        await self._engine.close()


def open_database(url: str) -> Database:
    """The database of an URL: `sqlite:////absolute/path.db` or `postgresql://user:password@host/name`.

    A driver may be named as in SQLAlchemy (`sqlite+aiosqlite:`, `postgresql+asyncpg:`). An SQLite URL may end in
    `?synchronous=NORMAL`.

    Raises:
        ValueError: it is neither.
    """
    parsed = _parsed(url)
    # Each brings its drivers along, so only the one that is used is loaded.
    match parsed.get_backend_name():
        case "sqlite":
            from imagegen.adapters.database.sqlite import SqliteEngine  # noqa: PLC0415

            return Database(SqliteEngine(parsed))
        case "postgresql":
            from imagegen.adapters.database.postgres import PostgresEngine  # noqa: PLC0415

            return Database(PostgresEngine(parsed))
        case other:
            raise ValueError(f"imagegen keeps its data in SQLite or Postgres, not in {other}")


def file_of(url: str) -> Path | None:
    """The SQLite file of an URL, `None` for a database on a server.

    Raises:
        ValueError: it is no URL of a database.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() != "sqlite":
        return None
    from imagegen.adapters.database.sqlite_file import path_of  # noqa: PLC0415 - as above

    return path_of(parsed)


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, ValueError):  # whose texts quote parts of it
        raise ValueError("this is no URL of a database") from None
