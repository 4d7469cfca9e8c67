"""Handlers at work: one that breaks harms nobody else, and all of them end within the grace."""

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, Collection

from imagegen.domain.errors import Unavailable

logger = logging.getLogger("imagegen.queue")


async def guarded(job: Callable[[], Awaitable[None]], name: str) -> None:
    """Run a job; an error is logged under its name. What is away is no defect: somebody will ring again."""
    try:
        await job()
    except Unavailable as error:
        logger.warning("handling %s was put off: %s", name, error.code)
    except Exception as error:  # noqa: BLE001 - one broken handling must not end the others
        report(error, f"handling {name}")


def report(error: Exception, step: str) -> None:
    """Log where the step broke, but not what the error says: its text may quote a prompt."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    logger.error("%s raised %s\n%s", step, type(error).__name__, frames)


async def finish(tasks: Collection[asyncio.Task[None]], grace: float) -> None:
    """Let them end within the grace, in seconds, then cancel them; being canceled ends the grace."""
    try:
        if tasks:
            await asyncio.wait(tasks, timeout=grace)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
