"""What several processes have of the same Redis: one doorbell, one voice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from builders import new_generation, new_user
from imagegen.adapters.queues import Dispatch, open_queue
from imagegen.adapters.queues.redis import RedisEvents, SaqQueue, connect
from imagegen.domain.generations import Generation, Status
from processes import until
from ringing import LONG, Handler, consuming, ids


class Shared:
    """A Valkey, and the names in it that are the test's own."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = Redis.from_url(url)
        self.namespace = uuid4().hex

    @asynccontextmanager
    async def queue(self, *, concurrency: int = 1024, sweep_seconds: float = 60) -> AsyncIterator[SaqQueue]:
        """The queue as another process has it."""
        queue = SaqQueue(
            connect(self.url),
            concurrency=concurrency,
            grace=LONG,
            namespace=self.namespace,
            sweep_seconds=sweep_seconds,
        )
        try:
            yield queue
        finally:
            await queue.close()

    @asynccontextmanager
    async def events(self) -> AsyncIterator[RedisEvents]:
        """The announcements as another process has them, heard already."""
        events = RedisEvents(connect(self.url), namespace=self.namespace)
        async with events.listening():
            with events.watch(ids(1)[0]) as watch:
                assert await watch.change(LONG)  # as everybody is told who may have missed something before
            yield events

    def line(self, part: str) -> str:
        """The name of a list in which rings for single generations are: `queued`, or `active` once they were taken."""
        return f"saq:{self.namespace}:single:{part}"

    async def nothing_rings(self) -> bool:
        """Whether there is no ring for a single generation."""
        return not await self.client.exists(self.line("queued"), self.line("active"))

    async def keys(self) -> list[bytes]:
        """Everything that Redis keeps for us."""
        return [key async for key in self.client.scan_iter(f"*{self.namespace}*")]


@pytest.fixture
async def shared(valkey_server: str) -> AsyncIterator[Shared]:
    """A Valkey without anything of ours, before and after."""
    shared = Shared(valkey_server)
    async with shared.client:
        yield shared
        for key in await shared.keys():
            await shared.client.delete(key)


def ended(status: Status = Status.SUCCEEDED) -> Generation:
    """A generation that has ended."""
    return replace(new_generation(new_user()), status=status)


async def test_processes_share_the_work(shared: Shared) -> None:
    """Of a thousand rings each is answered by one of those who consume, wherever it was made."""
    generations, handler = ids(1000), Handler()
    async with shared.queue() as here, shared.queue() as there, consuming(here, handler), consuming(there, handler):
        await asyncio.gather(*(here.submit(generation_id) for generation_id in generations[:500]))
        await asyncio.gather(*(there.submit(generation_id) for generation_id in generations[500:]))
        assert sorted([await handler.next() for _ in generations]) == generations
    assert handler.begun.empty()


async def test_who_has_no_place_free_leaves_the_rings_to_others(shared: Shared) -> None:
    """A process takes no ring that it cannot answer now."""
    generations, busy, idle = ids(30), Handler(held=True), Handler()
    async with shared.queue(concurrency=1) as here, shared.queue() as there, consuming(here, busy):
        await here.submit(generations[0])
        assert await busy.next() == generations[0]
        async with consuming(there, idle):
            for generation_id in generations[1:]:
                await here.submit(generation_id)
            assert {await idle.next() for _ in generations[1:]} == set(generations[1:])
        assert busy.begun.empty()
        busy.may_end.set()


async def test_nothing_is_left_of_what_was_heard(shared: Shared) -> None:
    """Redis remembers what rings, and nothing of what was answered."""
    handler, generations = Handler(held=True), ids(3)
    async with shared.queue() as queue, consuming(queue, handler):
        for generation_id in generations:
            await queue.submit(generation_id)
            await handler.next()
        assert await shared.keys() == []
        handler.may_end.set()


async def test_what_a_dead_process_took_rings_again(shared: Shared) -> None:
    """Killed between taking a ring and answering it, a process costs the time between two sweeps."""
    handler, generations = Handler(), ids(3)
    async with shared.queue(sweep_seconds=0.05) as queue:
        for generation_id in generations:
            await queue.submit(generation_id)
        for _ in generations:
            assert await shared.client.lmove(shared.line("queued"), shared.line("active"))
        async with consuming(queue, handler):
            assert {await handler.next() for _ in generations} == set(generations)
            await queue.submit(generations[0])
            assert await handler.next() == generations[0]


@pytest.mark.parametrize(
    ("ring", "value"),
    [
        ("junk-id", None),
        ("junk-id", b"not json"),
        ("junk-id", b"[[1]]"),
        (b"\xff\xfe", b"\xff\xfe"),
        (b"", b"x"),
        ("saq:job:{}:single:", b""),
        ("saq:job:{}:single:nobody", b"nobody"),
        ("saq:job:{}:single:nobody", b'{{"function": "generation", "key": "nobody", "queue": "{}:single"}}'),
        ("saq:job:{}:single:{{00000000-0000-0000-0000-000000000001}}", b"{{00000000-0000-0000-0000-000000000001}}"),
        ("saq:job:{}:single:00000000-0000-0000-0000-000000000001 nobody", b"nobody"),
        ("saq:job:{}:batched:00000000-0000-0000-0000-000000000001", b"nobody"),
    ],
)
async def test_a_ring_that_nobody_can_read_is_thrown_away(
    shared: Shared, caplog: pytest.LogCaptureFixture, ring: str | bytes, value: bytes | None
) -> None:
    """It is no generation's, so nothing is lost: whoever listens goes on, and one line without a word of it is told."""
    handler, (before, after) = Handler(), ids(2)
    name = ring.format(shared.namespace).encode() if isinstance(ring, str) else ring
    async with shared.queue(sweep_seconds=0.05) as queue:
        if value is not None:
            await shared.client.set(name, value.replace(b"{}", shared.namespace.encode()))
        await shared.client.rpush(shared.line("queued"), name)  # type: ignore[misc]  # redis-py types it for both clients
        await queue.submit(before)
        async with consuming(queue, handler):
            assert await handler.next() == before
            await until(shared.nothing_rings)
            await queue.submit(after)
            assert await handler.next() == after
        await shared.client.delete(name)
    assert caplog.messages == [f"the queue {shared.namespace}:single: a ring that nobody can read was thrown away"]


@pytest.mark.parametrize("kind", ["text", "list"])
async def test_what_somebody_else_wrote_in_the_place_of_a_ring_is_mended(shared: Shared, kind: str) -> None:
    """It rings under its own name: the generation is heard once more, however unreadable the rest of it is."""
    handler, (generation_id,) = Handler(), ids(1)
    name = f"saq:job:{shared.namespace}:single:{generation_id}"
    async with shared.queue(sweep_seconds=0.05) as queue:
        await queue.submit(generation_id)
        await shared.client.delete(name)
        if kind == "text":
            await shared.client.set(name, b"{")
        else:
            await shared.client.rpush(name, b"{")  # type: ignore[misc]  # as above
        async with consuming(queue, handler):
            assert await handler.next() == generation_id
    assert await shared.keys() == []


async def test_others_are_told_that_the_row_tells(shared: Shared) -> None:
    """Who waits in another process for the end, or for any change, is woken to look at the row."""
    generation = ended()
    async with shared.events() as here, shared.events() as there:
        with there.watch(generation.id) as watch, there.watch(ended().id) as other:
            outcome = asyncio.create_task(watch.outcome(LONG))
            await here.announce(generation)
            assert await outcome is None
            assert await watch.outcome(LONG) is None
            assert await watch.change(LONG)
            assert not await other.change(0)


async def test_others_are_told_of_cancellations(shared: Shared) -> None:
    """Whoever runs it elsewhere hears that it was canceled."""
    canceled = ended(Status.CANCELED)
    async with shared.events() as here, shared.events() as there:
        listener = there.cancellations()
        hearing = asyncio.ensure_future(anext(listener))
        await asyncio.sleep(0)
        await here.announce(ended(Status.FAILED))
        await here.announce(canceled)
        assert await hearing == canceled.id


async def test_nobody_is_told_twice(shared: Shared) -> None:
    """What a process announces comes back to it, and is passed over."""
    mine, yours = ended(), ended()
    async with shared.events() as here, shared.events() as there:
        with here.watch(mine.id) as watch, here.watch(yours.id) as later:
            await here.announce(mine)
            assert await watch.change(LONG)
            await there.announce(yours)
            assert await later.change(LONG)  # so the echo of the first has come, too
            assert not await watch.change(0)
            assert await watch.outcome(0) == mine


@pytest.mark.parametrize("words", [b"", b"nonsense", b"a b c d", b"me not-a-uuid failed", b"\xff \xff \xff"])
async def test_what_is_not_understood_is_passed_over(shared: Shared, words: bytes) -> None:
    """Another version may say other things; what follows is heard all the same."""
    generation = ended()
    async with shared.events() as here, shared.events() as there:
        with there.watch(generation.id) as watch:
            await shared.client.publish(f"{shared.namespace}:events", words)
            await shared.client.publish(f"{shared.namespace}:events", f"me {generation.id} sublimated")
            await here.announce(generation)
            assert await watch.change(LONG)
            assert await watch.outcome(LONG) is None


async def test_no_cancellation_is_lost(shared: Shared) -> None:
    """Whoever is canceled while it rings or announces, at whatever step of that, ends there."""
    for steps in range(80):
        async with shared.queue() as queue, shared.events() as events:
            for work in (queue.submit(*ids(1)), events.announce(ended()), queue.check()):
                task = asyncio.create_task(work)
                for _ in range(steps):
                    await asyncio.sleep(0)
                canceled = task.cancel()
                await asyncio.wait([task])
                assert task.cancelled() == canceled


@pytest.mark.parametrize("scheme", ["in-process", "redis"])
async def test_an_address_opens_both(scheme: str, request: pytest.FixtureRequest) -> None:
    """What an address names takes rings and announcements while it is connected; it is told whether it is shared."""
    url = "in-process:" if scheme == "in-process" else request.getfixturevalue("valkey_server")
    dispatch: Dispatch = open_queue(url, concurrency=8, grace=LONG)
    generation = ended()
    assert dispatch.distributed == (scheme == "redis")
    async with dispatch.connected():
        await dispatch.queue.check()
        with dispatch.events.watch(generation.id) as watch:
            await dispatch.events.announce(generation)
            assert await watch.outcome(LONG) == generation


@pytest.mark.parametrize(
    "url",
    [
        "",
        "in-process",
        "in-process:elsewhere",
        "memory:s3cr3t",
        "amqp://user:s3cr3t@localhost",
        "redis:",
        "redis://",
        "redis://:s3cr3t@",
        "redis://:s3/cr3t@localhost",
        "redis://:s3#cr3t@localhost",
        "redis://:s3?cr3t@localhost",
        "redis://:s3[cr3t@localhost",
        "redis://:s3cr3t@localhost:port",
        "redis://:s3cr3t@localhost:0",
        "redis://:s3cr3t@localhost/imagegen",
        "redis://:s3cr3t@localhost/0/1",
        "redis://localhost?socket_timeout=s3cr3t",
        "redis://localhost?ssl_certfile=s3cr3t",
        "rediss://localhost?ssl_s3cr3t=1",
        "rediss://localhost?ssl_cert_reqs=s3cr3t",
    ],
)
def test_what_is_no_address_is_refused_without_repeating_it(url: str) -> None:
    """The fault says what an address looks like, and nothing of this one: a password may be anywhere in it."""
    with pytest.raises(ValueError, match=r"^must be in-process: or like redis://") as caught:
        open_queue(url, concurrency=8, grace=1)
    assert not any(part in f"{caught.value!r} {caught.value.__context__!r}" for part in ("s3", "cr3t"))


@pytest.mark.parametrize("options", ["ssl_cert_reqs=none", "ssl_ca_certs=/a/ca.pem&ssl_check_hostname=false", ""])
async def test_an_address_may_tell_of_tls(options: str) -> None:
    """Certificates of one's own are named in the query, in redis-py's words."""
    async with open_queue(f"rediss://user:pass%2Fword@localhost:6380/3?{options}", concurrency=8, grace=1).connected():
        pass
