"""The doorbell and the announcements of a service that is one process."""

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final

from imagegen.domain.generations import Generation
from imagegen.domain.identifiers import GenerationId
from imagegen.domain.ports import GenerationEvents, GenerationQueue, Watch

CONCURRENCY: Final = 1024
"""Generations at once: nearly all of them only wait for a provider."""
GRACE: Final = 30.0
"""Seconds that a running generation is given to end when the service stops."""

logger = logging.getLogger("imagegen.queue")


class InProcessQueue(GenerationQueue):
    """Rings in the order of submission; what was not taken yet is forgotten with the process, as the row is not.

    At most `concurrency` handlers run at once in each `consume`, and `grace` is how many seconds they have left once
    it is canceled. Whatever was not taken then waits for the next `consume`.
    """

    def __init__(self, *, concurrency: int = CONCURRENCY, grace: float = GRACE) -> None:
        self._concurrency = concurrency
        self._grace = grace
        self._waiting: asyncio.Queue[GenerationId] = asyncio.Queue()
        self._rung: set[GenerationId] = set()

    async def submit(self, generation_id: GenerationId) -> None:
        """Ring, unless it rings already; this never waits."""
        if generation_id not in self._rung:
            self._rung.add(generation_id)
            self._waiting.put_nowait(generation_id)

    async def consume(self, handle: Callable[[GenerationId], Awaitable[None]]) -> None:
        """Run a task for each ring, until canceled."""
        running: set[asyncio.Task[None]] = set()
        free = asyncio.Semaphore(self._concurrency)
        try:
            while True:
                await free.acquire()
                generation_id = await self._waiting.get()
                self._rung.discard(generation_id)
                task = asyncio.create_task(_handle(handle, generation_id))
                running.add(task)
                task.add_done_callback(running.discard)
                task.add_done_callback(lambda _: free.release())
        finally:
            await self._finish(running)

    async def _finish(self, running: set[asyncio.Task[None]]) -> None:
        """Let what runs end within the grace, then cancel it; a second cancellation ends the grace."""
        try:
            if running:
                await asyncio.wait(running, timeout=self._grace)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)


async def _handle(handle: Callable[[GenerationId], Awaitable[None]], generation_id: GenerationId) -> None:
    try:
        await handle(generation_id)
    except Exception as error:  # noqa: BLE001 - one broken handling must not end the others
        # Where it broke, but not what it says: an error's text may quote a prompt.
        frames = "".join(traceback.format_tb(error.__traceback__))
        logger.error("handling generation %s raised %s\n%s", generation_id, type(error).__name__, frames)  # noqa: TRY400


class InProcessEvents(GenerationEvents):
    """Hands a finished generation to those of this process who watch it; nothing is kept for anybody else."""

    def __init__(self) -> None:
        self._watches: dict[GenerationId, set[_Watch]] = {}
        self._released = False

    @contextmanager
    def watch(self, generation_id: GenerationId) -> Iterator[Watch]:
        """Start watching; afterwards nothing of it is left here."""
        watch = _Watch()
        if self._released:
            watch.end(None)
        watches = self._watches.setdefault(generation_id, set())
        watches.add(watch)
        try:
            yield watch
        finally:
            watches.discard(watch)
            if not watches:
                del self._watches[generation_id]

    async def announce(self, generation: Generation) -> None:
        """Wake everybody who watches; nobody at all is fine."""
        for watch in self._watches.get(generation.id, ()):
            watch.end(generation)

    def release(self) -> None:
        """Let everybody look at the row who watches, now or later: nobody will announce anything any more."""
        self._released = True
        for watches in self._watches.values():
            for watch in watches:
                watch.end(None)


class _Watch(Watch):
    """One who waits, and what came of it."""

    def __init__(self) -> None:
        self._ended: asyncio.Future[Generation | None] = asyncio.get_running_loop().create_future()

    async def outcome(self, timeout: float) -> Generation | None:  # noqa: ASYNC109 - the port's promise
        """The generation as it was announced."""
        if not self._ended.done():
            await asyncio.wait((self._ended,), timeout=timeout)
        return self._ended.result() if self._ended.done() else None

    def end(self, generation: Generation | None) -> None:
        """The first announcement counts; a final state does not change."""
        if not self._ended.done():
            self._ended.set_result(generation)
