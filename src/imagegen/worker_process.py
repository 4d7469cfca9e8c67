"""`imagegen worker`: one process that draws and does nothing else; it stops cleanly."""

import asyncio
import gc
import logging
import signal
from contextlib import suppress

import uvloop

from imagegen.bootstrap import assemble
from imagegen.bootstrap.logging import configure_logging
from imagegen.settings import Settings, SettingsInvalid

logger = logging.getLogger("imagegen.worker")


def run(settings: Settings) -> None:
    """Draw until SIGTERM or SIGINT: then begin nothing new, finish what runs within the grace, and return.

    Raises:
        SettingsInvalid: the settings describe no machine, or one whose service draws by itself.
        ImagegenError: the database cannot be used.
    """
    configure_logging()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_work(settings))


async def _work(settings: Settings) -> None:
    assembly = assemble(settings)
    if not assembly.dispatch.distributed:
        raise SettingsInvalid(("IMAGEGEN_QUEUE_URL: with in-process: the service draws by itself; set redis://…",))
    gc.freeze()  # as a service does
    gc.enable()
    working = asyncio.create_task(assembly.work(), name="worker")
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, working.cancel)
    logger.info("drawing up to %s at a time", settings.concurrency)
    with suppress(asyncio.CancelledError):
        await working
