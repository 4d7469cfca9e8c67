"""The promises of `GenerationQueue`."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from builders import PROMPT, new_id
from imagegen.adapters.queues.in_process import InProcessQueue
from imagegen.domain.identifiers import GenerationId
from imagegen.domain.ports import GenerationQueue

LONG = 60.0
"""Seconds that no test waits for: a limit against hanging."""
Open = Callable[[float], GenerationQueue]


@pytest.fixture(params=[InProcessQueue])
def open_queue(request: pytest.FixtureRequest) -> Open:
    """Makes an empty queue with a grace in seconds, of each kind in turn."""
    adapter = request.param
    return lambda grace: adapter(grace=grace)


@pytest.fixture
def queue(open_queue: Open) -> GenerationQueue:
    """An empty queue."""
    return open_queue(LONG)


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


async def test_everything_submitted_is_handled(queue: GenerationQueue) -> None:
    """Each ring is answered once, whether it came before anybody listened or after."""
    handler, early, late = Handler(), ids(50), ids(50)
    for generation_id in early:
        await queue.submit(generation_id)
    async with consuming(queue, handler):
        seen = {await handler.next() for _ in early}
        for generation_id in late:
            await queue.submit(generation_id)
        seen |= {await handler.next() for _ in late}
    assert seen == {*early, *late}
    assert handler.begun.empty()
    assert sorted(handler.ended) == sorted(early + late)


async def test_ringing_again_before_it_was_heard_changes_nothing() -> None:
    """A sweep rings for everything that waits; in process it does not pile up, and later it rings anew."""
    queue, handler, (generation_id,) = InProcessQueue(), Handler(), ids(1)
    for _ in range(1000):
        await queue.submit(generation_id)
    async with consuming(queue, handler):
        assert await handler.next() == generation_id
        await asyncio.sleep(0)
        assert handler.begun.empty()
        await queue.submit(generation_id)
        assert await handler.next() == generation_id


async def test_many_are_handled_at_a_time(queue: GenerationQueue) -> None:
    """One that waits for its provider holds up nobody."""
    handler = Handler(held=True)
    async with consuming(queue, handler):
        for generation_id in ids(200):
            await queue.submit(generation_id)
        for _ in range(200):
            await handler.next()
        assert handler.running == 200
        handler.may_end.set()


async def test_a_broken_handler_harms_nobody_else(queue: GenerationQueue, caplog: pytest.LogCaptureFixture) -> None:
    """An error is logged with the generation and the place but not its words, and the next ones are handled."""
    broken, *others = ids(20)
    handler = Handler()

    async def handle(generation_id: GenerationId) -> None:
        if generation_id == broken:
            raise LookupError(f"no color in: {PROMPT}")
        await handler(generation_id)

    with caplog.at_level(logging.ERROR):
        async with consuming(queue, handle):
            for generation_id in (broken, *others):
                await queue.submit(generation_id)
            seen = {await handler.next() for _ in others}
    assert seen == set(others)
    (record,) = caplog.records
    assert all(word in caplog.text for word in (str(broken), "LookupError", __file__))
    assert PROMPT not in caplog.text
    assert record.exc_info is None


async def test_canceling_lets_the_running_finish(queue: GenerationQueue) -> None:
    """After the cancellation nothing is taken any more, and what runs ends by itself within the grace."""
    handler, (running, waiting) = Handler(held=True), ids(2)
    consumer = asyncio.create_task(queue.consume(handler))
    await queue.submit(running)
    await handler.next()
    consumer.cancel()
    await asyncio.sleep(0)
    await queue.submit(waiting)
    await asyncio.sleep(0.01)
    assert not consumer.done()
    handler.may_end.set()
    await asyncio.wait([consumer], timeout=LONG)
    assert consumer.cancelled()
    assert (handler.ended, handler.canceled) == ([running], [])
    assert handler.begun.empty()


async def test_the_grace_ends(open_queue: Open) -> None:
    """What still runs when the grace is over is canceled, and has ended when consuming has."""
    queue, handler, generations = open_queue(0.01), Handler(held=True), ids(3)
    async with consuming(queue, handler):
        for generation_id in generations:
            await queue.submit(generation_id)
            await handler.next()
    assert (handler.running, handler.ended) == (0, [])
    assert sorted(handler.canceled) == generations


async def test_a_second_cancellation_ends_the_grace(queue: GenerationQueue) -> None:
    """Whoever cannot wait for the grace cancels again."""
    handler, (running,) = Handler(held=True), ids(1)
    async with consuming(queue, handler) as consumer:
        await queue.submit(running)
        await handler.next()
        consumer.cancel()
        await asyncio.sleep(0)
    assert handler.canceled == [running]


async def test_no_more_than_the_bound_run_at_once() -> None:
    """The bound of the queue in this process holds, and everything gets its turn."""
    queue, handler = InProcessQueue(concurrency=3), Handler()
    async with consuming(queue, handler):
        for generation_id in ids(40):
            await queue.submit(generation_id)
        for _ in range(40):
            await handler.next()
    assert handler.most_running == 3


async def test_what_was_not_taken_waits_for_the_next_consumer() -> None:
    """Stopping the queue in this process forgets no ring while the process lives."""
    queue, handler, (first, second) = InProcessQueue(concurrency=1, grace=0.0), Handler(held=True), ids(2)
    async with consuming(queue, handler):
        await queue.submit(first)
        await queue.submit(second)
        assert await handler.next() == first
    async with consuming(queue, handler):
        assert await handler.next() == second
