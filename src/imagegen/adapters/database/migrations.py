"""Walking the one history of the schema, on both dialects; whoever else wants to do so at the same time waits.

The revisions lie in `migrations/`, for Alembic. Each walk is one transaction: it arrives or nothing has changed.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import asyncpg
from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Connection, NullPool, create_engine, event, make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from imagegen.adapters.database.postgres import dsn_of
from imagegen.adapters.database.postgres_errors import connecting
from imagegen.adapters.database.schema import head, migrations
from imagegen.adapters.database.sqlite_file import held, open_for_migration, path_of

_LOCK: Final = 0x696D6167656E  # "imagen": the advisory lock is known by a number that nobody else should use

Walk = Callable[[Connection], object]
"""What to do on a connection; what it returns is not looked at."""


def upgrade(url: str) -> str:
    """Bring the schema to the newest revision, and return its name. Not to be called in a running event loop.

    Raises:
        DatabaseInUse: another process has the SQLite file.
        DatabaseUnavailable: the database did not answer.
    """
    walk(url, _upgrade)
    return head()


def downgrade(url: str, revision: str) -> None:
    """Take the schema back to a revision (`base`: to nothing), with what only newer ones could hold."""
    walk(url, lambda connection: command.downgrade(config(connection), revision))


def walk(url: str, step: Walk) -> None:
    """Take a step in a transaction, alone on the database."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        asyncio.run(_on_postgres(parsed, step))
        return
    with held(path_of(parsed)):
        _on_sqlite(path_of(parsed), step)


def upgrade_file(path: Path) -> None:
    """Bring an SQLite file, whose lock is held, to the newest revision."""
    _on_sqlite(path, _upgrade)


def config(connection: Connection) -> Config:
    """Alembic's configuration for a walk on an open connection."""
    settings = Config()
    settings.set_main_option("script_location", str(migrations()).replace("%", "%%"))
    settings.attributes["connection"] = connection
    return settings


def _upgrade(connection: Connection) -> None:
    command.upgrade(config(connection), "head")


def _on_sqlite(path: Path, step: Walk) -> None:
    engine = create_engine("sqlite://", creator=lambda: open_for_migration(path), poolclass=NullPool)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    with engine.begin() as connection:
        step(connection)
        if connection.exec_driver_sql("PRAGMA foreign_key_check").first():
            raise RuntimeError("the migration left rows that refer to nothing; it is undone")


async def _on_postgres(url: URL, step: Walk) -> None:
    async def connect() -> Any:
        with connecting(url):
            return await asyncpg.connect(dsn_of(url))

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    async with engine.begin() as connection:
        await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        await connection.run_sync(step)
