"""Logs: one JSON object a line."""

import json
import logging
import sys
from typing import Any

import pytest

from imagegen.bootstrap.logging import JsonFormatter
from imagegen.web.logging import RequestLog, request_id_var, wish_to_wait

HEADERS = ((b"cache-control", b"no-store"), (b"x-frame-options", b"DENY"))


def line(message: str, *args: object, level: int = logging.INFO, **extra: object) -> dict[str, Any]:
    """A record as it is written."""
    record = logging.getLogger("imagegen.test").makeRecord(
        "imagegen.test", level, __file__, 1, message, args, None, extra=dict(extra)
    )
    text = JsonFormatter(request_id_var.get).format(record)
    assert "\n" not in text
    return dict(json.loads(text))


def test_a_record_is_one_line_of_json() -> None:
    """Time, level, logger and message, what was given as `extra`, and control characters escaped."""
    found = line("stored %s\n\x1b[31m", "it", level=logging.WARNING, count=3, path=sys)
    assert (found["level"], found["logger"], found["message"]) == ("warning", "imagegen.test", "stored it\n\x1b[31m")
    assert found["count"] == 3
    assert found["time"].endswith("Z")
    assert isinstance(found["path"], str)


def test_a_record_carries_the_request_it_belongs_to() -> None:
    """While a request is answered everything that is logged has its id; outside of one nothing has."""
    assert "request_id" not in line("outside")
    token = request_id_var.set("request-1")
    try:
        assert line("inside")["request_id"] == "request-1"
    finally:
        request_id_var.reset(token)


def test_an_exception_tells_where_and_not_what() -> None:
    """A traceback has the places and the kinds of all errors in the chain, and none of their texts."""
    secret = "nb_live_" + "0" * 32
    keys: dict[str, str] = {}

    def look_up() -> str:
        try:
            return keys[secret]
        except KeyError as error:
            raise ValueError(f"no such key: {secret}") from error

    with pytest.raises(ValueError, match="no such key") as raised:
        look_up()
    told = (raised.type, raised.value, raised.tb)
    record = logging.getLogger("x").makeRecord("x", logging.ERROR, __file__, 1, "failed", (), told)
    text = JsonFormatter().format(record)
    assert secret not in text
    exception = json.loads(text)["exception"]
    assert "ValueError" in exception
    assert "KeyError" in exception
    assert "test_logging.py" in exception


async def answer(scope: dict[str, Any], app: Any, lines: list[bytes], **how: Any) -> list[dict[str, Any]]:
    """What is sent to a client that asks for this."""
    sent: list[dict[str, Any]] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await RequestLog(app, lines.append, HEADERS, **how)(scope, receive, send)  # type: ignore[arg-type]  # a scope made by hand
    return sent


def a_scope(**more: Any) -> dict[str, Any]:
    """A request."""
    return {"type": "http", "method": "GET", "path": "/secret?no", "headers": [], **more}


async def ok(scope: Any, receive: Any, send: Any) -> None:
    """An application that answers with headers of its own."""
    scope["path_template"] = "/{name}"
    await send({"type": "http.response.start", "status": 204, "headers": [(b"Cache-Control", b"private")]})
    await send({"type": "http.response.body", "body": b""})


async def test_a_request_is_one_line() -> None:
    """Route, not path; method, status, duration and id; and the headers that the answer did not set itself."""
    lines: list[bytes] = []
    start, _ = await answer(a_scope(), ok, lines)
    headers = dict(start["headers"])
    assert (headers[b"Cache-Control"], headers[b"x-frame-options"]) == (b"private", b"DENY")
    assert b"cache-control" not in headers
    (text,) = lines
    found = json.loads(text)
    assert text.endswith(b"}\n")
    assert (found["method"], found["route"], found["status"]) == ("GET", "/{name}", 204)
    assert found["request_id"].encode() == headers[b"x-request-id"]
    assert found["duration_ms"] >= 0
    assert found.keys() == {
        "time", "level", "logger", "message", "request_id", "method", "route", "status", "duration_ms"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "wait", "slow"),
    [
        (5.0, 0.0, None, False),
        (5.1, 0.0, None, True),
        (0.1, 3600.0, None, False),
        (35.0, 0.0, 30.0, False),
        (35.1, 0.0, 30.0, True),
    ],
)
async def test_slow_is_what_begins_late(before: float, after: float, wait: float | None, slow: bool) -> None:
    """An answer that began late, beyond what was wished; not a wait that was wished for, nor a stream that goes on."""
    lines: list[bytes] = []
    time = 0.0

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal time
        if wait is not None:
            wish_to_wait(scope, wait)
        time += before
        await send({"type": "http.response.start", "status": 200, "headers": []})
        time += after
        await send({"type": "http.response.body", "body": b""})

    await answer(a_scope(), app, lines, seconds=lambda: time)
    found = json.loads(lines[0])
    assert found["duration_ms"] == (before + after) * 1000
    assert found.get("slow", False) == slow


async def test_a_request_that_breaks_late_is_slow() -> None:
    """One that was never answered took as long as it took."""
    lines: list[bytes] = []
    times = iter((0.0, 6.0))

    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await answer(a_scope(), broken, lines, seconds=lambda: next(times))
    assert json.loads(lines[0])["slow"]


async def test_a_request_that_breaks_is_still_a_line() -> None:
    """When nothing was answered the line says 500, and the error goes on to the server."""
    lines: list[bytes] = []

    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await answer(a_scope(), broken, lines)
    found = json.loads(lines[0])
    assert (found["status"], found["level"], found["route"]) == (500, "error", "unmatched")
    assert request_id_var.get() is None


async def test_what_is_no_request_passes_by() -> None:
    """The lifespan of the application is nobody's request."""
    lines: list[bytes] = []
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    await answer({"type": "lifespan"}, app, lines)
    assert (seen, lines) == (["lifespan"], [])
