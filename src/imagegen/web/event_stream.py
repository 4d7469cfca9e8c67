"""Server-sent events, as the HTML standard has them: an answer that goes on while there is something to tell.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from litestar.response.streaming import ASGIStreamingResponse
from litestar.types import HTTPResponseBodyEvent, Receive, Send

MEDIA_TYPE: Final = "text/event-stream"
HEARTBEAT_SECONDS: Final = 15.0
"""Proxies cut a connection on which nothing came for 30 to 60 s."""
HEARTBEAT: Final = b": still here\n\n"


class EventStream(ASGIStreamingResponse):
    """An answer of events, each as the bytes that go over the wire, with a comment every so many seconds.

    When the client goes away, the events are closed at once, wherever they are.
    """

    def __init__(self, events: AsyncGenerator[bytes, None], *, heartbeat_seconds: float = HEARTBEAT_SECONDS) -> None:
        # nginx would keep what it is sent until a buffer is full.
        super().__init__(iterator=events, media_type=MEDIA_TYPE, headers={"X-Accel-Buffering": "no"})
        self._events = events
        self._heartbeat_seconds = heartbeat_seconds

    async def send_body(self, send: Send, receive: Receive) -> None:
        """Send the events to their end, or until the client goes away.

        Litestar's own cancels through anyio, again at every await: no event source could clean up after itself.
        """
        telling = asyncio.create_task(self._tell(send))
        leaving = asyncio.create_task(_left(receive))
        try:
            while not await _any_done(telling, leaving, self._heartbeat_seconds):
                await send(_part(HEARTBEAT))
            if telling.done():
                await telling
                await send(_part(b"", last=True))
        finally:
            telling.cancel()
            leaving.cancel()
            await asyncio.wait((telling, leaving))

    async def _tell(self, send: Send) -> None:
        async with aclosing(self._events) as events:
            async for event in events:
                await send(_part(event))


async def _any_done(telling: asyncio.Task[None], leaving: asyncio.Task[None], seconds: float) -> bool:
    done, _ = await asyncio.wait((telling, leaving), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    return bool(done)


async def _left(receive: Receive) -> None:
    """Return when the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _part(body: bytes, *, last: bool = False) -> HTTPResponseBodyEvent:
    return {"type": "http.response.body", "body": body, "more_body": not last}
