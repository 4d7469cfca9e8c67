"""JSON lines: an answer of many JSON texts, one a line, sent as they come (https://jsonlines.org)."""

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final

import msgspec
from litestar.response.streaming import ASGIStreamingResponse
from litestar.types import Receive, Send

from imagegen.domain.errors import Unavailable

MEDIA_TYPE: Final = "application/jsonl"

logger = logging.getLogger("imagegen.web")


class JsonLines(ASGIStreamingResponse):
    """An answer of lines, as many as `things`. One that cannot be had ends it without its end, as a client can tell.

    It goes on although nobody listens any more: it is for answers that have an end.
    """

    def __init__(self, things: AsyncGenerator[Any, None]) -> None:
        super().__init__(iterator=things, media_type=MEDIA_TYPE)
        self._things = things

    async def send_body(self, send: Send, receive: Receive) -> None:  # noqa: ARG002 - the signature is Litestar's
        """Send a line for each.

        Litestar's own is canceled when the client goes away, again at every await: no reader of a database could clean
        up after itself.
        """
        try:
            async with aclosing(self._things) as things:
                async for thing in things:
                    line = msgspec.json.encode(thing) + b"\n"
                    await send({"type": "http.response.body", "body": line, "more_body": True})
        except Unavailable:  # too late for a problem: the server closes a connection whose answer has no end
            logger.warning("an answer broke off: what it is about is away")
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})
