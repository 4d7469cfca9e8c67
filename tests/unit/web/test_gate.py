"""The gate every request passes first."""

from typing import Any

import msgspec
import pytest

from imagegen.web.gate import Gate


async def knock(hosts: set[str], **scope: Any) -> tuple[str, int | None]:
    """What becomes of a request: who answered it, and with which status."""
    inside: list[str] = []
    sent: list[dict[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        inside.append(scope["type"])

    async def receive() -> Any:
        raise AssertionError("the gate reads no body")

    async def send(message: Any) -> None:
        sent.append(message)

    whole = {
        "type": "http",
        "method": "GET",
        "path": "/v1/x",
        "query_string": b"",
        "headers": [],
        "state": {"request_id": "r"},
    } | scope
    await Gate(app, frozenset(hosts))(whole, receive, send)  # type: ignore[arg-type]  # a scope made by hand
    if inside:
        assert not sent
        return "app", None
    assert dict(sent[0]["headers"])[b"content-type"] == b"application/problem+json"
    assert int(dict(sent[0]["headers"])[b"content-length"]) == len(sent[1]["body"])
    return msgspec.json.decode(sent[1]["body"])["code"], sent[0]["status"]


@pytest.mark.parametrize(
    ("host", "admitted"),
    [
        (b"example.com", True),
        (b"EXAMPLE.com:443", True),
        (b"[::1]:80", True),
        (b"[::1]", True),
        (b"example.com.", False),
        (b"sub.example.com", False),
        (b"example.com@evil", False),
        (b"evil:example.com", False),
        (b"\xff", False),
        (b"", False),
    ],
)
async def test_hosts_are_matched_exactly(host: bytes, admitted: bool) -> None:
    """Only case and port do not matter."""
    found = await knock({"example.com", "[::1]"}, headers=[(b"host", host)])
    assert found == (("app", None) if admitted else ("host_not_allowed", 400))


async def test_a_star_admits_every_host_and_health_every_request() -> None:
    """An operator may serve any name; a load balancer's probe has none."""
    assert await knock({"*"}, headers=[(b"host", b"anything")]) == ("app", None)
    assert await knock({"example.com"}, path="/health/live") == ("app", None)


@pytest.mark.parametrize("name", [b"host", b"content-length", b"transfer-encoding", b"content-type", b"authorization"])
async def test_what_must_be_there_once_is_there_once(name: bytes) -> None:
    """The same header twice is ambiguous, even with the same value."""
    assert await knock({"*"}, headers=[(name, b"1"), (name, b"1")]) == ("ambiguous_framing", 400)
    assert await knock({"*"}, headers=[(name, b"1"), (b"x-other", b"1"), (b"x-other", b"1")]) == ("app", None)


async def test_a_length_and_chunks_exclude_each_other() -> None:
    """Two ways to say where the body ends are one too many."""
    both = [(b"content-length", b"1"), (b"transfer-encoding", b"chunked")]
    assert await knock({"*"}, headers=both) == ("ambiguous_framing", 400)


async def test_nul_is_no_part_of_an_address() -> None:
    """A NUL in the query is refused, since a store might not take it."""
    assert await knock({"*"}, query_string=b"q=a%00b") == ("malformed_request", 400)
    assert await knock({"*"}, query_string=b"q=a%01b") == ("app", None)


@pytest.mark.parametrize("kind", ["lifespan", "websocket"])
async def test_what_is_no_request_passes_by(kind: str) -> None:
    """The gate is for requests."""
    assert await knock({"example.com"}, type=kind) == ("app", None)
