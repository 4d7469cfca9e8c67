"""An answer of server-sent events: what it sends, and that it ends when it should."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Final

import pytest
from litestar.types import HTTPReceiveMessage, Message

from imagegen.web.event_stream import HEARTBEAT, EventStream

LONG: Final = 60.0
"""Seconds that no test waits for: a limit against hanging."""


class Client:
    """The other end of the connection. While `open` is not set, nothing more is taken from the server."""

    def __init__(self) -> None:
        self.body = b""
        self.ended = False
        self.started: Message | None = None
        self.open = asyncio.Event()
        self.open.set()
        self.gone = asyncio.Event()
        self.stuck = False
        self.news = asyncio.Condition()

    async def send(self, message: Message) -> None:
        """Take what the server sends."""
        self.stuck = not self.open.is_set()
        await self.tell()
        await self.open.wait()
        if message["type"] == "http.response.start":
            self.started = message
        elif message["type"] == "http.response.body":
            self.body += message["body"]
            self.ended = not message["more_body"]
        await self.tell()

    async def tell(self) -> None:
        """Let whoever waits for something see whether it is so now."""
        async with self.news:
            self.news.notify_all()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so at this end."""
        async with asyncio.timeout(LONG), self.news:
            await self.news.wait_for(condition)

    async def receive(self) -> HTTPReceiveMessage:
        """What the server hears: that the client has gone, when it has."""
        await self.gone.wait()
        return {"type": "http.disconnect"}


class Source:
    """Events one by one, each when it is told to give one; it cleans up in its own time."""

    def __init__(self) -> None:
        self.given: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()
        self.cleaned = False

    async def __call__(self) -> AsyncGenerator[bytes, None]:
        """The events that are put into `given`, until `None`."""
        try:
            while (event := await self.given.get()) is not None:
                if isinstance(event, Exception):
                    raise event
                yield event
        finally:
            await asyncio.sleep(0)
            self.cleaned = True


@pytest.fixture
async def client() -> Client:
    """A client that listens."""
    return Client()


@pytest.fixture
async def source() -> Source:
    """A source of events."""
    return Source()


def answering(client: Client, source: Source, heartbeat_seconds: float = LONG) -> asyncio.Task[None]:
    """The stream at work."""
    stream = EventStream(source(), heartbeat_seconds=heartbeat_seconds)
    return asyncio.ensure_future(stream({}, client.receive, client.send))  # type: ignore[arg-type]  # it does not look at it


async def test_events_are_sent_as_they_come_and_then_the_answer_ends(client: Client, source: Source) -> None:
    """Nothing is held back for what follows."""
    stream = answering(client, source)
    for event in (b"one\n\n", b"two\n\n"):
        source.given.put_nowait(event)
        await client.until(lambda event=event: client.body.endswith(event))  # type: ignore[misc]  # bound at once
        assert not client.ended
    source.given.put_nowait(None)
    await asyncio.wait_for(stream, LONG)
    assert (client.body, client.ended, source.cleaned) == (b"one\n\ntwo\n\n", True, True)
    assert client.started is not None
    headers = dict(client.started["headers"])  # type: ignore[typeddict-item]  # of a start
    assert headers == {b"content-type": b"text/event-stream; charset=utf-8", b"x-accel-buffering": b"no"}


async def test_a_comment_says_that_somebody_is_there(client: Client, source: Source) -> None:
    """It comes again and again while there is nothing to tell, and is no event."""
    stream = answering(client, source, heartbeat_seconds=0.001)
    await client.until(lambda: client.body.count(HEARTBEAT) >= 3)
    source.given.put_nowait(None)
    await asyncio.wait_for(stream, LONG)
    assert client.ended
    assert HEARTBEAT.startswith(b":")
    assert HEARTBEAT.endswith(b"\n\n")


async def test_a_client_that_goes_away_ends_the_events(client: Client, source: Source) -> None:
    """While the next one is waited for, they are closed and have their time to clean up."""
    stream = answering(client, source)
    source.given.put_nowait(b"one\n\n")
    await client.until(lambda: client.body == b"one\n\n")
    client.gone.set()
    await asyncio.wait_for(stream, LONG)
    assert source.cleaned
    assert not client.ended


async def test_a_client_that_stops_reading_and_goes_away_ends_the_events(client: Client, source: Source) -> None:
    """Also where one is stuck on its way out, they are closed."""
    stream = answering(client, source)
    await client.until(lambda: client.started is not None)
    client.open.clear()
    source.given.put_nowait(b"one\n\n")
    await client.until(lambda: client.stuck)
    client.gone.set()
    await asyncio.wait_for(stream, LONG)
    assert source.cleaned


async def test_a_source_that_breaks_breaks_the_answer(client: Client, source: Source) -> None:
    """The error is raised as it is, and the answer does not look complete."""
    stream = answering(client, source)
    source.given.put_nowait(LookupError())
    with pytest.raises(LookupError):
        await asyncio.wait_for(stream, LONG)
    assert not client.ended


async def test_a_server_that_gives_up_ends_the_events(client: Client, source: Source) -> None:
    """Canceled from outside, nothing is left at work."""
    stream = answering(client, source)
    source.given.put_nowait(b"one\n\n")
    await client.until(lambda: client.body == b"one\n\n")
    stream.cancel()
    await asyncio.wait([stream])
    assert source.cleaned
    assert asyncio.all_tasks() == {asyncio.current_task()}
