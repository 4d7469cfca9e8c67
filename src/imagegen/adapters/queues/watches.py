"""Those of this process who watch generations, and what they are told."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

from imagegen.domain.generations import Generation, Status
from imagegen.domain.identifiers import GenerationId
from imagegen.domain.ports import Watch


class Watches:
    """Hands on what is announced to those who watch; nothing is kept for anybody else."""

    def __init__(self) -> None:
        self._watches: dict[GenerationId, set[_Watch]] = {}
        self._listening: set[asyncio.Queue[GenerationId]] = set()
        self._released = False

    @contextmanager
    def watch(self, generation_id: GenerationId) -> Iterator[Watch]:
        """Start watching; afterwards nothing of it is left here."""
        watch = _Watch()
        if self._released:
            watch.close()
        watches = self._watches.setdefault(generation_id, set())
        watches.add(watch)
        try:
            yield watch
        finally:
            watches.discard(watch)
            if not watches:
                del self._watches[generation_id]

    async def cancellations(self) -> AsyncIterator[GenerationId]:
        """The canceled ones, as they come."""
        listening: asyncio.Queue[GenerationId] = asyncio.Queue()
        self._listening.add(listening)
        try:
            while True:
                yield await listening.get()
        finally:
            self._listening.discard(listening)

    def tell(self, generation_id: GenerationId, status: Status, generation: Generation | None = None) -> None:
        """Wake who watches this one, and who waits for cancellations; without the generation the row tells more."""
        for watch in self._watches.get(generation_id, ()):
            watch.tell(status, generation)
        if status is Status.CANCELED:
            for listening in self._listening:
                listening.put_nowait(generation_id)

    def look(self) -> None:
        """Have everybody look at the row: something may have been announced that did not arrive."""
        for watch in self._each():
            watch.look()

    def release(self) -> None:
        """Have everybody look at the row who watches, now or later: nobody will be told anything any more."""
        self._released = True
        for watch in self._each():
            watch.close()

    def _each(self) -> Iterator["_Watch"]:
        return (watch for watches in self._watches.values() for watch in watches)


class _Watch(Watch):
    """One who watches, and what was told."""

    __slots__ = ("_changed", "_closed", "_ended", "_generation", "_missed", "_news")

    def __init__(self) -> None:
        self._news = _news()
        self._changed = self._ended = self._missed = self._closed = False
        self._generation: Generation | None = None

    @property
    def closed(self) -> bool:
        """Whether the process is stopping."""
        return self._closed

    async def outcome(self, timeout: float) -> Generation | None:  # noqa: ASYNC109 - the port's promise
        """The generation as it was announced in this process; of one that ended in another the row tells."""
        await self._wait(lambda: self._ended or self._missed, timeout)
        self._missed = False
        return self._generation

    async def change(self, timeout: float) -> bool:  # noqa: ASYNC109 - the port's promise
        """Whether anything came, or comes in time."""
        await self._wait(lambda: self._changed, timeout)
        changed, self._changed = self._changed, False
        return changed

    def tell(self, status: Status, generation: Generation | None) -> None:
        """It is in another state; the first end counts, for a final state does not change."""
        self._changed = True
        if status.final and not self._ended:
            self._ended, self._generation = True, generation
        self._wake()

    def look(self) -> None:
        """Something may have been missed."""
        self._changed = self._missed = True
        self._wake()

    def close(self) -> None:
        """Nothing is told any more, so nobody waits any more."""
        self._closed = True
        self.look()

    async def _wait(self, told: Callable[[], bool], timeout: float) -> None:  # noqa: ASYNC109 - as above
        clock = asyncio.get_running_loop().time
        end = clock() + timeout
        while not (told() or self._closed):
            if self._news.done():
                self._news = _news()
            if not (await asyncio.wait((self._news,), timeout=end - clock()))[0]:
                return

    def _wake(self) -> None:
        if not self._news.done():
            self._news.set_result(None)


def _news() -> asyncio.Future[None]:
    return asyncio.get_running_loop().create_future()
