"""Somebody who answers the rings of a queue, and remembers them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

from builders import new_id
from imagegen.domain.identifiers import GenerationId
from imagegen.domain.ports import GenerationQueue

LONG: Final = 60.0
"""Seconds that no test waits for: a limit against hanging."""


class Handler:
    """Remembers what it was called for; each call ends when it may."""

    def __init__(self, *, held: bool = False) -> None:
        self.begun: asyncio.Queue[GenerationId] = asyncio.Queue()
        self.ended: list[GenerationId] = []
        self.canceled: list[GenerationId] = []
        self.running = self.most_running = 0
        self.may_end = asyncio.Event()
        if not held:
            self.may_end.set()

    async def __call__(self, generation_id: GenerationId) -> None:
        """Run until it may end."""
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        self.begun.put_nowait(generation_id)
        try:
            await self.may_end.wait()
            await asyncio.sleep(0)
            self.ended.append(generation_id)
        except asyncio.CancelledError:
            self.canceled.append(generation_id)
            raise
        finally:
            self.running -= 1

    async def next(self) -> GenerationId:
        """The next one that it was called for."""
        async with asyncio.timeout(LONG):
            return await self.begun.get()


@asynccontextmanager
async def consuming(
    queue: GenerationQueue, handle: Callable[[GenerationId], Awaitable[None]]
) -> AsyncIterator[asyncio.Task[None]]:
    """Consume in the background, and stop at the end."""
    task = asyncio.create_task(queue.consume(handle))
    try:
        yield task
    finally:
        await stop(task)


async def stop(task: asyncio.Task[None]) -> None:
    """Cancel, and wait until it has ended."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def ids(count: int) -> list[GenerationId]:
    """That many generations."""
    return [GenerationId(new_id()) for _ in range(count)]
