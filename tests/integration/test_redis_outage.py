"""Redis may be flushed, restarted, mute or gone at any moment: it costs time, and nothing else."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline, PubSub

from builders import new_generation, new_user
from imagegen.adapters.queues.redis import RedisEvents, SaqQueue, connect
from imagegen.domain.errors import Unavailable
from imagegen.domain.generations import Generation, Status
from imagegen.domain.identifiers import GenerationId
from imagegen.domain.ports import GenerationQueue
from ringing import LONG, Handler, consuming, ids
from servers.process import Server
from servers.valkey import start_valkey

PASSWORD = "open-s3same"


class Valkey:
    """A Valkey of the test's own; after it was stopped it comes back to the same address with nothing in it."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.port = urlsplit(server.url).port
        self.url = f"redis://:{PASSWORD}@127.0.0.1:{self.port}/0"

    async def start(self) -> None:
        """Start it again, empty."""
        await asyncio.to_thread(self._server.up)

    async def stop(self) -> None:
        """Stop it, and every connection with it."""
        await asyncio.to_thread(self._server.down)

    async def restart(self) -> None:
        """Stop it and start it again."""
        await self.stop()
        await self.start()

    async def flush(self) -> None:
        """Have it forget everything, scripts included."""
        await self.command("FLUSHALL")
        await self.command("SCRIPT", "FLUSH")

    async def hang_up(self) -> None:
        """Have it close every connection."""
        for kind in ("normal", "pubsub"):
            await self.command("CLIENT", "KILL", "TYPE", kind)

    async def command(self, *words: str) -> None:
        """Tell it something, as an operator would."""
        async with Redis.from_url(self.url) as client:
            await client.execute_command(*words)  # type: ignore[no-untyped-call]  # redis-py does not type it


class Relay:
    """Stands between clients and a server, and can forget those it carries words for without telling them."""

    def __init__(self, port: int | None) -> None:
        self._port = port
        self._carrying: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """The address to connect to."""
        async with await asyncio.start_server(self._connect, "127.0.0.1", 0) as server:
            yield f"redis://:{PASSWORD}@127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
        self.forget()
        for writer in self._writers:
            writer.close()

    def forget(self) -> None:
        """Carry nothing any more for those who are connected."""
        for task in self._carrying:
            task.cancel()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, server = await asyncio.open_connection("127.0.0.1", self._port)
        self._writers += [writer, server]
        for source, target in ((reader, server), (answers, writer)):
            task = asyncio.create_task(self._carry(source, target))
            self._carrying.add(task)
            task.add_done_callback(self._carrying.discard)

    async def _carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while words := await source.read(65536):
            target.write(words)


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    """A Valkey that runs."""
    server = start_valkey(tmp_path / "valkey", password=PASSWORD)
    yield Valkey(server)
    server.stop()


@pytest.fixture
async def absent(valkey: Valkey) -> Valkey:
    """A Valkey that does not run yet."""
    await valkey.stop()
    return valkey


@asynccontextmanager
async def queue_at(url: str, *, timeout: float = 2.0) -> AsyncIterator[SaqQueue]:  # noqa: ASYNC109 - the client's own
    """A queue on the Redis at an address."""
    queue = SaqQueue(connect(url, timeout=timeout), grace=LONG)
    try:
        yield queue
    finally:
        await queue.close()


@asynccontextmanager
async def events_at(
    url: str,
    *,
    timeout: float = 2.0,  # noqa: ASYNC109 - the client's own
    quiet_seconds: float = LONG,
) -> AsyncIterator[RedisEvents]:
    """Announcements over the Redis at an address, heard from now on."""
    events = RedisEvents(connect(url, timeout=timeout), quiet_seconds=quiet_seconds)
    async with events.listening():
        yield events


@asynccontextmanager
async def mute_server() -> AsyncIterator[str]:
    """The address of something that takes connections, and never says a word."""

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            await reader.read()

    async with await asyncio.start_server(listen, "127.0.0.1", 0) as server:
        yield f"redis://:{PASSWORD}@127.0.0.1:{server.sockets[0].getsockname()[1]}/0"


def ended(status: Status = Status.SUCCEEDED) -> Generation:
    """A generation that has ended."""
    return replace(new_generation(new_user()), status=status)


async def rung(queue: GenerationQueue, generation_id: GenerationId, *, batched: bool = False) -> None:
    """Ring until the ring is taken, as the sweeps do in their time."""
    async with asyncio.timeout(LONG):
        while True:
            with suppress(Unavailable):
                return await queue.submit(generation_id, batched=batched)
            await asyncio.sleep(0.01)


def told(caplog: pytest.LogCaptureFixture) -> str:
    """Everything that was logged, errors included, as a log may show it."""
    return "\n".join(map(logging.Formatter("%(levelname)s %(name)s %(message)s").format, caplog.records))


async def logged(caplog: pytest.LogCaptureFixture, words: str) -> None:
    """Wait until that was logged."""
    async with asyncio.timeout(LONG):
        while words not in told(caplog):  # noqa: ASYNC110 - what is waited for has no event to set
            await asyncio.sleep(0.01)


DISTURBANCES = (Valkey.restart, Valkey.flush, Valkey.hang_up)


@pytest.mark.parametrize("disturb", DISTURBANCES)
async def test_consuming_goes_on(valkey: Valkey, disturb: Callable[[Valkey], Awaitable[None]]) -> None:
    """What runs ends undisturbed, and what rings afterwards is answered, once."""
    handler, (before, *after) = Handler(held=True), ids(30)
    async with queue_at(valkey.url) as here, queue_at(valkey.url) as there, consuming(there, handler):
        await here.submit(before)
        assert await handler.next() == before
        await disturb(valkey)
        for generation_id in after:
            await rung(here, generation_id)
        assert sorted([await handler.next() for _ in after]) == after
        handler.may_end.set()
    assert handler.begun.empty()
    assert sorted(handler.ended) == [before, *after]


@pytest.mark.parametrize("disturb", DISTURBANCES)
async def test_rings_that_were_lost_can_be_repeated(
    valkey: Valkey, disturb: Callable[[Valkey], Awaitable[None]]
) -> None:
    """After whatever happened to a ring, the same generation can be rung for."""
    handler, generations = Handler(), ids(30)
    async with queue_at(valkey.url) as queue:
        for generation_id in generations:
            await queue.submit(generation_id)
        await disturb(valkey)
        for generation_id in generations:
            await rung(queue, generation_id)
        async with consuming(queue, handler):
            assert sorted([await handler.next() for _ in generations]) == generations
    assert handler.begun.empty()


async def test_a_burst_survives_flushing(valkey: Valkey) -> None:
    """However often Redis forgets while a thousand are rung for, again and again, each is answered in the end."""
    handler, missing = Handler(), set(ids(1000))
    async with queue_at(valkey.url) as queue, consuming(queue, handler), asyncio.timeout(LONG):
        for _ in range(3):
            ringing = asyncio.gather(*(queue.submit(generation_id) for generation_id in missing))
            await handler.next()
            await valkey.flush()
            await ringing
        while missing := missing - set(handler.ended):
            for generation_id in missing:
                await queue.submit(generation_id)
            await handler.next()


async def test_it_is_waited_for(absent: Valkey, caplog: pytest.LogCaptureFixture) -> None:
    """Who consumes before Redis is there says so, and when it is, once for each line; and begins then."""
    handler, generations = Handler(), ids(3)
    with caplog.at_level(logging.INFO):
        async with queue_at(absent.url) as queue, consuming(queue, handler):
            with pytest.raises(Unavailable):
                await queue.submit(generations[0])
            await asyncio.sleep(0.2)  # in which it tries several times
            await absent.start()
            for generation_id in generations:
                await rung(queue, generation_id)
            for generation_id in generations:
                await rung(queue, generation_id, batched=True)
            assert sorted([await handler.next() for _ in [*generations, *generations]]) == sorted(generations * 2)
    assert [told(caplog).count(f"Redis is {word}") for word in ("away", "back")] == [2, 2]
    assert not [record for record in caplog.records if record.levelno > logging.WARNING]


async def test_who_waits_for_it_can_be_stopped(absent: Valkey) -> None:
    """Canceling ends the wait for a Redis that never comes."""
    async with queue_at(absent.url) as queue, asyncio.timeout(LONG), consuming(queue, Handler()):
        await asyncio.sleep(0.1)


async def test_it_is_told_that_no_ring_is_taken(valkey: Valkey) -> None:
    """While Redis is gone, ringing and checking are refused at once; when it is back, both work."""
    async with queue_at(valkey.url) as queue:
        await queue.check()
        await valkey.stop()
        with pytest.raises(Unavailable):
            await queue.check()
        with pytest.raises(Unavailable):
            await queue.submit(*ids(1))
        await valkey.start()
        await queue.check()
        await queue.submit(*ids(1))


async def test_a_redis_that_takes_nothing_does_not_pass(valkey: Valkey) -> None:
    """One that answers and is a replica of something takes no ring, and that is what is checked."""
    await valkey.command("REPLICAOF", "127.0.0.1", "1")
    async with queue_at(valkey.url) as queue:
        with pytest.raises(Unavailable):
            await queue.check()
        with pytest.raises(Unavailable):
            await queue.submit(*ids(1))


async def test_nobody_waits_for_one_that_says_nothing() -> None:
    """Every step has its time, so a Redis that is stuck holds up neither callers nor the end of the process."""
    async with mute_server() as url, queue_at(url, timeout=0.05) as queue, asyncio.timeout(LONG):
        with pytest.raises(Unavailable):
            await queue.submit(*ids(1))
        with pytest.raises(Unavailable):
            await queue.check()
        generation = ended()
        async with consuming(queue, Handler()), events_at(url, timeout=0.05) as events:
            with events.watch(generation.id) as watch:
                await events.announce(generation)
                assert await watch.outcome(0) == generation


@pytest.mark.parametrize("disturb", [Valkey.restart, Valkey.hang_up])
async def test_everybody_is_told_to_look(valkey: Valkey, disturb: Callable[[Valkey], Awaitable[None]]) -> None:
    """What was announced while nobody could hear is found in the row, and what is announced next is heard."""
    missed, heard = ended(), ended()
    async with events_at(valkey.url) as here, events_at(valkey.url) as there:
        with here.watch(missed.id) as watch, there.watch(heard.id) as other:
            assert [await watch.change(LONG), await other.change(LONG)] == [True, True]  # they hear from now on
            assert [await watch.outcome(LONG), await other.outcome(LONG)] == [None, None]
            waiting = asyncio.create_task(watch.change(LONG)), asyncio.create_task(other.change(LONG))
            outcome = asyncio.create_task(watch.outcome(LONG))
            await disturb(valkey)
            assert list(await asyncio.gather(*waiting, outcome)) == [True, True, None]
            assert await other.outcome(LONG) is None
            outcome = asyncio.create_task(other.outcome(LONG))
            await asyncio.sleep(0)
            assert not outcome.done()
            await here.announce(heard)
            assert await other.change(LONG)
            assert await outcome is None


async def test_a_dead_connection_is_found_out(valkey: Valkey) -> None:
    """One that a router forgot is as good as silent: it is replaced, and everybody is told to look."""
    relay = Relay(valkey.port)
    async with relay.listening() as url, events_at(url, timeout=0.3, quiet_seconds=0.05) as events:
        with events.watch(ended().id) as watch:
            assert await watch.change(LONG)
            await asyncio.sleep(0.8)  # in which it is asked several times
            assert not await watch.change(0)
            relay.forget()
            assert await watch.change(LONG)


async def test_an_announcement_never_raises(valkey: Valkey, caplog: pytest.LogCaptureFixture) -> None:
    """Those in this process hear it at once; that the others do not is logged once for the whole outage."""
    generations = [ended() for _ in range(20)]
    async with events_at(valkey.url) as events:
        await valkey.stop()
        for generation in generations:
            with events.watch(generation.id) as watch:
                await events.announce(generation)
                assert await watch.outcome(LONG) == generation
        await logged(caplog, "announcing: Redis is away")
        await valkey.start()
        with caplog.at_level(logging.INFO):
            await events.announce(generations[0])
            await logged(caplog, "announcing: Redis is back")
    assert told(caplog).count("announcing: Redis is away") == 1


class Stumbling(Redis):
    """A client that breaks at the first pipeline and the first subscription in a way that nobody foresaw."""

    quoted = "what nobody may read"

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.closed = False
        self._whole: set[str] = set()

    def pipeline(self, *arguments: Any, **options: Any) -> Pipeline:
        """Break, or send."""
        self._stumble("pipeline")
        return super().pipeline(*arguments, **options)

    def pubsub(self, **options: Any) -> PubSub:
        """Break, or subscribe."""
        self._stumble("pubsub")
        return super().pubsub(**options)

    async def aclose(self, close_connection_pool: bool | None = True) -> None:
        """Close, and remember it."""
        self.closed = True
        await super().aclose(close_connection_pool)

    def _stumble(self, step: str) -> None:
        if step not in self._whole:
            self._whole.add(step)
            raise RuntimeError(self.quoted)


async def test_an_error_that_nobody_foresaw_ends_no_announcements(
    valkey: Valkey, caplog: pytest.LogCaptureFixture
) -> None:
    """It is reported without what it says; others are told and heard again, and at the end the client is closed."""
    lost, heard, other = [ended() for _ in range(3)]
    client = Stumbling(connection_pool=connect(valkey.url).connection_pool)
    events = RedisEvents(client)
    async with asyncio.timeout(LONG), events_at(valkey.url) as there, events.listening():
        with there.watch(heard.id) as theirs, events.watch(other.id) as ours:
            assert [await watch.change(LONG) for watch in (theirs, ours)] == [True, True]  # both hear from now on
            await events.announce(lost)
            await logged(caplog, "announcing raised RuntimeError")
            await events.announce(heard)
            assert await theirs.change(LONG)
            await there.announce(other)
            assert await ours.change(LONG)
    assert "hearing announcements raised RuntimeError" in told(caplog)
    assert client.quoted not in told(caplog)
    assert client.closed


async def test_whoever_announces_waits_for_nobody() -> None:
    """To a Redis that says nothing neither: those in this process are told in the same step."""
    generation = ended()
    async with mute_server() as url, events_at(url, timeout=0.05) as events:
        with events.watch(generation.id) as watch:
            with pytest.raises(StopIteration):
                events.announce(generation).send(None)
            assert await watch.outcome(0) == generation


async def test_what_was_announced_is_told_before_the_end(valkey: Valkey) -> None:
    """A process that stops leaves nothing untold, and all is told in the order in which it was announced."""
    generations = [ended(status) for status in Status for _ in range(20)]
    async with Redis.from_url(valkey.url) as client, client.pubsub() as subscription:
        await subscription.subscribe("imagegen:events")
        await subscription.get_message(timeout=LONG)
        async with events_at(valkey.url) as events:
            for generation in generations:
                await events.announce(generation)
        messages = [await subscription.get_message(timeout=LONG) for _ in generations]
    heard = [message["data"].decode().split()[1:] for message in messages if message is not None]
    assert heard == [[str(generation.id), generation.status] for generation in generations]


@pytest.mark.parametrize("credentials", [":wr0ng-{}", "nobody:{}", ":{}"])
async def test_the_password_is_never_told(valkey: Valkey, credentials: str, caplog: pytest.LogCaptureFixture) -> None:
    """Refused, gone or mute: neither the errors nor the log, however much is logged, repeat what the address says."""
    url = valkey.url.replace(f":{PASSWORD}", credentials.format(PASSWORD))
    errors = []
    with caplog.at_level(logging.DEBUG):
        async with queue_at(url) as queue, events_at(url) as events, consuming(queue, Handler()):
            if url == valkey.url:
                await valkey.stop()
            for step in (queue.submit(*ids(1)), queue.check()):
                with pytest.raises(Unavailable) as caught:
                    await step
                errors.append(caught.value)
            await events.announce(ended())
            await asyncio.sleep(0.1)
            objects = repr([vars(queue), vars(events)])
    causes = [error.__cause__ or error.__context__ for error in errors]
    assert PASSWORD not in f"{errors!r} {causes!r} {told(caplog)} {objects}"
    assert "Redis is away" in told(caplog)
