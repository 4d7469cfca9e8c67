"""How a body is read."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from litestar import Litestar, post
from litestar.params import JSONBody
from msgspec import Struct

from imagegen.web.bodies import LARGEST_BODY, LARGEST_LEFTOVER, JsonRequest
from imagegen.web.logging import RequestLog
from imagegen.web.problems import handle


class Echo(Struct, forbid_unknown_fields=True):
    """What the route of these tests takes."""

    text: str


class Impatient(JsonRequest):
    """Gives a body a hundredth of a second."""

    body_seconds = 0.01


def door(request_class: type[JsonRequest] = JsonRequest) -> Any:
    """An application with one route, behind the log that names requests."""

    @post("/", status_code=200)
    async def echo(data: JSONBody[Echo]) -> str:
        return data.text

    app = Litestar(
        route_handlers=[echo],
        request_class=request_class,
        request_max_body_size=LARGEST_BODY,
        exception_handlers={Exception: handle},
        openapi_config=None,
        logging_config=None,
    )
    return RequestLog(app, lambda _: None, ())


@asynccontextmanager
async def knocking(app: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://testserver") as client:
        yield client


async def play(app: Any, messages: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the application sends when these messages are all that comes."""
    sent: list[dict[str, Any]] = []
    pending = iter(messages)

    async def receive() -> dict[str, Any]:
        return next(pending)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    headers = [(b"host", b"testserver"), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/", "raw_path": b"/", "query_string": b"", "headers": headers}
    await app(scope | {"client": None, "server": None, "scheme": "http", "http_version": "1.1"}, receive, send)
    return sent


async def test_a_body_is_read_as_its_route_says() -> None:
    """A body of the right shape reaches the route as an object of its type."""
    async with knocking(door()) as client:
        answer = await client.post("/", json={"text": "hello"})
        assert (answer.status_code, answer.text) == (200, "hello")


async def test_a_slow_body_is_given_up() -> None:
    """A body that is not there in time is 408, and the connection ends."""

    async def slowly() -> AsyncIterator[bytes]:
        yield b'{"text": '
        await asyncio.sleep(60)
        yield b'"hello"}'

    async with knocking(door(Impatient)) as client:
        answer = await client.post("/", content=slowly(), headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (408, "request_timeout")
        assert answer.headers["connection"] == "close"


async def test_a_client_that_goes_away_is_nobodys_fault(caplog: pytest.LogCaptureFixture) -> None:
    """A body that ends before it is whole is the client's 400, and no error of ours in the log."""
    sent = await play(
        door(), [{"type": "http.request", "body": b'{"te', "more_body": True}, {"type": "http.disconnect"}]
    )
    assert sent[0]["status"] == 400
    assert b"malformed_request" in sent[1]["body"]
    assert not caplog.records


async def test_a_body_that_is_too_large_is_read_for_a_while_only() -> None:
    """Some MB more are passed over, so that their sender hears of it, and no more than that."""
    messages = iter([{"type": "http.request", "body": b"x" * 2**16, "more_body": True}] * 1000)
    sent = await play(door(), messages)
    assert sent[0]["status"] == 413
    assert 1000 - len(list(messages)) == (LARGEST_BODY + LARGEST_LEFTOVER) // 2**16 + 2


@pytest.mark.parametrize(("size", "status"), [(LARGEST_BODY, 200), (LARGEST_BODY + 1, 413)])
async def test_a_body_may_be_so_large_and_not_larger(size: int, status: int) -> None:
    """The last byte that is allowed is allowed, and the next one is not."""
    body = b'{"text": "' + b"x" * (size - len(b'{"text": ""}')) + b'"}'
    assert len(body) == size
    async with knocking(door()) as client:
        answer = await client.post("/", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == status
