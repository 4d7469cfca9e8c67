"""The composition root: settings in, an assembly out. The only place that sees both sides."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from uuid_utils.compat import uuid7

from imagegen.adapters.database import Database, file_of, open_database
from imagegen.adapters.passwords import Argon2Hasher
from imagegen.adapters.pixels import PillowPixels
from imagegen.adapters.providers import REGISTRY, Registry
from imagegen.adapters.queues.in_process import InProcessEvents, InProcessQueue
from imagegen.adapters.storage import StorageMisconfigured, open_store
from imagegen.adapters.tokens import JoseTokenSigner
from imagegen.application import Application
from imagegen.application.defects import report
from imagegen.application.health import Remembered
from imagegen.application.leasing import Lease
from imagegen.bootstrap.drawing import Drawing, choose_drawing
from imagegen.bootstrap.keys import derived, kept_secret
from imagegen.bootstrap.wiring import Outside, Ping, wire
from imagegen.domain.errors import Unavailable
from imagegen.domain.identifiers import WorkerId
from imagegen.domain.links import LinkSigner
from imagegen.domain.ports import BlobStore
from imagegen.settings import Settings, SettingsInvalid
from imagegen.worker import Worker

# Anybody may ask for the health, so what an answer costs is not paid at every look.
_STORAGE_SECONDS: Final = 5.0
_PROVIDER_SECONDS: Final = 30.0

logger = logging.getLogger("imagegen.bootstrap")


def terminate() -> None:
    """Ask this process to stop, as whoever runs it would."""
    signal.raise_signal(signal.SIGTERM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    """The whole machine, put together and not yet running."""

    application: Application
    worker: Worker
    database: Database
    blobs: BlobStore
    events: InProcessEvents
    drawing: Drawing
    passwords: Argon2Hasher
    essential: dict[str, Ping]

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """Connect what has to be connected, and let go of everything at the end, in the opposite order."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.passwords.close)
            stack.push_async_callback(self.database.close)
            await self.database.start()
            stack.push_async_callback(self.blobs.close)
            for provider in self.drawing.providers.values():
                stack.push_async_callback(provider.close)
            yield

    @asynccontextmanager
    async def running(self, stop: Callable[[], object] = terminate) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        """The same, with the worker drawing meanwhile. Should it end by itself, `stop` is called.

        What is handed out finishes the drawing ahead of the end: nothing more is begun, what runs has its grace, and
        then whoever still waits for a picture is let go to look at the row.

        Raises:
            Unavailable: at the end, when the worker ended by itself.
        """
        async with self.connected():
            # One and the same task, in process.
            self.essential.update(queue=self.worker.check, workers=self.worker.check)
            working = asyncio.create_task(self._draw(stop), name="worker")

            async def finish() -> None:
                working.cancel()
                try:
                    with suppress(asyncio.CancelledError):
                        await working
                finally:
                    self.events.release()

            try:
                yield finish
            finally:
                await finish()

    async def _draw(self, stop: Callable[[], object]) -> None:
        """Draw until canceled: a service that draws no more must not take jobs either."""
        try:
            await self.worker.run()
        except Exception:  # noqa: BLE001 - reported
            report(logger, "the worker ended by itself")
            stop()
            raise Unavailable("The worker ended by itself; the log says where.") from None


def assemble(settings: Settings, registry: Registry = REGISTRY) -> Assembly:
    """Put the machine together as the settings say, of the providers in the registry; nothing is connected yet.

    Raises:
        SettingsInvalid: the settings describe no machine; all faults are named.
    """
    faults: list[str] = []
    drawing = choose_drawing(settings, faults, registry)
    blobs = _open_store(settings, faults)
    if not settings.queue_url.startswith("in-process:"):
        faults.append("IMAGEGEN_QUEUE_URL: only in-process: is known")
    database = _open_database(settings, faults)
    if faults or drawing is None or blobs is None or database is None:
        raise SettingsInvalid(tuple(faults))
    secret = settings.secret_key or kept_secret(settings.data_dir)
    events = InProcessEvents()
    queue = InProcessQueue(concurrency=settings.concurrency, grace=settings.grace_seconds)
    passwords = Argon2Hasher()
    essential: dict[str, Ping] = {"database": database.check, "storage": Remembered(blobs.check, _STORAGE_SECONDS)}
    outside = Outside(
        unit_of_work=database.unit_of_work,
        blobs=blobs,
        pixels=PillowPixels(),
        queue=queue,
        events=events,
        passwords=passwords,
        signer=JoseTokenSigner(derived(secret, "access tokens"), issuer="imagegen", audience="imagegen"),
        links=LinkSigner(key=derived(secret, "image links"), lifetime=settings.link_lifetime),
        catalog=drawing.catalog,
        providers=drawing.providers,
        clock=now,
        new_id=uuid7,
        lease=_lease(settings),
        register_unknown=settings.register_on_login,
        essential=essential,
        optional={"providers": Remembered(drawing.check, _PROVIDER_SECONDS)},
    )
    application = wire(outside)
    worker = Worker(application=application, queue=queue, events=events, clock=now)
    return Assembly(
        application=application,
        worker=worker,
        database=database,
        blobs=blobs,
        events=events,
        drawing=drawing,
        passwords=passwords,
        essential=essential,
    )


def migrate(settings: Settings) -> str:
    """Bring the schema of the database to the newest revision, and return its name; not in a running event loop.

    Raises:
        SettingsInvalid: the settings describe no database.
        DatabaseUnavailable: it did not answer, or another process has the SQLite file.
    """
    faults: list[str] = []
    if _open_database(settings, faults) is None:
        raise SettingsInvalid(tuple(faults))
    from imagegen.adapters.database.migrations import upgrade  # noqa: PLC0415 - Alembic takes half a second

    return upgrade(database_url(settings))


def database_url(settings: Settings) -> str:
    """Where the database is: as set, or a SQLite file in the data directory."""
    if settings.database_url is not None:
        return settings.database_url
    return f"sqlite:///{settings.data_dir.absolute() / 'imagegen.db'}"


def now() -> datetime:
    """The clock of the machine."""
    return datetime.now(UTC)


def _lease(settings: Settings) -> Lease:
    """A new one at every start. An SQLite file serves one process at a time, so there nobody needs to look at it."""
    worker_id = WorkerId(uuid7())
    if database_url(settings).startswith("sqlite"):
        return Lease(worker_id=worker_id, alone=True, lifetime=timedelta(hours=1))
    return Lease(worker_id=worker_id)


def _open_database(settings: Settings, faults: list[str]) -> Database | None:
    try:
        return open_database(database_url(settings))
    except ValueError as error:
        faults.append(f"IMAGEGEN_DATABASE_URL: {error}")
        return None


def _database_file(settings: Settings) -> Path | None:
    with suppress(ValueError):  # which is told where the database is opened
        return file_of(database_url(settings))
    return None


def _open_store(settings: Settings, faults: list[str]) -> BlobStore | None:
    try:
        return open_store(
            settings.storage_url,
            data_dir=settings.data_dir,
            environment=settings.environment,
            database=_database_file(settings),
        )
    except StorageMisconfigured as error:
        faults.extend(error.faults)
        return None
