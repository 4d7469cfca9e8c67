"""The gate every request passes first: framing, host, and a body that is whole, small enough and clean."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPReceiveMessage, HTTPRequestEvent, HTTPScope, Receive, Scope, Send

from imagegen.web.json_gate import check_json
from imagegen.web.problems import MEDIA_TYPE, Refusal, problem_of

LARGEST_BODY: Final = 1024 * 1024
BODY_SECONDS: Final = 30.0
_SINGLE: Final = (b"host", b"content-length", b"transfer-encoding", b"content-type", b"authorization")
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True, slots=True)
class Gate:
    """An ASGI middleware. `hosts` are the names a request may give, or `*`; health answers under any name."""

    app: ASGIApp
    hosts: frozenset[str]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request in with its body read and checked, or answer with a problem."""
        if scope["type"] != ScopeType.HTTP:
            await self.app(scope, receive, send)
            return
        try:
            headers = _single(scope)
            self._check_host(headers.get(b"host", b""), scope["path"])
            if scope["method"] in _WITH_BODY:
                receive = await _read(headers, receive)
        except Refusal as refusal:
            await _answer(refusal, scope, send)
            return
        await self.app(scope, receive, send)

    def _check_host(self, host: bytes, path: str) -> None:
        if "*" in self.hosts or path.startswith("/health/"):
            return
        name = host.decode("latin-1").lower()
        if not name.endswith("]"):
            name = name.rsplit(":", 1)[0]
        if name not in self.hosts:
            title = "The request names a host that is not served here"
            detail = "Add the host's name to IMAGEGEN_ALLOWED_HOSTS."
            raise Refusal(HTTPStatus.BAD_REQUEST, "host_not_allowed", title, detail)


def _single(scope: HTTPScope) -> Mapping[bytes, bytes]:
    """The headers by name, refused where two readers of the request could disagree on where it ends."""
    pairs = list(scope["headers"])
    headers = dict(pairs)
    doubled = len(headers) != len(pairs) and any(sum(name == one for name, _ in pairs) > 1 for one in _SINGLE)
    if doubled or (b"content-length" in headers and b"transfer-encoding" in headers):
        title = "The request's framing is ambiguous"
        raise Refusal(HTTPStatus.BAD_REQUEST, "ambiguous_framing", title, connection="close")
    return headers


async def _read(headers: Mapping[bytes, bytes], receive: Receive) -> Receive:
    """The body, whole and checked, as something that can be received once more."""
    if headers.get(b"content-length", b"0").isdigit() and int(headers.get(b"content-length", b"0")) > LARGEST_BODY:
        raise _too_large()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            body = await _whole(receive)
    except TimeoutError:
        title = "The body did not arrive in time"
        raise Refusal(HTTPStatus.REQUEST_TIMEOUT, "request_timeout", title, connection="close") from None
    if body:
        kind = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
        if kind != b"application/json":
            title = "The body must be application/json"
            raise Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", title)
        check_json(body)
    return _replay(body, receive)


async def _whole(receive: Receive) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Refusal(HTTPStatus.BAD_REQUEST, "malformed_request", "The body ended early")
        piece = message.get("body", b"")
        size += len(piece)
        if size > LARGEST_BODY:
            raise _too_large()
        pieces.append(piece)
        if not message.get("more_body", False):
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _replay(body: bytes, receive: Receive) -> Receive:
    pending: list[HTTPRequestEvent] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> HTTPReceiveMessage:
        return pending.pop() if pending else await receive()  # type: ignore[return-value]  # only HTTP comes here

    return replay


def _too_large() -> Refusal:
    title = "The body is too large"
    detail = f"A body may have {LARGEST_BODY} bytes."
    return Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large", title, detail, connection="close")


async def _answer(refusal: Refusal, scope: Scope, send: Send) -> None:
    request_id = scope["state"]["request_id"]
    problem, extra = problem_of(refusal, path=scope["path"], request_id=request_id)
    body = msgspec.json.encode(problem)
    headers = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        *((name.encode(), value.encode()) for name, value in extra.items()),
    ]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
