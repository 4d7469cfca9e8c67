"""The doorbell between processes: rings are jobs in queues of SAQ."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from operator import itemgetter
from typing import Any, Final
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import RedisError
from saq.job import Job, Status
from saq.queue.redis import RedisQueue

from imagegen.adapters.queues.handling import finish, guarded
from imagegen.adapters.queues.redis.connection import Outage, cancelable, translated
from imagegen.domain.identifiers import GenerationId
from imagegen.domain.ports import GenerationQueue, Place

CONCURRENCY: Final = 1024
"""Generations at once: nearly all of them only wait for a provider."""
BATCH_SHARE: Final = 4
"""One of so many places is for what belongs to batches, and the others are not."""
GRACE: Final = 30.0
"""Seconds that a running generation is given to end when the process stops."""

EARS: Final = 4
"""Looks for a ring at a time, in each line. Taking one takes four round trips, each through a busy event loop."""
LISTEN_SECONDS: Final = 0.25
"""How long one look for a ring lasts: it is seen through to its end, even when `consume` is canceled."""
SWEEP_SECONDS: Final = 5.0
"""A ring is over milliseconds after it was taken; one that is not for so long was taken by a process that died."""

# SAQ tells of every job in two lines. What matters of that is told here.
logging.getLogger("saq").setLevel(logging.CRITICAL)

logger = logging.getLogger("imagegen.queue")

Handler = Callable[[GenerationId], Awaitable[None]]


class SaqQueue(GenerationQueue):
    """Rings wait in Redis, in the order of submission, for whichever process has a place free.

    A ring is over when it was heard: what a handler does is the row's affair, and nothing here repeats or ends it. What
    nobody can read is thrown away: no more is lost than a ring.
    At most `concurrency` handlers run at once in each `consume` (two at least, one of each line), and `grace` is how
    many seconds they have left once it is canceled. The client is closed with the queue.
    """

    def __init__(
        self,
        client: Redis,
        *,
        concurrency: int = CONCURRENCY,
        grace: float = GRACE,
        namespace: str = "imagegen",
        sweep_seconds: float = SWEEP_SECONDS,
    ) -> None:
        share = max(1, concurrency // BATCH_SHARE)
        self._client = client
        self._grace = grace
        self._sweep_seconds = sweep_seconds
        self._single = _Line(client, f"{namespace}:single", max(1, concurrency - share))
        self._batched = _Line(client, f"{namespace}:batched", share)
        self._check_key = f"{namespace}:check"

    async def submit(self, generation_id: GenerationId, *, batched: bool = False) -> None:
        """Ring, unless it rings already; a Redis that does not answer costs seconds."""
        with translated():
            await (self._batched if batched else self._single).ring(generation_id)

    async def consume(self, handle: Handler) -> None:
        """Run a task for each ring, until canceled."""
        running: set[asyncio.Task[None]] = set()
        lines = (self._single, self._batched)
        listening = {asyncio.create_task(line.sweep(self._sweep_seconds)) for line in lines}
        for line in lines:
            free = asyncio.Semaphore(line.places)
            listening |= {asyncio.create_task(line.listen(handle, free, running)) for _ in range(EARS)}
        try:
            broken, _ = await asyncio.wait(listening, return_when=asyncio.FIRST_COMPLETED)
            for task in broken:
                task.result()
        finally:
            for task in listening:
                task.cancel()
            await finish(listening | running, self._grace)

    def place(self) -> Place | None:
        """None: whoever consumes may be elsewhere."""
        return None

    async def check(self) -> None:
        """Write something: Redis may answer and yet take nothing, when it is full or a replica."""
        with translated():
            await self._client.set(self._check_key, b"", ex=1)

    async def close(self) -> None:
        """Close the client."""
        await self._client.aclose()


class _Line:
    """One of the two lines: a queue of SAQ, and so many places for what is taken from it."""

    def __init__(self, client: Redis, name: str, places: int) -> None:
        # Of a job Redis has no more than the key, so whatever stands there in its place makes a job as well.
        self._queue = RedisQueue(client, name, dump=itemgetter("key"), load=self._read)
        self.places = places
        self._outage = Outage(f"the queue {name}")

    async def ring(self, generation_id: GenerationId) -> None:
        """Wait in the line, unless it does already."""
        await self._queue.enqueue(self._job(generation_id))

    async def listen(self, handle: Handler, free: asyncio.Semaphore, running: set[asyncio.Task[None]]) -> None:
        """Begin a handler for each ring, while a place is free; being canceled puts back what was just taken."""
        while True:
            await free.acquire()
            generation_id = await self._next()
            task = asyncio.create_task(guarded(partial(handle, generation_id), f"generation {generation_id}"))
            running.add(task)
            task.add_done_callback(running.discard)
            task.add_done_callback(lambda _: free.release())

    async def sweep(self, seconds: float) -> None:
        """Ring once more for what was taken and, so many seconds later, still is."""
        before: set[bytes] = set()
        while True:
            with suppress(RedisError), cancelable():  # whoever listens tells of it
                taken = await self._taken()
                for ring in taken & before:
                    await self._ring_again(ring)
                before = taken - before
            await asyncio.sleep(seconds)

    async def _taken(self) -> set[bytes]:
        rings = self._queue.redis.lrange(self._active, 0, -1)
        return set(await rings)  # type: ignore[misc]  # redis-py types it for its blocking client as well

    async def _ring_again(self, ring: bytes) -> None:
        foreign, _, key = ring.decode(errors="replace").partition(self._queue.job_id(""))
        generation_id = None if foreign else _named(key)
        if generation_id is not None:
            await self._job(generation_id).retry("not heard")
        elif await self._queue.redis.lrem(self._active, 0, ring):  # type: ignore[misc,arg-type]  # as above, and as text
            logger.warning("the queue %s: a ring that nobody can read was thrown away", self._queue.name)

    async def _next(self) -> GenerationId:
        while True:
            taking = asyncio.create_task(self._take())
            try:
                taken = await asyncio.shield(taking)
                self._outage.ended()
            except RedisError as error:
                await self._outage.sit_out(error)
            except asyncio.CancelledError:
                await self._put_back(taking)
                raise
            else:
                if taken is not None:
                    return taken

    async def _take(self) -> GenerationId | None:
        job = await self._queue.dequeue(timeout=LISTEN_SECONDS)
        generation_id = None if job is None else _named(job.key)
        if job is not None and generation_id is not None:
            with suppress(RedisError):  # it was heard; the sweep will ring once more for nothing
                await job.finish(Status.COMPLETE)
        return generation_id  # what has none is left to the sweep

    async def _put_back(self, taking: asyncio.Task[GenerationId | None]) -> None:
        with suppress(RedisError):
            if (taken := await taking) is not None:
                await self.ring(taken)

    @property
    def _active(self) -> str:
        return self._queue.namespace("active")

    def _job(self, generation_id: GenerationId) -> Job:
        return Job(**_members(str(generation_id)), queue=self._queue)

    def _read(self, text: bytes | str) -> dict[str, Any]:
        """The members of a job of which Redis has this."""
        key = text if isinstance(text, str) else text.decode(errors="replace")
        return {**_members(key), "queue": self._queue.name}


def _members(key: str) -> dict[str, Any]:
    """Those of a job that SAQ forgets once it is finished, and of which it does not judge how long it takes."""
    return {"function": "generation", "key": key, "ttl": -1, "timeout": 0}


def _named(key: str) -> GenerationId | None:
    """The generation of that name, as it is written here; `None` if it is the name of none."""
    try:
        found = UUID(key)
    except ValueError:
        return None
    return GenerationId(found) if str(found) == key else None
