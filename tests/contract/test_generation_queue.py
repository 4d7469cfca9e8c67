"""The promises of `GenerationQueue`."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from builders import PROMPT
from imagegen.adapters.queues.in_process import InProcessQueue
from imagegen.adapters.queues.redis import SaqQueue, connect
from imagegen.domain.errors import DatabaseUnavailable
from imagegen.domain.identifiers import GenerationId
from imagegen.domain.ports import GenerationQueue
from ringing import LONG, Handler, consuming, ids

MANY = 1024


class Open(Protocol):
    """Makes a queue; those of one test that are distributed share their rings."""

    def __call__(self, *, concurrency: int = MANY, grace: float = LONG) -> GenerationQueue:
        """A queue with so many places and a grace in seconds."""


@pytest.fixture
def open_in_process() -> Open:
    """Makes queues of this process."""
    return InProcessQueue


@pytest.fixture
async def open_saq(valkey_server: str) -> AsyncIterator[Open]:
    """Makes queues on a Valkey, under names of the test's own that are removed after it."""
    namespace = uuid4().hex
    async with Redis.from_url(valkey_server) as client:
        queues: list[GenerationQueue] = []

        def open_queue(*, concurrency: int = MANY, grace: float = LONG) -> GenerationQueue:
            queue = SaqQueue(connect(valkey_server), concurrency=concurrency, grace=grace, namespace=namespace)
            queues.append(queue)
            return queue

        yield open_queue
        for queue in queues:
            await queue.close()
        async for key in client.scan_iter(f"*{namespace}*"):
            await client.delete(key)


@pytest.fixture(params=["in_process", "saq"])
def open_queue(request: pytest.FixtureRequest) -> Open:
    """Makes queues that are empty, of each kind in turn."""
    opener: Open = request.getfixturevalue(f"open_{request.param}")
    return opener


@pytest.fixture
def queue(open_queue: Open) -> GenerationQueue:
    """An empty queue."""
    return open_queue()


async def test_everything_submitted_is_handled(queue: GenerationQueue) -> None:
    """Each ring is answered once, in whichever line, whether it came before anybody listened or after."""
    handler, early, late = Handler(), ids(50), ids(50)
    for number, generation_id in enumerate(early):
        await queue.submit(generation_id, batched=number % 2 == 0)
    async with consuming(queue, handler):
        seen = {await handler.next() for _ in early}
        for number, generation_id in enumerate(late):
            await queue.submit(generation_id, batched=number % 2 == 0)
        seen |= {await handler.next() for _ in late}
    assert seen == {*early, *late}
    assert handler.begun.empty()
    assert sorted(handler.ended) == sorted(early + late)


async def test_a_burst_is_taken_and_answered(queue: GenerationQueue) -> None:
    """A thousand callers who ring at the same time are all heard, once each."""
    handler, generations = Handler(), ids(1000)
    async with consuming(queue, handler):
        await asyncio.gather(*(queue.submit(generation_id) for generation_id in generations))
        seen = [await handler.next() for _ in generations]
    assert sorted(seen) == generations
    assert handler.begun.empty()


async def test_ringing_again_before_it_was_heard_changes_nothing(queue: GenerationQueue) -> None:
    """A sweep rings for everything that waits, which does not pile up; what was heard can be rung for anew."""
    handler, (generation_id, next_one) = Handler(held=True), ids(2)
    for _ in range(20):
        await queue.submit(generation_id)
    await queue.submit(next_one)
    async with consuming(queue, handler):
        assert {await handler.next(), await handler.next()} == {generation_id, next_one}
        await queue.submit(generation_id)
        assert await handler.next() == generation_id
        handler.may_end.set()
    assert handler.begun.empty()


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


async def test_no_more_than_the_bound_run_at_once(open_queue: Open) -> None:
    """The concurrency is a bound, and everything gets its turn."""
    queue, handler = open_queue(concurrency=4), Handler()
    async with consuming(queue, handler):
        for generation_id in ids(40):
            await queue.submit(generation_id)
        for generation_id in ids(40):
            await queue.submit(generation_id, batched=True)
        for _ in range(80):
            await handler.next()
    assert handler.most_running <= 4


async def test_a_batch_keeps_nobody_waiting(open_queue: Open) -> None:
    """However many of a batch wait, only a quarter of the places is theirs."""
    queue, handler, batch, others = open_queue(concurrency=8), Handler(held=True), ids(20), ids(6)
    async with consuming(queue, handler):
        for generation_id in batch:
            await queue.submit(generation_id, batched=True)
        begun = {await handler.next(), await handler.next()}
        for generation_id in others:
            await queue.submit(generation_id)
        begun |= {await handler.next() for _ in others}
        assert begun == {*batch[:2], *others}
        assert handler.begun.empty()
        handler.may_end.set()
        assert sorted([await handler.next() for _ in batch[2:]]) == batch[2:]


async def test_even_a_single_place_serves_both_lines(open_queue: Open) -> None:
    """Each line has a place at least."""
    queue, handler, (single, batched) = open_queue(concurrency=1), Handler(held=True), ids(2)
    async with consuming(queue, handler):
        await queue.submit(batched, batched=True)
        await queue.submit(single)
        assert {await handler.next(), await handler.next()} == {single, batched}
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


async def test_what_is_away_is_no_defect(queue: GenerationQueue, caplog: pytest.LogCaptureFixture) -> None:
    """A handler that meets a database that is away is a line for the operator, without a trace, and no error."""
    away, other = ids(2)
    handler = Handler()

    async def handle(generation_id: GenerationId) -> None:
        if generation_id == away:
            raise DatabaseUnavailable
        await handler(generation_id)

    with caplog.at_level(logging.WARNING):
        async with consuming(queue, handle):
            await queue.submit(away)
            await queue.submit(other)
            assert await handler.next() == other
    (record,) = caplog.records
    assert (record.levelname, record.getMessage().count("\n")) == ("WARNING", 0)
    assert str(away) in caplog.text


async def test_nothing_is_logged_of_what_goes_well(queue: GenerationQueue, caplog: pytest.LogCaptureFixture) -> None:
    """A request is one line in the log, and that line is somebody else's."""
    handler, generations = Handler(), ids(3)
    with caplog.at_level(logging.INFO):
        async with consuming(queue, handler):
            for generation_id in generations:
                await queue.submit(generation_id)
                await handler.next()
    assert not caplog.records


async def test_canceling_lets_the_running_finish(queue: GenerationQueue) -> None:
    """After it nothing is begun any more, what runs ends within the grace, and what rings is for the next consumer."""
    handler, (running, waiting) = Handler(held=True), ids(2)
    async with consuming(queue, handler) as consumer:
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
    async with consuming(queue, handler):
        assert await handler.next() == waiting


async def test_the_grace_ends(open_queue: Open) -> None:
    """What still runs when the grace is over is canceled, and has ended when consuming has."""
    queue, handler, generations = open_queue(grace=0.01), Handler(held=True), ids(3)
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


async def test_what_was_not_taken_waits_for_the_next_consumer(open_queue: Open) -> None:
    """What found no place until the end is not forgotten."""
    queue, handler, (first, second) = open_queue(concurrency=1, grace=0.0), Handler(held=True), ids(2)
    async with consuming(queue, handler):
        await queue.submit(first)
        await queue.submit(second)
        assert await handler.next() == first
    async with consuming(queue, handler):
        assert await handler.next() == second


async def test_a_canceled_handler_is_not_called_again(open_queue: Open) -> None:
    """What the grace cut short is the row's affair: it was heard, and only a new ring makes anybody look again."""
    queue, handler, (cut, next_one) = open_queue(grace=0.0), Handler(held=True), ids(2)
    async with consuming(queue, handler):
        await queue.submit(cut)
        await handler.next()
    assert handler.canceled == [cut]
    async with consuming(queue, handler):
        await queue.submit(next_one)
        assert await handler.next() == next_one
    assert handler.begun.empty()


async def test_it_says_that_it_would_take_a_ring(queue: GenerationQueue) -> None:
    """A queue that works passes its check, before anybody consumes and after it has taken something."""
    await queue.check()
    await queue.submit(*ids(1))
    await queue.check()


async def test_it_may_be_closed_twice(queue: GenerationQueue) -> None:
    """Closing is not worth remembering."""
    await queue.submit(*ids(1))
    await queue.close()
    await queue.close()


async def test_there_is_no_place_where_others_may_do_the_work(open_saq: Open) -> None:
    """A distributed queue hands out none, even to a process that consumes with nothing to do."""
    queue, handler, (one,) = open_saq(), Handler(), ids(1)
    assert queue.place() is None
    async with consuming(queue, handler):
        await queue.submit(one)
        await handler.next()
        assert queue.place() is None


@asynccontextmanager
async def in_process_consuming(handler: Handler, *, grace: float = LONG) -> AsyncIterator[InProcessQueue]:
    """A queue of this process with one place, consumed from, with nothing to do."""
    queue = InProcessQueue(concurrency=1, grace=grace)
    async with consuming(queue, handler):
        await asyncio.sleep(0)
        yield queue


async def test_a_place_takes_what_needs_no_ring() -> None:
    """It holds one job, is given back when that ends, and there is no other meanwhile."""
    handler, (one, two) = Handler(held=True), ids(2)
    async with in_process_consuming(handler) as queue:
        place = queue.place()
        assert place is not None
        assert queue.place() is None
        place.run(lambda: handler(one))
        assert await handler.next() == one
        assert queue.place() is None
        await queue.submit(two)
        await asyncio.sleep(0)
        assert handler.begun.empty()
        handler.may_end.set()
        assert await handler.next() == two


async def test_a_place_that_is_left_is_free() -> None:
    """Whoever waits gets it; leaving twice gives nothing back twice, and what was left cannot be used."""
    handler, (waiting, other) = Handler(held=True), ids(2)
    async with in_process_consuming(handler) as queue:
        place = queue.place()
        assert place is not None
        await queue.submit(waiting)
        await queue.submit(other)
        place.leave()
        place.leave()
        assert await handler.next() == waiting
        assert handler.begun.empty()
        with pytest.raises(RuntimeError):
            place.run(lambda: handler(other))
        handler.may_end.set()
        assert await handler.next() == other


async def test_a_job_in_a_place_breaks_alone(caplog: pytest.LogCaptureFixture) -> None:
    """It is treated as a handler is: logged without its words, and the place is given back."""
    handler, (one,) = Handler(), ids(1)

    async def broken() -> None:
        raise LookupError(PROMPT)

    with caplog.at_level(logging.ERROR):
        async with in_process_consuming(handler) as queue:
            place = queue.place()
            assert place is not None
            place.run(broken)
            await queue.submit(one)
            assert await handler.next() == one
    assert "LookupError" in caplog.text
    assert PROMPT not in caplog.text


async def test_canceling_treats_a_place_like_a_ring() -> None:
    """What runs in one has the grace and no more, and nobody gets another once `consume` was canceled."""
    handler, (one,) = Handler(held=True), ids(1)
    async with in_process_consuming(handler, grace=0.0) as queue:
        place = queue.place()
        assert place is not None
        place.run(lambda: handler(one))
        await handler.next()
    assert handler.canceled == [one]
    assert queue.place() is None
