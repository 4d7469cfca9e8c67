"""`imagegen serve`: one process that listens, answers and, unless others do, draws; it stops cleanly."""

import asyncio
import gc
import logging
import os
import signal
import socket
from collections.abc import Awaitable, Callable
from contextlib import closing
from types import FrameType
from typing import Final

import uvicorn
import uvloop

from imagegen.asgi import serving
from imagegen.bootstrap import assemble
from imagegen.bootstrap.assembly import Stopping
from imagegen.bootstrap.listening import listen
from imagegen.bootstrap.logging import configure_logging
from imagegen.settings import Settings
from imagegen.web.connection import Connection
from imagegen.web.logging import request_id_var

BACKLOG: Final = 4096
KEEP_ALIVE_SECONDS: Final = 75
"""Longer than the 60 s after which common load balancers let go, so that they and not we close idle connections."""

ANSWER_SECONDS: Final = 5
"""How long whoever waits has to be answered once the grace of what runs is over."""

_LAST_ANSWER: Final = (b"connection", b"close")

logger = logging.getLogger("imagegen.server")


class Server(uvicorn.Server):
    """A uvicorn server that says where it listens, drains, and finishes the drawing while it answers the last callers.

    Asked to stop, it says that it is not ready any more and goes on for `drain` seconds, whether or not anybody is
    connected: whoever spreads the load has time to notice. Each answer asks for its connection to be closed.
    """

    finish: Callable[[], Awaitable[None]] | None = None

    def __init__(self, config: uvicorn.Config, stopping: Stopping, drain: float) -> None:
        super().__init__(config)
        self._stopping = stopping
        self._drain = drain

    def stop(self) -> None:
        """Begin to stop; asked once more, take nothing new from now on."""
        if self._stopping.begun or not self.started:
            self.should_exit = True
        else:
            self._stopping.begin()
            self._ask_to_close()
            asyncio.get_running_loop().call_later(self._drain, self.stop)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Leave signals to the event loop, which hears them as well; but whoever typed Ctrl-C need not wait."""
        del frame
        if sig == signal.SIGINT:
            self.should_exit = True

    async def on_tick(self, counter: int) -> bool:
        """Look several times a second whether it is over."""
        over = await super().on_tick(counter)
        if self._stopping.begun:
            self._ask_to_close()
        return over

    def _ask_to_close(self) -> None:
        headers = self.server_state.default_headers
        self.server_state.default_headers = [*(pair for pair in headers if pair != _LAST_ANSWER), _LAST_ANSWER]

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop drawing and answering at the same time: who waits for a picture hears of it before the end."""
        finishing = asyncio.ensure_future(self.finish()) if self.finish is not None else None
        await super().shutdown(sockets)
        if finishing is not None:
            await finishing

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen and say so in the log."""
        await super().startup(sockets)
        for listening in sockets or []:
            host, port = listening.getsockname()[:2]
            logger.info("listening on http://%s:%s", f"[{host}]" if ":" in host else host, port)


def run(settings: Settings, *, listening: socket.socket | None = None, tether: int | None = None) -> None:
    """Serve until SIGTERM or SIGINT: then take nothing new, finish what runs within the grace, and return.

    `listening` is a socket that is shared with others; `tether` is the descriptor of a pipe, and when its other end is
    closed, whoever started this process is gone and it stops as well.

    Raises:
        SettingsInvalid: the settings describe no machine.
        ImagegenError: the database cannot be used.
    """
    configure_logging(request_id_var.get)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, listening, tether))


async def _serve(settings: Settings, shared: socket.socket | None, tether: int | None) -> None:
    assembly = assemble(settings)
    config = uvicorn.Config(
        serving(settings, assembly),
        host=settings.host,
        port=settings.port,
        lifespan="off",  # the assembly runs longer than the listening: it finishes what was taken
        log_config=None,
        log_level=logging.WARNING,
        access_log=False,
        server_header=False,
        http=Connection,
        ws="none",  # else whatever library for it happens to be installed is loaded
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=settings.grace_seconds + ANSWER_SECONDS,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
    )
    server = Server(config, assembly.stopping, settings.drain_seconds)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    if tether is not None:
        loop.add_reader(tether, _untied, loop, tether, server)
    # Before anything begins that could cost money.
    with closing(shared or listen(settings.host, settings.port)) as listening:
        async with assembly.running() as server.finish:
            gc.freeze()  # what exists now stays; collections need not look at it again
            gc.enable()
            await server.serve(sockets=[listening])


def _untied(loop: asyncio.AbstractEventLoop, tether: int, server: Server) -> None:
    if not os.read(tether, 1):
        loop.remove_reader(tether)
        server.stop()
