"""A connection of the server: uvicorn's, with bounds on size and time for all that comes before and after a body.

Bodies have their bounds in `bodies`, from the route that reads them. What comes around them no route ever sees.
"""

import asyncio
from http import HTTPStatus
from itertools import chain
from typing import Any, ClassVar, Final, cast

import httptools
from uvicorn._types import ASGI3Application, HTTPScope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from imagegen.web.exchange import Exchange
from imagegen.web.gate import refused
from imagegen.web.problems import Refusal, ambiguous, late, malformed

LARGEST_HEAD: Final = 64 * 1024
"""Bytes of a request line and its headers, and as many again of the trailers."""
HEAD_SECONDS: Final = 30.0
"""From the connection, or from the first bytes of a later request, until its headers are there."""

_FRAMING: Final = frozenset((b"content-length", b"transfer-encoding"))


class Connection(HttpToolsProtocol):
    """Reads requests one after the other, and ends with a problem where one is too large, too slow or no HTTP.

    Such a problem comes through the application like any answer, after those to the requests before it.
    """

    head_seconds: ClassVar[float] = HEAD_SECONDS

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._loose = 0
        """Bytes read since the last that were part of a whole: headers that are complete, or some of a body."""
        self._in_body = False
        self._hurried = False
        self._anew = b""
        """The head to begin anew with, of a request that asks to upgrade."""
        self._refused = False
        self._exchange: Exchange | None = None
        """The newest that has begun."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Give it so long for its first request."""
        super().connection_made(transport)
        self._hurry()

    def connection_lost(self, exc: Exception | None) -> None:
        """End what waits for it, and forget what has not begun."""
        super().connection_lost(exc)
        self.pipeline.clear()
        if self._exchange is not None:
            self._exchange.disconnect()  # uvicorn tells the newest request, which may be waiting behind this one
        self._unset_keepalive_if_required()  # uvicorn leaves it where the connection broke

    def data_received(self, data: bytes) -> None:
        """Parse what came; nothing of it is kept longer than the headers or the piece of a body that it belongs to."""
        if self._refused:
            return
        self._loose += len(data)
        try:
            self._parse(data)
        except httptools.HttpParserError as error:
            self._refuse(_refusal(error))
            return
        if self._loose > LARGEST_HEAD:
            self._refuse(_too_large())
        elif self._loose and not self._in_body and self._idle:
            self._hurry()

    def on_headers_complete(self) -> None:
        """Pass the request on.

        Raises:
            Refusal: its head is too large, it wants a tunnel, or two readers could disagree on where its body ends.
        """
        if len(self.url) + sum(map(len, chain.from_iterable(self.headers))) + 4 * len(self.headers) > LARGEST_HEAD:
            raise _too_large()
        framing = {name: value for name, value in self.headers if name in _FRAMING}
        coding = framing.get(b"transfer-encoding")
        if coding is not None and (coding.lower() != b"chunked" or self.parser.get_http_version() == "1.0"):
            raise ambiguous("Transfer-Encoding can only be chunked, and only in HTTP/1.1.")
        if self.parser.should_upgrade():
            self._anew = self._without_upgrade()
            return
        super().on_headers_complete()
        self._unset_keepalive_if_required()
        self._hurried = False
        self._loose, self._in_body = 0, True
        self.headers = []  # for the trailers, which nobody reads: they must not become headers of the request

    def on_body(self, body: bytes) -> None:
        """Pass a piece of the body on."""
        self._loose = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End the body."""
        if self._anew:
            return
        self._loose, self._in_body = 0, False
        super().on_message_complete()
        self.scope = cast("HTTPScope", None)  # as uvicorn has it before the first

    @property
    def _idle(self) -> bool:
        cycle = cast("RequestResponseCycle | None", self.cycle)
        return cycle is None or cycle.response_complete

    def _parse(self, data: bytes) -> None:
        rest: bytes | memoryview = data
        while rest:
            try:
                self.parser.feed_data(rest)
            except httptools.HttpParserUpgrade as upgrade:
                rest = memoryview(rest)[upgrade.args[0] :]
                self._begin_anew()
            else:
                return

    def _without_upgrade(self) -> bytes:
        """The head that was just read, as if it had not asked to upgrade: nothing else is spoken here."""
        if self.parser.get_method() == b"CONNECT":
            raise malformed("There are no tunnels here.", connection="close")
        line = b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        headers = [b"%b: %b" % (name, value) for name, value in self.headers if name != b"upgrade"]
        return b"\r\n".join([line, *headers, b"", b""])

    def _begin_anew(self) -> None:
        """Read the request again that asked to upgrade: the parser would take its body for another protocol."""
        head, self._anew = self._anew, b""
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn has it
        self.parser.feed_data(head)

    def _hurry(self) -> None:
        """Take the time for the headers from now on, once for each request, in the place of the time for idling."""
        if not self._hurried:
            self._hurried = True
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(self.head_seconds, self._give_up)

    def _give_up(self) -> None:
        if self._loose:
            self._refuse(late(f"The headers are not there after {self.head_seconds:g} seconds."))
        else:  # to a connection on which nothing was asked nothing is answered
            self.timeout_keep_alive_handler()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._exchange = Exchange(app, cycle)
        super()._start_asgi_task(cycle, self._exchange)

    def _refuse(self, refusal: Refusal) -> None:
        """Answer what was asked before, then this, and end the connection; what else comes is dropped.

        Where the request has begun, what its route answers is the answer: it may have done what was asked.
        """
        self._refused = True
        waiting = not self._idle
        if self._in_body:
            if not self.pipeline:
                self._break_off()
                return
            self.pipeline.popleft()  # it has not begun
        if cast("HTTPScope | None", self.scope) is None:
            self.on_message_begin()
        self.cycle = self._cycle(cast("HTTPScope", refused(self.scope, refusal)))
        if waiting:
            self.pipeline.appendleft((self.cycle, self.app))
        else:
            self._start_asgi_task(self.cycle, self.app)

    def _break_off(self) -> None:
        """End the connection when the request whose body is broken is answered, and its body now."""
        self.shutdown()
        if self._exchange is not None:
            self._exchange.break_off()

    def _cycle(self, scope: HTTPScope) -> RequestResponseCycle:
        return RequestResponseCycle(
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=False,
            on_response=self.on_response_complete,
        )


def _too_large() -> Refusal:
    title, detail = "The headers are too large", f"Address and headers may have {LARGEST_HEAD} bytes."
    status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    return Refusal(status, "headers_too_large", title, detail, connection="close")


def _refusal(error: httptools.HttpParserError) -> Refusal:
    """The parser's reason, which is one of its own phrases, as ours."""
    if isinstance(error.__context__, Refusal):
        return error.__context__
    reason = "The address cannot be read." if isinstance(error, httptools.HttpParserCallbackError) else f"{error}."
    if any(name.decode() in reason.lower() for name in _FRAMING):
        return ambiguous(reason)
    return malformed(reason, connection="close")
