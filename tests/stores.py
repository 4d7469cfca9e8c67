"""The stores that a unit of work may be on, as fixtures.

A test that asks for `unit_of_work` runs once on each kind, empty and at the latest version of the schema, and never
asks which one it has.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import fields, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg
import pytest

from imagegen.adapters.memory import MemoryDatabase
from imagegen.domain.api_keys import ApiKey
from imagegen.domain.attempts import Attempt
from imagegen.domain.batches import Batch
from imagegen.domain.generations import Generation
from imagegen.domain.idempotency import IdempotencyKey
from imagegen.domain.images import Image
from imagegen.domain.ports import UnitOfWork, UnitOfWorkFactory
from imagegen.domain.sessions import Session
from imagegen.domain.usage import UsageRecord
from imagegen.domain.users import User
from imagegen.domain.webhooks import WebhookEndpoint, WebhookEvent
from servers.postgres import create_database, drop_database

STORES: Final = ("memory", "sqlite", "postgres")


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file without rows."""
    file = tmp_path_factory.mktemp("sqlite") / "template.db"
    _migrate(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: str) -> Iterator[str]:
    """The url of a migrated Postgres database."""
    name = f"stores_{uuid4().hex}"
    url = asyncio.run(create_database(postgres_server, name))
    _migrate(url)
    yield url
    asyncio.run(drop_database(postgres_server, name))


@pytest.fixture
def memory_url() -> str:
    """The url of an empty store in memory."""
    return "memory:"


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """The url of an empty SQLite file of the test's own."""
    return f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'imagegen.db')}"


@pytest.fixture
def postgres_url(migrated_postgres: str) -> Iterator[str]:
    """The url of an empty Postgres database, emptied again after the test: that is quicker than a new one."""
    yield migrated_postgres
    asyncio.run(_empty(migrated_postgres))


@pytest.fixture(params=STORES)
def store_url(request: pytest.FixtureRequest) -> str:
    """The url of an empty store of the test's own, of each kind in turn."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
async def unit_of_work(store_url: str) -> AsyncIterator[UnitOfWorkFactory]:
    """Makes units of work on an empty store, of each kind in turn."""
    async with open_store(store_url) as store:
        yield store


@asynccontextmanager
async def open_store(url: str) -> AsyncIterator[UnitOfWorkFactory]:
    """Open the store at a url, `memory:` included."""
    if url == "memory:":
        yield MemoryDatabase().unit_of_work
        return
    from imagegen.adapters.database import open_database  # noqa: PLC0415 - tests that need no database start sooner

    database = open_database(url)
    await database.start()
    try:
        yield database.unit_of_work
    finally:
        await database.close()


def _migrate(url: str) -> None:
    from imagegen.adapters.database.migrations import upgrade  # noqa: PLC0415 - tests that need no database start sooner

    upgrade(url)


async def _empty(postgres_url: str) -> None:
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("DELETE FROM users")  # and all that belongs to somebody
    await connection.execute("DELETE FROM forgotten_blobs")
    await connection.execute("DELETE FROM workers")
    await connection.close()


Thing = (
    User
    | Session
    | ApiKey
    | Generation
    | Batch
    | Attempt
    | Image
    | UsageRecord
    | IdempotencyKey
    | WebhookEndpoint
    | WebhookEvent
)


async def remember(unit_of_work: UnitOfWorkFactory, *things: Thing) -> None:
    """Commit new things together, in their order; a generation brings its images."""
    async with unit_of_work() as work:
        for thing in things:
            add(work, thing)
        await work.commit()


_ADD: Final[Mapping[type, Callable[[UnitOfWork, Any], None]]] = {
    User: lambda work, user: work.users.add(user),
    Session: lambda work, session: work.sessions.add(session),
    ApiKey: lambda work, key: work.api_keys.add(key),
    Generation: lambda work, generation: work.generations.add(generation),
    Batch: lambda work, batch: work.batches.add(batch),
    Attempt: lambda work, attempt: work.attempts.add(attempt),
    Image: lambda work, image: work.images.add(image),
    UsageRecord: lambda work, record: work.usage.add(record),
    IdempotencyKey: lambda work, key: work.idempotency_keys.add(key),
    WebhookEndpoint: lambda work, endpoint: work.webhook_endpoints.add(endpoint),
    WebhookEvent: lambda work, event: work.webhook_deliveries.announce(event),
}


def add(work: UnitOfWork, thing: Thing) -> None:
    """Add a thing to the repository of its kind."""
    _ADD[type(thing)](work, thing)
    if isinstance(thing, Generation):
        for image in thing.images:
            work.images.add(image)


def exact(value: object) -> object:
    """The value with the type of each of its parts.

    By itself `Status.QUEUED` equals `"queued"`, `Decimal(1)` equals 1, and a moment equals itself in another zone.
    """
    kind: type = type(value)
    parts: object = value
    match value:
        case UUID():  # a driver may have a faster class of its own
            kind, parts = UUID, value.int
        case datetime():
            parts = value, value.utcoffset()
        case list() | tuple():
            parts = [exact(item) for item in value]
        case frozenset():
            parts = frozenset(exact(item) for item in value)
        case Mapping():
            kind, parts = Mapping, {name: exact(item) for name, item in value.items()}
        case _ if is_dataclass(value):
            parts = {field.name: exact(getattr(value, field.name)) for field in fields(value)}
    return kind, parts
