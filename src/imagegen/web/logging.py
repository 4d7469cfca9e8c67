"""The log of requests: one JSON object a line; never a secret, a prompt or a picture."""

import re
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from imagegen.domain.identifiers import API_KEY, USER, external

SLOW_SECONDS: Final = 5.0
"""Until an answer begins, and beyond what its caller wishes to wait: a stream goes on for as long as it has to."""
_REQUEST_ID: Final = re.compile(rb"[\x21-\x7e]{1,128}")

request_id_var: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the request on whose behalf something is logged."""


class RequestLine(msgspec.Struct, omit_defaults=True):
    """What is written of one request: `duration_ms` is until its answer ended, `slow` is about when that began."""

    time: datetime
    level: str
    logger: str
    message: str
    request_id: str
    method: str
    route: str
    status: int
    duration_ms: float
    user: str | None = None
    key: str | None = None
    slow: bool = False


@dataclass(frozen=True, slots=True)
class RequestLog:
    """The outermost ASGI middleware: names the request, writes its line, sets the headers that every answer has."""

    app: ASGIApp
    write: Callable[[bytes], object]
    headers: tuple[tuple[bytes, bytes], ...]
    seconds: Callable[[], float] = time.perf_counter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and write of it when it has been answered."""
        if scope["type"] != ScopeType.HTTP:
            await self.app(scope, receive, send)
            return
        begun = self.seconds()
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        token = request_id_var.set(request_id)
        own = (*self.headers, (b"x-request-id", request_id.encode()))
        status, answered = 500, None

        async def send_on(message: Message) -> None:
            nonlocal status, answered
            if message["type"] == "http.response.start":
                status, answered = message["status"], self.seconds()
                present = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(pair for pair in own if pair[0] not in present)]
            await send(message)

        try:
            await self.app(scope, receive, send_on)
        finally:
            request_id_var.reset(token)
            ended = self.seconds()
            begun_to_answer = ended if answered is None else answered
            slow = begun_to_answer - begun > SLOW_SECONDS + scope["state"].get("wait", 0.0)
            self._write(scope, request_id, status, ended - begun, slow=slow)

    def _write(self, scope: HTTPScope, request_id: str, status: int, seconds: float, *, slow: bool) -> None:
        principal = scope["state"].get("principal")
        key = principal.api_key_id if principal else None
        line = RequestLine(
            time=datetime.now(UTC),
            level="info" if status < 500 else "error",  # noqa: PLR2004 - where the fault is ours
            logger="imagegen.access",
            message="request",
            request_id=request_id,
            method=scope["method"],
            route=scope.get("path_template") or "unmatched",
            status=status,
            duration_ms=round(seconds * 1000, 2),
            user=external(USER, principal.user_id) if principal else None,
            key=external(API_KEY, key) if key else None,
            slow=slow,
        )
        self.write(msgspec.json.encode(line) + b"\n")


def wish_to_wait(scope: Scope, seconds: float) -> None:
    """Note that its caller is willing to wait so long for the answer, which is not slow then."""
    scope["state"]["wait"] = seconds


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return value.decode()
    return uuid4().hex
