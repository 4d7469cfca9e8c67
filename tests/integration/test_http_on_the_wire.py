"""What only a real server and a real socket show: framing, and connections that end or go on."""

import asyncio
import http.client
from contextlib import suppress

import pytest

from house import House, a_house
from imagegen.web.app import WebOptions

NEXT = b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
"""A second request on the same connection, which the server ends after it."""


async def exchange(house: House, sent: bytes) -> bytes:
    """Everything that comes back until the server ends the connection."""
    async with house.listening() as port, asyncio.timeout(60):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(sent)
            return await reader.read()
        finally:
            writer.close()
            with suppress(ConnectionError):  # the server may have been first
                await writer.wait_closed()


@pytest.fixture
def house() -> House:
    """A house for any host name."""
    return a_house(options=WebOptions(hosts=("*",)))


async def test_nothing_can_be_smuggled_behind_an_ambiguous_request(house: House) -> None:
    """With both a length and chunks the answer is 400, the connection ends, and what follows is no request."""
    head = b"POST /v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    both = head + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + NEXT
    received = await exchange(house, both)
    assert received.startswith(b"HTTP/1.1 400")
    assert received.count(b"HTTP/1.1 ") == 1
    assert not any(b"/health/live" in line for line in house.lines)


async def test_a_body_that_is_too_large_ends_the_connection(house: House) -> None:
    """A public route refuses an announced gigabyte before a byte of it, and hears nothing more on the connection."""
    head = b"POST /v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    received = await exchange(house, head + b"Content-Length: 1000000000\r\n\r\n" + NEXT)
    assert received.startswith(b"HTTP/1.1 413")
    assert b"connection: close" in received.lower()
    assert received.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("headers", [{}, {"Transfer-Encoding": "chunked"}], ids=["announced", "in pieces"])
async def test_who_looks_up_only_after_sending_is_told_that_it_was_too_much(
    house: House, headers: dict[str, str]
) -> None:
    """A client that sends some MB too many before it reads an answer hears 413, not that the connection broke."""

    def send(port: int) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        pieces = [b"x" * 2**16] * 48
        body = iter(pieces) if headers else b"".join(pieces)
        try:
            connection.request(
                "POST", "/v1/auth/login", body, {"Content-Type": "application/json"} | headers, encode_chunked=True
            )
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    async with house.listening() as port, asyncio.timeout(60):
        told = [await asyncio.to_thread(send, port) for _ in range(10)]
    assert {status for status, _ in told} == {413}
    assert all('"body_too_large"' in text for _, text in told)


async def test_who_asks_before_sending_is_told_at_once(house: House) -> None:
    """With `Expect: 100-continue` the answer to a body that is too large invites nobody to send it."""
    head = b"POST /v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n"
    received = await exchange(house, head + b"Content-Length: 1000000\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 413")


async def test_a_connection_is_kept_after_a_problem(house: House) -> None:
    """An ordinary refusal does not cost the connection: the next request on it is answered."""
    refused = b"GET /v1/images HTTP/1.1\r\nHost: x\r\n\r\n"
    received = await exchange(house, refused + NEXT)
    assert received.startswith(b"HTTP/1.1 401")
    assert received.count(b"HTTP/1.1 200") == 1


async def test_a_body_nobody_asked_for_is_passed_over(house: House) -> None:
    """Whoever is refused before their body was read can go on with the next request."""
    refused = b"POST /v1/generate HTTP/1.1\r\nHost: x\r\nContent-Length: 40\r\n\r\n" + b"x" * 40
    received = await exchange(house, refused + NEXT)
    assert received.startswith(b"HTTP/1.1 401")
    assert received.count(b"HTTP/1.1 200") == 1
