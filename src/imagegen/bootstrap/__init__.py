"""The composition root: settings in, an assembly out. The only place that sees both sides."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from uuid_utils.compat import uuid7

from imagegen.adapters.database import Database, file_of, open_database
from imagegen.adapters.passwords import Argon2Hasher
from imagegen.adapters.pixels import PillowPixels
from imagegen.adapters.providers import REGISTRY, Registry
from imagegen.adapters.queues import Dispatch, open_queue
from imagegen.adapters.storage import StorageMisconfigured, open_store
from imagegen.adapters.tokens import JoseTokenSigner
from imagegen.adapters.webhooks import HttpWebhookSender
from imagegen.application.health import Remembered
from imagegen.application.leasing import Lease
from imagegen.bootstrap.assembly import Assembly, Stopping
from imagegen.bootstrap.drawing import choose_drawing
from imagegen.bootstrap.keys import derived, kept_secret
from imagegen.bootstrap.wiring import Outside, Ping, wire
from imagegen.domain.identifiers import WorkerId
from imagegen.domain.links import LinkSigner
from imagegen.domain.ports import BlobStore
from imagegen.domain.signatures import WebhookSigner
from imagegen.settings import Settings, SettingsInvalid
from imagegen.worker import Worker

# Anybody may ask for the health, so what an answer costs is not paid at every look.
_STORAGE_SECONDS: Final = 5.0
_PROVIDER_SECONDS: Final = 30.0


def assemble(settings: Settings, registry: Registry = REGISTRY) -> Assembly:
    """Put the machine together as the settings say, of the providers in the registry; nothing is connected yet.

    Raises:
        SettingsInvalid: the settings describe no machine; all faults are named.
    """
    faults: list[str] = []
    drawing = choose_drawing(settings, faults, registry)
    blobs = _open_store(settings, faults)
    dispatch = _open_queue(settings, faults)
    database = _open_database(settings, faults)
    if faults or drawing is None or blobs is None or dispatch is None or database is None:
        raise SettingsInvalid(tuple(faults))
    secret = settings.secret_key or kept_secret(settings.data_dir)
    passwords = Argon2Hasher()
    webhook_sender = HttpWebhookSender(allow_private=settings.webhooks_allow_private)
    essential: dict[str, Ping] = {"database": database.check, "storage": Remembered(blobs.check, _STORAGE_SECONDS)}
    outside = Outside(
        unit_of_work=database.unit_of_work,
        blobs=blobs,
        pixels=PillowPixels(),
        queue=dispatch.queue,
        events=dispatch.events,
        passwords=passwords,
        signer=JoseTokenSigner(derived(secret, "access tokens"), issuer="imagegen", audience="imagegen"),
        links=LinkSigner(key=derived(secret, "image links"), lifetime=settings.link_lifetime),
        webhook_sender=webhook_sender,
        webhook_signer=WebhookSigner(key=derived(secret, "webhook secrets")),
        catalog=drawing.catalog,
        providers=drawing.providers,
        clock=now,
        new_id=uuid7,
        lease=_lease(settings),
        grace=float(settings.grace_seconds),
        register_unknown=settings.register_on_login,
        essential=essential,
        optional={"providers": Remembered(drawing.check, _PROVIDER_SECONDS)},
    )
    application = wire(outside)
    worker = Worker(application=application, queue=dispatch.queue, events=dispatch.events)
    return Assembly(
        application=application,
        worker=worker,
        database=database,
        blobs=blobs,
        dispatch=dispatch,
        drawing=drawing,
        passwords=passwords,
        webhook_sender=webhook_sender,
        essential=essential,
        stopping=Stopping(essential),
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


def _open_queue(settings: Settings, faults: list[str]) -> Dispatch | None:
    try:
        dispatch = open_queue(settings.queue_url, concurrency=settings.concurrency, grace=float(settings.grace_seconds))
    except ValueError as error:
        faults.append(f"IMAGEGEN_QUEUE_URL: {error}")
        return None
    if dispatch.distributed and database_url(settings).startswith("sqlite"):
        faults.append("IMAGEGEN_QUEUE_URL: processes that share a queue share a database, which must be Postgres")
    return dispatch


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
