"""The doorbell and the announcements of a service that is one process."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Final

from imagegen.adapters.queues.handling import finish, guarded
from imagegen.adapters.queues.watches import Watches
from imagegen.domain.generations import Generation
from imagegen.domain.identifiers import GenerationId
from imagegen.domain.ports import GenerationEvents, GenerationQueue, Place, Watch

CONCURRENCY: Final = 1024
"""Generations at once: nearly all of them only wait for a provider."""
BATCH_SHARE: Final = 4
"""One of so many places is for what belongs to batches, and the others are not."""
GRACE: Final = 30.0
"""Seconds that a running generation is given to end when the service stops."""

Handler = Callable[[GenerationId], Awaitable[None]]
Job = Callable[[], Awaitable[None]]


class InProcessQueue(GenerationQueue):
    """Rings in the order of submission; what was not taken yet is forgotten with the process, as the row is not.

    At most `concurrency` handlers run at once, and `grace` is how many seconds they have left once `consume` is
    canceled. Whatever was not taken then waits for the next `consume`.
    """

    def __init__(self, *, concurrency: int = CONCURRENCY, grace: float = GRACE) -> None:
        share = max(1, concurrency // BATCH_SHARE)
        self._batched = _Line(share)
        self._single = _Line(max(1, concurrency - share))
        self._grace = grace

    async def submit(self, generation_id: GenerationId, *, batched: bool = False) -> None:
        """Ring, unless it rings already; this never waits."""
        (self._batched if batched else self._single).ring(generation_id)

    async def consume(self, handle: Handler) -> None:
        """Run a task for each ring, until canceled."""
        lines = (self._single, self._batched)
        try:
            for line in lines:
                line.open(handle)
            await asyncio.get_running_loop().create_future()  # which nobody sets: only canceling ends this
        finally:
            for line in lines:
                line.close()
            await finish({task for line in lines for task in line.running}, self._grace)

    def place(self) -> Place | None:
        """Room for one, while nobody waits for it."""
        return self._single.place()

    async def check(self) -> None:
        """Do nothing: a ring is always taken."""

    async def close(self) -> None:
        """Do nothing: there is no connection."""


class _Line:
    """Those who wait for one of so many places, and those who have one."""

    def __init__(self, places: int) -> None:
        self.running: set[asyncio.Task[None]] = set()
        self._places = places
        self._kept = 0
        self._waiting: deque[GenerationId] = deque()
        self._rung: set[GenerationId] = set()
        self._handle: Handler | None = None

    def open(self, handle: Handler) -> None:
        """Let them in from now on."""
        self._handle = handle
        self._let_in()

    def close(self) -> None:
        """Let nobody in any more."""
        self._handle = None

    def ring(self, generation_id: GenerationId) -> None:
        """Wait in the line, unless it does already."""
        if generation_id not in self._rung:
            self._rung.add(generation_id)
            self._waiting.append(generation_id)
            self._let_in()

    def place(self) -> Place | None:
        """A place that is kept for whoever asks, unless others wait already."""
        if self._handle is None or self._waiting or not self._free:
            return None
        self._kept += 1
        return _Place(self)

    def give_back(self) -> None:
        """A place that was kept is not needed."""
        self._kept -= 1
        self._let_in()

    def run(self, job: Job, name: str = "a generation begun here") -> None:
        """Run a job in a place that is free; the name is for the log."""
        task = asyncio.create_task(guarded(job, name))
        self.running.add(task)
        task.add_done_callback(self._ended)

    @property
    def _free(self) -> bool:
        return len(self.running) + self._kept < self._places

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.running.discard(task)
        self._let_in()

    def _let_in(self) -> None:
        while (handle := self._handle) is not None and self._waiting and self._free:
            generation_id = self._waiting.popleft()
            self._rung.discard(generation_id)
            self.run(partial(handle, generation_id), f"generation {generation_id}")


class _Place(Place):
    """A place that a line keeps free."""

    __slots__ = ("_line",)

    def __init__(self, line: _Line) -> None:
        self._line: _Line | None = line

    def run(self, job: Job) -> None:
        """Run the job in it."""
        line, self._line = self._line, None
        if line is None:
            raise RuntimeError("this place was used or left already")
        line.run(job)
        line.give_back()

    def leave(self) -> None:
        """Give it back."""
        line, self._line = self._line, None
        if line is not None:
            line.give_back()


class InProcessEvents(GenerationEvents):
    """Hands a generation to those of this process who watch it; nothing is kept for anybody else."""

    def __init__(self) -> None:
        self._watches = Watches()

    def watch(self, generation_id: GenerationId) -> AbstractContextManager[Watch]:
        """Start watching; afterwards nothing of it is left here."""
        return self._watches.watch(generation_id)

    async def announce(self, generation: Generation) -> None:
        """Wake everybody who watches; nobody at all is fine."""
        self._watches.tell(generation.id, generation.status, generation)

    def cancellations(self) -> AsyncIterator[GenerationId]:
        """Hand them on as they come."""
        return self._watches.cancellations()

    def release(self) -> None:
        """Let everybody look at the row who watches, now or later."""
        self._watches.release()
