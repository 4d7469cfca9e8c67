"""What the server does with a connection itself: heads without end, too late or no HTTP, and wishes to upgrade."""

import asyncio
import json
import logging
from collections.abc import Sequence
from typing import Any, Final

import httpx
import pytest

from house import ANSWER, House, a_house
from imagegen.domain.errors import OutcomeUnknown
from imagegen.domain.ports import ProviderAnswer
from imagegen.web.app import SECURITY_HEADERS, WebOptions
from imagegen.web.connection import LARGEST_HEAD, Connection
from visitors import register

GET: Final = b"GET /health/live HTTP/1.1\r\nHost: x\r\n"
LAST: Final = GET + b"Connection: close\r\n\r\n"
"""A request after which the server ends the connection."""
POST: Final = b"POST /v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
CHUNKED: Final = POST + b"Transfer-Encoding: chunked\r\n\r\n"
UPGRADE: Final = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
H2C: Final = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"
NOBODY: Final = b'{"email": "nobody@example.com", "password": "securepassword123"}'
"""The body of a login of somebody who is not known."""


class Hasty(Connection):
    """Gives a head a twentieth of a second."""

    head_seconds = 0.05


Answer = tuple[int, dict[bytes, bytes], Any]
"""A status, the headers, and what the JSON of the body says."""


async def exchange(house: House, *sent: bytes, connection: type[Connection] = Connection) -> list[Answer]:
    """All answers until the server ends the connection; each piece is read by itself, and none sent after the end."""
    async with house.listening(connection) as port, asyncio.timeout(60):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        received = asyncio.create_task(reader.read())
        for piece in sent:
            if not received.done():
                writer.write(piece)
                await turns()
        try:
            return answers(await received)
        finally:
            writer.close()


async def turns() -> None:
    """Let the server, which runs in this loop, read what was sent and answer it."""
    for _ in range(20):
        await asyncio.sleep(0.001)


def answers(received: bytes) -> list[Answer]:
    """The answers in what was received, all of which have a length."""
    found = []
    while received:
        head, _, received = received.partition(b"\r\n\r\n")
        status, *lines = head.split(b"\r\n")
        headers = dict(line.split(b": ", 1) for line in lines)
        length = int(headers[b"content-length"])
        found.append((int(status.split()[1]), headers, json.loads(received[:length])))
        received = received[length:]
    return found


def assert_last(answer: Answer, status: int, code: str) -> dict[str, Any]:
    """Check that it is a whole problem with what every answer carries, after which the connection ends."""
    assert (answer[0], answer[2]["code"]) == (status, code)
    headers, problem = answer[1], dict(answer[2])
    assert headers[b"content-type"] == b"application/problem+json"
    assert headers[b"connection"] == b"close"
    assert {name: headers[name] for name, _ in SECURITY_HEADERS} == dict(SECURITY_HEADERS)
    assert problem["request_id"].encode() == headers[b"x-request-id"]
    assert (problem["status"], problem["type"]) == (status, f"/problems/{code}")
    return problem


@pytest.fixture
def house() -> House:
    """A house for any host name."""
    return a_house(options=WebOptions(hosts=("*",)))


def a_head(size: int) -> bytes:
    """The last request, with an address and headers of so many bytes, counted as `name: value` and a line break."""
    known = b"GET /health/live?q=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    room = size - len(b"/health/live?q=1" + b"Host: x\r\nConnection: close\r\n" + b"A: \r\n")
    return known + b"A: " + b"a" * room + b"\r\n\r\n"


@pytest.mark.parametrize(("size", "status"), [(LARGEST_HEAD, 200), (LARGEST_HEAD + 1, 431)])
@pytest.mark.parametrize("before", [b"", GET + b"\r\n"], ids=["first", "behind another"])
async def test_a_head_may_be_so_large_and_not_larger(house: House, size: int, status: int, before: bytes) -> None:
    """The last byte that is allowed is allowed and the next one is not, however many requests come at once."""
    *_, last = await exchange(house, before + a_head(size))
    assert last[0] == status


@pytest.mark.parametrize(
    "endless",
    [
        (b"GET /", b"a"),
        (GET, b"a"),
        (GET + b"A: ", b"a"),
        (GET, b"A: a\r\n"),
        (b"", b"\r\n"),
        (b"A", b"A"),
        (CHUNKED + b"1\r\n{\r\n0\r\n", b"A: a\r\n"),
        (CHUNKED + b"1\r\n{\r\n0\r\nA: ", b"a"),
        (CHUNKED + b"1;", b"a"),
        (CHUNKED, b"0"),
        (GET + b"\r\n" + GET + b"A: ", b"a"),
    ],
    ids=[
        "address",
        "name",
        "value",
        "headers",
        "blank lines",
        "method",
        "trailers",
        "trailer",
        "extension",
        "size of a chunk",
        "behind another",
    ],
)
async def test_what_is_around_a_body_has_an_end(house: House, endless: tuple[bytes, bytes]) -> None:
    """Whoever sends headers, trailers or blank lines without end is refused long before 4 MiB."""
    begun, more = endless
    piece = more * (16 * 1024 // len(more))
    *_, last = await exchange(house, begun, *[piece] * 256)
    assert last[0] in {400, 431}
    problem = assert_last(last, last[0], {400: "malformed_request", 431: "headers_too_large"}[last[0]])
    assert json.loads(house.lines[-1])["request_id"] == problem["request_id"]


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ([b"\x16\x03\x01\x02\x00"], "malformed_request"),
        ([b"hello\r\n\r\n"], "malformed_request"),
        ([b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"], "malformed_request"),
        ([GET + b"A: \x01\r\n\r\n"], "malformed_request"),
        ([GET + b"A : b\r\n\r\n"], "malformed_request"),
        ([GET + b"A: b\r\n c\r\n\r\n"], "malformed_request"),
        ([b"GET http://x HTTP/1.1\r\n\r\n"], "malformed_request"),
        ([b"GET /\xff HTTP/1.1\r\n\r\n"], "malformed_request"),
        ([b"CONNECT x:1 HTTP/1.1\r\n\r\n"], "malformed_request"),
        ([CHUNKED, b"1\r\n{\r\n", b"nonsense\r\n"], "malformed_request"),
        ([POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}"], "ambiguous_framing"),
        ([POST + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}"], "ambiguous_framing"),
        ([POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}"], "ambiguous_framing"),
        ([POST + b"Content-Length: -1\r\n\r\n"], "ambiguous_framing"),
        ([POST + b"Transfer-Encoding: folded\r\n\r\n{}"], "ambiguous_framing"),
        ([POST + b"Transfer-Encoding: folded, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"], "ambiguous_framing"),
        ([CHUNKED.replace(b"HTTP/1.1", b"HTTP/1.0") + b"2\r\n{}\r\n0\r\n\r\n"], "ambiguous_framing"),
        ([b"CONNECT x:1 HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"], "malformed_request"),
        ([POST + UPGRADE + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}"], "ambiguous_framing"),
        ([POST + UPGRADE + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"], "malformed_request"),
    ],
)
async def test_what_is_no_http_is_a_problem(house: House, sent: Sequence[bytes], code: str) -> None:
    """Whatever the parser refuses gets a problem with a request id, a line in the log, and no further word."""
    (only,) = await exchange(house, *sent, LAST)
    problem = assert_last(only, 400, code)
    assert json.loads(house.lines[-1])["request_id"] == problem["request_id"]
    assert not any(b"/health/live" in line for line in house.lines)


async def test_a_refused_request_keeps_its_id(house: House) -> None:
    """The caller's id is used as far as it was read."""
    (only,) = await exchange(house, GET + b"X-Request-ID: mine\r\nA: \x01\r\n\r\n")
    assert assert_last(only, 400, "malformed_request")["request_id"] == "mine"


async def test_trailers_are_no_headers(house: House) -> None:
    """What comes after a body does not pass for what belongs before it."""
    body = b"2\r\n{}\r\n0\r\nHost: y\r\nX-Request-ID: late\r\nAuthorization: Bearer x\r\n\r\n"
    first, second = await exchange(house, CHUNKED + body + LAST)
    assert (first[0], first[2]["code"]) == (422, "invalid_request")
    assert first[1][b"x-request-id"] != b"late"
    assert second[0] == 200


@pytest.mark.parametrize("pieces", [[GET + UPGRADE + b"\r\n" + LAST], [GET + UPGRADE + b"\r\n", LAST]])
async def test_a_wish_to_upgrade_is_passed_over(
    house: House, pieces: Sequence[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    """A request for a websocket is answered as if it had not asked, the connection goes on, and no log minds."""
    with caplog.at_level(logging.WARNING):
        assert [answer[0] for answer in await exchange(house, *pieces)] == [200, 200]
    assert not caplog.records


@pytest.mark.parametrize(
    ("framing", "code"),
    [
        (b"Content-Length: 0\r\n\r\n", "malformed_json"),
        (b"Content-Length: %d\r\n\r\n" % len(NOBODY) + NOBODY, "invalid_credentials"),
        (b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(NOBODY), NOBODY), "invalid_credentials"),
    ],
    ids=["empty", "with a length", "chunked"],
)
@pytest.mark.parametrize("piece", [10_000, 100], ids=["at once", "in pieces"])
async def test_a_request_to_upgrade_has_its_body(house: House, framing: bytes, code: str, piece: int) -> None:
    """A client that would rather speak HTTP/2, and says so with its body, is answered, as is what follows."""
    sent = POST + H2C + framing + GET + UPGRADE + b"\r\n" + LAST
    pieces = [sent[at : at + piece] for at in range(0, len(sent), piece)]
    first, *others = await exchange(house, *pieces)
    assert first[2]["code"] == code
    assert [answer[0] for answer in others] == [200, 200]
    assert len(house.lines) == 3


@pytest.mark.parametrize("sent", [[GET], [b"G"], [b"\r\n"], [GET + b"\r\n", GET], [GET + b"\r\n", b"\r\n"]])
async def test_half_a_head_has_a_deadline(house: House, sent: Sequence[bytes]) -> None:
    """Headers that do not end are 408, whether of the first request or of a later one."""
    *_, last = await exchange(house, *sent, connection=Hasty)
    assert_last(last, 408, "request_timeout")


async def test_a_head_in_drops_has_the_same_deadline(house: House) -> None:
    """Each byte that comes puts nothing off."""
    *_, last = await exchange(house, *[b"\r\n"] * 100, connection=Hasty)
    assert_last(last, 408, "request_timeout")


async def test_a_connection_without_a_request_ends_without_a_word(house: House) -> None:
    """Whoever connects and says nothing is let go of: there is nothing to answer and nothing to log."""
    assert await exchange(house, connection=Hasty) == []
    assert not house.lines


async def test_idling_is_no_haste(house: House) -> None:
    """Between requests, and while one is answered or sends its body, the time for headers does not run."""
    slow_body = [POST + b"Content-Length: 2\r\n\r\n", *[b""] * 10, b"{}"]
    pieces = [GET + b"\r\n", *[b""] * 10, *slow_body, *[b""] * 10, LAST]
    statuses = [answer[0] for answer in await exchange(house, *pieces, connection=Hasty)]
    assert statuses == [200, 422, 200]


@pytest.mark.parametrize(
    ("behind", "status"),
    [
        ([b"\x00"], 400),
        ([GET, b"a" * 70_000], 431),
        ([POST + b"Transfer-Encoding: folded\r\n\r\n"], 400),
        ([CHUNKED, b"nonsense\r\n"], 400),
    ],
)
async def test_who_waits_for_an_answer_gets_it_first(behind: Sequence[bytes], status: int) -> None:
    """Nonsense behind a request that is being drawn costs nobody the picture; it is refused after that."""
    done = asyncio.Event()

    async def held(request: object, count: int) -> ProviderAnswer:
        await done.wait()
        return ANSWER

    house = a_house(held, options=WebOptions(hosts=("*",)))
    async with house.listening() as port, asyncio.timeout(60):
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            key = (await register(client)).key["Authorization"].encode()
        body = b'{"prompt": "fox"}'
        head = b"POST /v1/generate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: " + key
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for piece in (head + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body, *behind):
            writer.write(piece)
            await turns()
        done.set()
        drawn, last = answers(await reader.read())
        writer.close()
    assert (drawn[0], drawn[2]["status"]) == (201, "succeeded")
    assert last[0] == status
    assert last[1][b"connection"] == b"close"


async def test_nonsense_behind_an_answer_that_came_early_ends_the_connection(house: House) -> None:
    """Where a body nobody asked for breaks off, the one answer there is was given already."""
    begun = b"POST /v1/generate HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"
    (only,) = await exchange(house, begun, b"nonsense\r\n", LAST)
    assert (only[0], only[2]["code"]) == (401, "credentials_missing")


async def test_half_a_head_keeps_nobody_from_stopping(house: House) -> None:
    """When the server stops, who has not finished asking is let go of, as is who has asked nothing."""
    async with asyncio.timeout(60):
        async with house.listening() as port:
            connections = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
            connections[0][1].write(GET)
            await turns()
        assert [await reader.read() for reader, _ in connections] == [b"", b""]
    for _, writer in connections:
        writer.close()


@pytest.mark.parametrize("together", [True, False], ids=["at once", "by and by"])
async def test_what_was_carried_out_is_not_refused(together: bool) -> None:
    """Where a body breaks that no route reads, the one answer is what came of the request, and the last."""
    house = a_house(OutcomeUnknown(), ANSWER, options=WebOptions(hosts=("*",)))
    async with house.listening() as port, asyncio.timeout(60):
        base_url = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=base_url) as client:
            visitor = await register(client)
            failed = (await client.post("/v1/generate", json={"prompt": "fox"}, headers=visitor.key)).json()
            target, key = f"/v1/generations/{failed['generation_id']}/retry".encode(), visitor.key["Authorization"]
            head = b"POST " + target + b" HTTP/1.1\r\nHost: x\r\nAuthorization: " + key.encode()
            head += b"\r\nTransfer-Encoding: chunked\r\n\r\n"
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for piece in [head + b"zz\r\n"] if together else [head, b"zz\r\n"]:
                writer.write(piece)
                await turns()
            (only,) = answers(await reader.read())
            writer.close()
            found = (await client.get("/v1/generations", headers=visitor.key)).json()["data"]
    assert (only[0], only[2]["retry_of"]) == (202, failed["generation_id"])
    assert [one["id"] for one in found] == [only[2]["id"], failed["generation_id"]]
    lines = [json.loads(line) for line in house.lines]
    assert [line["status"] for line in lines if line["route"].endswith("/retry")] == [202]
    assert not any(line["status"] == 400 for line in lines)


async def test_who_leaves_is_missed_with_more_waiting_behind() -> None:
    """The stream of events ends for a client that hung up, also where a refusal waits for the stream to end."""
    drawing = asyncio.Event()

    async def held(request: object, count: int) -> ProviderAnswer:
        await drawing.wait()
        return ANSWER

    house = a_house(held, options=WebOptions(hosts=("*",)))
    async with house.listening() as port, asyncio.timeout(60):
        base_url = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=base_url) as client:
            key = (await register(client)).key
            asked = (await client.post("/v1/generations", json={"prompt": "fox"}, headers=key)).json()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        line = f"GET /v1/generations/{asked['id']}/events HTTP/1.1\r\nHost: x\r\n"
        head = line + f"Authorization: {key['Authorization']}\r\n\r\n"
        writer.write(head.encode())
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"\x00")
        await turns()
        writer.transport.abort()
        try:
            async with asyncio.timeout(20):
                while not json.loads(house.lines[-1])["route"].endswith("/events"):
                    await turns()
        finally:
            drawing.set()
