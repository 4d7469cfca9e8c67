"""A whole house on memory adapters: the application, its worker and its HTTP door, for tests that need no engine."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import uvicorn

from builders import SettableClock, new_id
from imagegen.adapters.memory import (
    MemoryBlobStore,
    MemoryDatabase,
    MemoryPasswordHasher,
    MemoryProvider,
    MemoryTokenSigner,
    MemoryWebhookSender,
)
from imagegen.adapters.memory.provider import Draw
from imagegen.adapters.pixels import PillowPixels
from imagegen.adapters.queues.in_process import InProcessEvents, InProcessQueue
from imagegen.application import Application
from imagegen.application.leasing import Lease
from imagegen.application.retrying import Backoff
from imagegen.bootstrap.wiring import Outside, Ping, wire
from imagegen.domain.catalog import Capabilities, Catalog, ImageModel
from imagegen.domain.errors import ProviderError
from imagegen.domain.identifiers import WorkerId
from imagegen.domain.images import ImageFormat, Quality, Size
from imagegen.domain.links import LinkSigner
from imagegen.domain.ports import (
    BlobStore,
    GenerationQueue,
    PasswordHasher,
    Pixels,
    ProviderAnswer,
    UnitOfWorkFactory,
    WebhookSender,
)
from imagegen.domain.prices import Price
from imagegen.domain.retries import RetryPolicy
from imagegen.domain.signatures import WebhookSigner
from imagegen.domain.sizes import AnySize
from imagegen.domain.users import Email, Principal
from imagegen.web.app import WebOptions, create_app
from imagegen.web.connection import Connection
from imagegen.worker import Worker
from wire.pictures import draw

PASSWORD: Final = "securepassword123"

PICTURE: Final = draw(64, 48, "png")
ANSWER: Final = ProviderAnswer(pictures=(PICTURE,), usage=None, request_id="call-1")
"""What the provider of a house answers unless it is told otherwise."""

EASEL: Final = ImageModel(
    id="easel-1",
    provider="easel",
    capabilities=Capabilities(
        sizes=AnySize(step=1, least=16, longest=2048, shortest=2048, most_ratio=8, default=Size(64, 64)),
        qualities=frozenset({Quality.LOW, Quality.HIGH}),
        formats=frozenset(ImageFormat),
        transparent=True,
        seed=True,
    ),
    price=Price(free=True),
    aliases=("easel",),
    default=True,
)
"""A model that can do nearly everything, drawn by a `MemoryProvider`."""


@dataclass(kw_only=True)
class House:
    """The application on memory adapters, with the adapters within reach."""

    provider: MemoryProvider
    others: tuple[MemoryProvider, ...] = ()
    models: tuple[ImageModel, ...] = (EASEL,)
    missing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    clock: SettableClock = field(default_factory=SettableClock)
    blobs: BlobStore | None = None
    pixels: Pixels = field(default_factory=PillowPixels)
    database: MemoryDatabase = field(default_factory=MemoryDatabase)
    lease: Lease = field(default_factory=lambda: Lease(worker_id=WorkerId(new_id()), alone=True))
    policy: RetryPolicy = field(default_factory=lambda: RetryPolicy(most_repeats=0))
    unit_of_work: UnitOfWorkFactory | None = None
    passwords: PasswordHasher = field(default_factory=MemoryPasswordHasher)
    webhook_sender: WebhookSender = field(default_factory=MemoryWebhookSender)
    queue: GenerationQueue = field(default_factory=lambda: InProcessQueue(concurrency=64, grace=1.0))
    events: InProcessEvents = field(default_factory=InProcessEvents)
    register_unknown: bool = False
    essential: Mapping[str, Ping] = field(default_factory=dict)
    options: WebOptions = field(default_factory=lambda: WebOptions(hosts=("testserver",)))
    lines: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = self.blobs or MemoryBlobStore(self.clock)
        self.application: Application = wire(self.outside())

    def outside(self) -> Outside:
        """What the application is wired on."""
        providers = {provider.name: provider for provider in (self.provider, *self.others)}
        return Outside(
            unit_of_work=self.unit_of_work or self.database.unit_of_work,
            blobs=self.store,
            pixels=self.pixels,
            queue=self.queue,
            events=self.events,
            passwords=self.passwords,
            signer=MemoryTokenSigner(),
            links=LinkSigner(key=b"k" * 32),
            webhook_sender=self.webhook_sender,
            webhook_signer=WebhookSigner(key=b"w" * 32),
            catalog=Catalog(models=self.models, providers=tuple(providers), missing=self.missing),
            providers=providers,
            clock=self.clock,
            new_id=new_id,
            lease=self.lease,
            policy=self.policy,
            backoff=Backoff(first=0),
            register_unknown=self.register_unknown,
            essential=self.essential,
            optional={"providers": self.provider.check},
        )

    async def owner(self, email: str = "owner@example.com") -> Principal:
        """Somebody who has just registered, logged in."""
        login = await self.application.register(Email(email), PASSWORD)
        return await self.application.authenticate_token(login.access_token)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """With its worker at work."""
        worker = Worker(application=self.application, queue=self.queue, events=self.events)
        task = asyncio.create_task(worker.run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def door(self) -> Any:
        """Its HTTP door, an ASGI application."""
        return create_app(self.application, self.options, running=self.working, write_log=self.lines.append)

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx.AsyncClient]:
        """A client of its HTTP door, while its worker is at work."""
        transport = httpx.ASGITransport(app=self.door(), raise_app_exceptions=False)
        async with self.working(), httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
            yield client

    @asynccontextmanager
    async def listening(self, connection: type[Connection] = Connection) -> AsyncIterator[int]:
        """The port on which a server of its HTTP door listens, while its worker is at work."""
        config = uvicorn.Config(
            self.door(), http=connection, lifespan="off", log_config=None, access_log=False, server_header=False
        )
        server = uvicorn.Server(config)
        listening = socket.create_server(("127.0.0.1", 0))
        async with self.working():
            serving = asyncio.create_task(server.serve(sockets=[listening]))
            try:
                yield listening.getsockname()[1]
            finally:
                server.should_exit = True
                await serving


def a_house(*answers: ProviderAnswer | ProviderError | Draw, **features: Any) -> House:
    """A house whose provider gives these answers, one a call and the last one ever after; all share its clock."""
    clock = features.setdefault("clock", SettableClock())
    features.setdefault("database", MemoryDatabase(clock))
    return House(provider=MemoryProvider("easel", *(answers or (ANSWER,))), **features)
