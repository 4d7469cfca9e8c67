"""The whole machine, put together, and the ways in which it runs: as a service, as a worker, or not at all."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field

from imagegen.adapters.database import Database
from imagegen.adapters.passwords import Argon2Hasher
from imagegen.adapters.queues import Dispatch
from imagegen.application import Application
from imagegen.application.defects import report
from imagegen.bootstrap.drawing import Drawing
from imagegen.bootstrap.wiring import Ping
from imagegen.domain.errors import Unavailable
from imagegen.domain.ports import BlobStore, WebhookSender
from imagegen.worker import Worker

logger = logging.getLogger("imagegen.bootstrap")


def terminate() -> None:
    """Ask this process to stop, as whoever runs it would."""
    signal.raise_signal(signal.SIGTERM)


@dataclass(slots=True)
class Stopping:
    """Whether this process is on its way out: it still answers, and its health asks not to be sent anything new."""

    essential: dict[str, Ping]
    begun: bool = field(default=False, init=False)

    def begin(self) -> None:
        """Say so from now on."""
        self.begun = True
        self.essential["process"] = _stopping


async def _stopping() -> None:
    raise Unavailable("this process is stopping")


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    """The whole machine, put together and not yet running."""

    application: Application
    worker: Worker
    database: Database
    blobs: BlobStore
    dispatch: Dispatch
    drawing: Drawing
    passwords: Argon2Hasher
    webhook_sender: WebhookSender
    essential: dict[str, Ping]
    stopping: Stopping

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """Connect what has to be connected, and let go of everything at the end, in the opposite order."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.passwords.close)
            stack.push_async_callback(self.webhook_sender.close)
            stack.push_async_callback(self.database.close)
            await self.database.start()
            stack.push_async_callback(self.blobs.close)
            for provider in self.drawing.providers.values():
                stack.push_async_callback(provider.close)
            await stack.enter_async_context(self.dispatch.connected())
            yield

    @asynccontextmanager
    async def running(self, stop: Callable[[], object] = terminate) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        """The same as a service, with the worker drawing meanwhile where nobody else does.

        Should the worker end by itself, `stop` is called. What is handed out finishes the drawing ahead of the end:
        nothing more is begun, what runs has its grace, and then whoever still waits for a picture is let go to look at
        the row.

        Raises:
            Unavailable: at the end, when the worker ended by itself.
        """
        async with self.connected():
            self.essential["queue"] = self.dispatch.queue.check
            if self.dispatch.distributed:
                self.essential["workers"] = self._workers
                work = asyncio.get_running_loop().create_future()  # others do it
            else:
                self.essential["workers"] = self.worker.check
                work = asyncio.create_task(self._draw(stop), name="worker")

            async def finish() -> None:
                work.cancel()
                try:
                    with suppress(asyncio.CancelledError):
                        await work
                finally:
                    self.dispatch.events.release()

            try:
                yield finish
            finally:
                await finish()

    async def work(self) -> None:
        """Draw until canceled, and do nothing else; raise `Unavailable` when the worker ended by itself."""
        async with self.connected():
            await self._draw(lambda: None)

    async def _draw(self, stop: Callable[[], object]) -> None:
        """Draw until canceled: a service that draws no more must not take jobs either."""
        try:
            await self.worker.run()
        except Exception:  # noqa: BLE001 - reported
            report(logger, "the worker ended by itself")
            stop()
            raise Unavailable("The worker ended by itself; the log says where.") from None

    async def _workers(self) -> None:
        if not await self.application.count_workers():
            raise Unavailable("no worker is running")
