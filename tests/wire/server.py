"""A small HTTP/1.1 server on 127.0.0.1 that can also answer as no server should."""

import asyncio
import contextlib
import enum
import json
import socket
import struct
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

MEBIBYTE: Final = 1 << 20
BACKLOG: Final = 4096
"""Thousands may call in the same moment, and none of them is to wait for a second try at connecting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request as it came in."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    """By name in lower case."""
    body: bytes

    @property
    def json(self) -> Any:
        """The body, decoded; raises `ValueError` if it is not JSON."""
        return json.loads(self.body)


class Delivery(enum.Enum):
    """How far an answer comes. Midway is after the head and half of the body."""

    COMPLETE = enum.auto()
    RESET_BEFORE = enum.auto()
    RESET_MIDWAY = enum.auto()
    CLOSE_BEFORE = enum.auto()
    CLOSE_MIDWAY = enum.auto()
    HANG_BEFORE = enum.auto()
    HANG_MIDWAY = enum.auto()

    @property
    def is_midway(self) -> bool:
        """Whether something is sent before it fails."""
        return self.name.endswith("_MIDWAY")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer and the way it is delivered."""

    status: int = HTTPStatus.OK
    body: bytes = b""
    padding: int = 0
    """Mebibytes of white space before the body, which change nothing in JSON but its size."""
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    chunked: bool = False
    """Send the body in chunks, its length not announced."""
    delivery: Delivery = Delivery.COMPLETE

    @classmethod
    def of(cls, content: object, status: int = HTTPStatus.OK, **headers: str) -> Self:
        """Answer with `content` as JSON; `retry_after="3"` becomes the header `retry-after: 3`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls(status=status, body=json.dumps(content).encode(), headers=named)

    @property
    def head(self) -> bytes:
        """The status line and the headers, with the empty line after them."""
        length = len(self.body) + self.padding * MEBIBYTE
        framing = "transfer-encoding: chunked" if self.chunked else f"content-length: {length}"
        lines = [f"HTTP/1.1 {self.status} -", f"content-type: {self.media_type}", framing]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode()

    def pieces(self) -> Iterator[bytes]:
        """The body as it goes over the wire; only half of it if the delivery ends midway."""
        whole = self.delivery is Delivery.COMPLETE
        body = self.body if whole else self.body[: len(self.body) // 2]
        for piece in filter(None, (*[b" " * MEBIBYTE] * self.padding, body)):
            yield b"%x\r\n%b\r\n" % (len(piece), piece) if self.chunked else piece
        if self.chunked and whole:
            yield b"0\r\n\r\n"


class WireServer(ABC):
    """A server that runs on a thread of its own inside a `with` block and records every request.

    A mistake of the server itself is raised at the end of the block: no test passes on the strength of a bug here.
    """

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.origin = ""
        self._arrival = threading.Condition()
        self._ready = threading.Event()
        self._connections: set[asyncio.Task[None]] = set()
        self._fault: Exception | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name=type(self).__name__)

    @abstractmethod
    async def reply(self, request: Request) -> Reply:
        """Return the answer to `request`."""

    def __enter__(self) -> Self:
        """Listen on a free port; `origin` is `http://127.0.0.1:PORT` from here on."""
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Drop every connection, held answers included."""
        self.loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        if self._fault and error is None:
            raise self._fault

    async def _run(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0, backlog=BACKLOG)
        self.origin = "http://{}:{}".format(*server.sockets[0].getsockname())
        self._ready.set()
        await self._stopping.wait()
        server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._connections.add(task)
        writer.transport.set_write_buffer_limits(0)  # `drain` returns when the system has everything.
        try:
            # A client that goes away, and a server that stops, are no faults.
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while await self._exchange(reader, writer):
                    pass
        except Exception as error:  # noqa: BLE001 - raised again where the test sees it
            self._fault = error
        finally:
            writer.transport.abort()
            self._connections.discard(task)

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; return whether the connection can take another."""
        request = await _read(reader)
        with self._arrival:
            self.requests.append(request)
            self._arrival.notify_all()
        reply = await self.reply(request)
        if reply.delivery is Delivery.COMPLETE or reply.delivery.is_midway:
            await _write(reply, writer)
        match reply.delivery:
            case Delivery.COMPLETE:
                return True
            case Delivery.HANG_BEFORE | Delivery.HANG_MIDWAY:
                await reader.read()
            case Delivery.RESET_BEFORE | Delivery.RESET_MIDWAY:
                connection: socket.socket = writer.get_extra_info("socket")
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            case Delivery.CLOSE_BEFORE | Delivery.CLOSE_MIDWAY:
                pass
        return False


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").rstrip()
    first, *rest = head.split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
    if "transfer-encoding" in headers:
        raise NotImplementedError("a request in chunks")
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    address = urlsplit(target)
    return Request(method=method, path=address.path, query=address.query, headers=headers, body=body)


async def _write(reply: Reply, writer: asyncio.StreamWriter) -> None:
    writer.write(reply.head)
    for piece in reply.pieces():
        writer.write(piece)
        await writer.drain()


@contextlib.contextmanager
def refused_port() -> Iterator[int]:
    """A port of 127.0.0.1 that refuses every connection: it is taken, and nobody listens."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]
