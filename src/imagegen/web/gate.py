"""The gate every request passes first: framing, host, and an address that every store can be asked about."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import msgspec
from litestar.enums import HttpMethod, ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from imagegen.web.problems import MEDIA_TYPE, Refusal, ambiguous, malformed, problem_of

_SINGLE: Final = (b"host", b"content-length", b"transfer-encoding", b"content-type", b"authorization")
_REFUSAL: Final = "refusal"


def refused(scope: Mapping[str, object], refusal: Refusal) -> Mapping[str, object]:
    """The scope of a request that was refused while it was read, from what was read of it; the gate answers it."""
    unread = {"method": "-", "path": "", "raw_path": b"", "query_string": b""}
    return {**unread, **scope, "state": {_REFUSAL: refusal}}


@dataclass(frozen=True, slots=True)
class Gate:
    """An ASGI middleware. `hosts` are the names a request may give, or `*`; health answers under any name."""

    app: ASGIApp
    hosts: frozenset[str]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request in, or answer with a problem."""
        if scope["type"] == ScopeType.HTTP:
            try:
                self._check(scope)
            except Refusal as refusal:
                await _answer(refusal, scope, send)
                return
            if scope["method"] == "HEAD":
                await self._head(scope, receive, send)
                return
        await self.app(scope, receive, send)

    async def _head(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        """Answer as to a GET, without the body (RFC 9110, section 9.3.2)."""
        asked: HTTPScope = {**scope, "method": HttpMethod.GET}
        ended = False

        async def send_without_body(message: Message) -> None:
            nonlocal ended
            if ended:
                return
            if message["type"] == "http.response.body":  # a body that goes on and on ends here as well
                ended = True
                message = {**message, "body": b"", "more_body": False}
            await send(message)

        try:
            await self.app(asked, receive, send_without_body)
        finally:  # the log names the route that was found
            scope["path_template"] = asked.get("path_template", "")

    def _check(self, scope: HTTPScope) -> None:
        if (refusal := scope["state"].get(_REFUSAL)) is not None:
            raise refusal
        headers = _single(scope)
        if "*" not in self.hosts and not scope["path"].startswith("/health/"):
            self._check_host(headers.get(b"host", b""))
        if b"%00" in scope["query_string"]:
            raise malformed("The address contains NUL.")

    def _check_host(self, host: bytes) -> None:
        name = host.decode("latin-1").lower()
        if not name.endswith("]"):  # an IPv6 address without a port
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
        raise ambiguous()
    return headers


async def _answer(refusal: Refusal, scope: HTTPScope, send: Send) -> None:
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
