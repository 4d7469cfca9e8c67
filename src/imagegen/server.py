"""`imagegen serve`: one process that listens, answers and draws, and stops cleanly."""

import asyncio
import gc
import logging
import signal
import socket
from collections.abc import Awaitable, Callable
from contextlib import closing
from typing import Final

import uvicorn
import uvloop

from imagegen.asgi import serving
from imagegen.bootstrap import assemble
from imagegen.settings import Settings, SettingsInvalid
from imagegen.web.logging import configure_logging

BACKLOG: Final = 4096
KEEP_ALIVE_SECONDS: Final = 75
"""Longer than the 60 s after which common load balancers let go, so that they and not we close idle connections."""

ANSWER_SECONDS: Final = 5
"""How long whoever waits has to be answered once the grace of what runs is over."""

logger = logging.getLogger("imagegen.server")


class Server(uvicorn.Server):
    """A uvicorn server that says where it listens, and that finishes the drawing while it answers the last callers."""

    finish: Callable[[], Awaitable[None]] | None = None

    def stop(self) -> None:
        """Take nothing new, even if it does not listen yet."""
        self.should_exit = True

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


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT: then take nothing new, finish what runs within the grace, and return.

    Raises:
        SettingsInvalid: the settings describe no machine.
        ImagegenError: the database cannot be used.
    """
    configure_logging()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings))


async def _serve(settings: Settings) -> None:
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
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=settings.grace_seconds + ANSWER_SECONDS,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
    )
    server = Server(config)
    for number in (signal.SIGTERM, signal.SIGINT):
        # Heard before the server hears for itself, and once more when it hands the signal on in the end.
        asyncio.get_running_loop().add_signal_handler(number, server.stop)
    with closing(_listen(settings.host, settings.port)) as listening:  # before anything begins that could cost money
        async with assembly.running() as server.finish:
            gc.collect()
            gc.freeze()  # what exists now stays; collections need not look at it again
            gc.enable()
            await server.serve(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise SettingsInvalid((f"IMAGEGEN_PORT: cannot listen on {host}:{port}: {error.strerror}",)) from None
    listening.setblocking(False)
    return listening
