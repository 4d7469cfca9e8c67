"""What every answer has, and what no request gets past."""

import asyncio
import re
from collections.abc import AsyncIterator

import httpx
import pytest

from house import PASSWORD, House, a_house
from imagegen.domain.errors import DatabaseUnavailable
from imagegen.domain.ports import UnitOfWork
from imagegen.web.app import WebOptions
from visitors import Visitor, assert_problem, generate, register

JSON = {"Content-Type": "application/json"}
GENERATE = b'{"prompt": "fox"}'


async def test_every_answer_is_named_kept_by_nobody_and_shown_nowhere(
    client: httpx.AsyncClient, visitor: Visitor
) -> None:
    """Success or failure, routed or not: a request id, no caching, no sniffing, no framing, nothing to run."""
    answers = [
        await client.get("/v1/generations", headers=visitor.key),
        await client.get("/v1/generations"),
        await client.get("/nowhere"),
        await client.put("/v1/generate"),
        await client.post("/v1/generate", content=b"{", headers=visitor.key | JSON),
        await client.get("/health/live"),
        await client.get("/openapi.json"),
        await client.get("/health/live", headers={"Content-Length": "1", "Transfer-Encoding": "chunked"}),
        await client.get("/docs/none", headers={"Host": "evil.example.com"}),
    ]
    for answer in answers:
        assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "server" not in answer.headers
    assert len({answer.headers["x-request-id"] for answer in answers}) == len(answers)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("my-request-1", True),
        ("x" * 128, True),
        ('!"#~', True),
        ("x" * 129, False),
        ("", False),
        ("two words", False),
        ("tab\there", False),
        ("é", False),
    ],
)
async def test_the_callers_request_id_is_used_if_it_can_be(client: httpx.AsyncClient, given: str, kept: bool) -> None:
    """1 to 128 visible ASCII characters are echoed and logged; anything else is replaced."""
    answer = await client.get("/nowhere", headers={b"X-Request-ID": given.encode("latin-1")})
    assert (answer.headers["x-request-id"] == given) is kept
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


async def test_what_is_not_there_is_404(client: httpx.AsyncClient) -> None:
    """An unknown path is a problem too, whatever the method."""
    for path in ("/nowhere", "/v1", "/v1/generate/more", "/openapi", "/openapi/x", "/schema", "/docs/../x", "/é"):
        for method in ("GET", "POST", "DELETE"):
            assert_problem(await client.request(method, path), 404, "not_found")


async def test_another_method_is_405_with_those_there_are(client: httpx.AsyncClient) -> None:
    """405 lists the methods in `Allow`; `OPTIONS` is none of them, and `HEAD` goes with `GET`."""
    for method, path, allowed in (
        ("PUT", "/v1/generate", {"POST"}),
        ("GET", "/v1/generate", {"POST"}),
        ("POST", "/v1/generations/gen_1", {"GET", "PATCH", "DELETE"}),
        ("PATCH", "/v1/generations", {"GET", "POST", "DELETE"}),
        ("PUT", "/v1/users/me", {"GET", "PATCH", "DELETE"}),
        ("BREW", "/v1/models", {"GET"}),
        ("OPTIONS", "/v1/keys/key_1", {"PATCH", "DELETE"}),
        ("OPTIONS", "/v1/generations", {"GET", "POST", "DELETE"}),
        ("OPTIONS", "/health/live", {"GET"}),
    ):
        answer = await client.request(method, path)
        assert_problem(answer, 405, "method_not_allowed")
        assert set(answer.headers["allow"].split(", ")) == allowed


async def test_nobody_unknown_is_told_what_is_wrong_with_a_body(client: httpx.AsyncClient) -> None:
    """Authentication comes before everything about the body, its type and the parameters."""
    for request in (
        {"content": b"{", "headers": JSON},
        {"content": b"{}", "headers": JSON},
        {"content": b"x" * 2_000_000, "headers": JSON},
        {"content": b"prompt=x", "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
        {"params": {"limit": "0"}},
    ):
        for path in ("/v1/generate", "/v1/generations"):
            answer = await client.post(path, **request)
            assert_problem(answer, 401, "credentials_missing")
    assert_problem(await client.get("/v1/generations", params={"limit": "0"}), 401, "credentials_missing")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"prompt=x",
        b'{"prompt": "x",}',
        b'{"prompt": "x"} {}',
        b'{"prompt": "\xff"}',
        b'\xef\xbb\xbf{"prompt": "x"}',
        '{"prompt": "é"}'.encode("utf-16"),
        b'{"prompt": "x", "prompt": "y"}',
        b'{"prompt": "x", "metadata": {"a": "1", "\\u0061": "2"}}',
        b'{"prompt": "a\\u0000b"}',
        b'{"prompt": "a\x00b"}',
        b'{"prompt": "\\ud800"}',
        b'{"prompt": "x", "metadata": {"\\udc00": "a"}}',
        b'{"prompt": "x", "seed": 9223372036854775808}',
        b'{"prompt": "x", "seed": -9223372036854775809}',
        b'{"prompt": "x", "seed": ' + b"1" * 5_000 + b"}",
        b'{"prompt": "x", "seed": NaN}',
        b'{"prompt": "x", "seed": -Infinity}',
        b'{"prompt": "x", "metadata": ' + b'{"a":' * 32 + b"1" + b"}" * 33,
        b"[" * 100_000,
        b"[" * 200_000 + b"]" * 200_000,
        b'"' + b'\\"' * 200_000,
    ],
)
async def test_a_body_that_readers_could_take_differently_is_400(
    client: httpx.AsyncClient, visitor: Visitor, body: bytes
) -> None:
    """Malformed, not UTF-8, with a member twice, NUL, half a character, too deep, or with a number beyond 64 bits."""
    answer = await client.post("/v1/generate", content=body, headers=visitor.key | JSON)
    assert_problem(answer, 400, "malformed_json")


@pytest.mark.parametrize(
    "body",
    [
        b'{"prompt": "\\\\u0000 is how NUL is written"}',
        b'{"prompt": "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["}',
        b'{"prompt": "\\ud83e\\udd8a", "seed": 2147483647}',
        '{"prompt": "\U0010ffff"}'.encode(),
        b' \r\n{"prompt": "x", "metadata": {"a": "1", "A": "2"}}\t',
        b'{"prompt": "x", "tags": []' + b', "size": "64x64"' + b"}",
    ],
)
async def test_a_body_that_only_looks_odd_is_taken(client: httpx.AsyncClient, visitor: Visitor, body: bytes) -> None:
    """What merely resembles something refused goes through."""
    answer = await client.post("/v1/generate", content=body, headers=visitor.key | JSON)
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize("body", [b"null", b"[]", b'"prompt"', b"1", b'[{"prompt": "x"}]'])
async def test_json_that_is_no_object_is_422(client: httpx.AsyncClient, visitor: Visitor, body: bytes) -> None:
    """JSON of another shape was understood and is not valid; the pointer is to the whole."""
    answer = await client.post("/v1/generate", content=body, headers=visitor.key | JSON)
    assert [fault["pointer"] for fault in assert_problem(answer, 422, "invalid_request")["errors"]] == [""]


@pytest.mark.parametrize(
    "content_type",
    [None, "", "text/plain", "application/x-www-form-urlencoded", "application/jsonx", "application/x-msgpack"],
)
async def test_another_type_than_json_is_415(
    client: httpx.AsyncClient, visitor: Visitor, content_type: str | None
) -> None:
    """A body that does not say that it is JSON is not read as JSON, so that no plain form gets in."""
    headers = visitor.key if content_type is None else visitor.key | {"Content-Type": content_type}
    answer = await client.post("/v1/generate", content=GENERATE, headers=headers)
    assert_problem(answer, 415, "unsupported_media_type")


async def test_json_may_say_its_charset(client: httpx.AsyncClient, visitor: Visitor) -> None:
    """Parameters and letter case of the content type do not matter."""
    for content_type in ("application/json; charset=utf-8", "Application/JSON"):
        headers = visitor.key | {"Content-Type": content_type}
        assert (await client.post("/v1/generate", content=GENERATE, headers=headers)).status_code == 201


async def in_pieces(size: int, pieces: int) -> AsyncIterator[bytes]:
    """A JSON body that says nothing of its length."""
    yield b'{"prompt": "'
    for _ in range(pieces):
        yield b"x" * (size // pieces)
    yield b'"}'


async def test_a_body_that_is_too_large_is_413_and_the_connection_ends(
    client: httpx.AsyncClient, visitor: Visitor
) -> None:
    """More than 512 KiB is refused by its announced length, and in pieces as soon as there are too many."""
    announced = client.post("/v1/generate", content=b"x" * (2**19 + 1), headers=visitor.key | JSON)
    chunked = client.post("/v1/generate", content=in_pieces(2**21, 64), headers=visitor.key | JSON)
    lying = client.post("/v1/generate", content=b"x", headers=visitor.key | JSON | {"Content-Length": str(2**40)})
    for answer in (await announced, await chunked, await lying):
        assert_problem(answer, 413, "body_too_large")
        assert answer.headers["connection"] == "close"


async def test_head_is_get_without_the_body(house: House, client: httpx.AsyncClient, visitor: Visitor) -> None:
    """What can be read can be asked about, the log names its route, and what cannot be read is 405 as ever."""
    image = (await generate(client, visitor))["images"][0]
    for path in ("/health/live", "/docs", image["url"]):
        asked, read = await client.head(path), await client.get(path)
        assert (asked.status_code, asked.content) == (200, b"")
        assert asked.headers["content-length"] == str(len(read.content))
    assert b'"method":"HEAD","route":"/v1/images/{image_id}/content"' in house.lines[-2]
    assert_problem(await client.get("/v1/generate"), 405, "method_not_allowed")
    assert (await client.head("/v1/generate")).status_code == 405


async def test_a_wrong_form_is_told_in_words(client: httpx.AsyncClient, visitor: Visitor) -> None:
    """Nobody has to read a pattern to mend a request."""
    answer = await client.post("/v1/generate", json={"prompt": "fox", "size": "big"}, headers=visitor.key)
    (fault,) = assert_problem(answer, 422, "invalid_request")["errors"]
    assert fault == {"pointer": "/size", "message": "A size is like 1024x1024, or auto."}


async def test_somebody_unknown_may_have_less_parsed(client: httpx.AsyncClient) -> None:
    """Where no credential is asked for, 16 KiB are plenty."""
    answer = await client.post("/v1/auth/login", content=b"[" + b"1," * 2**13 + b"1]", headers=JSON)
    assert_problem(answer, 413, "body_too_large")


async def test_a_body_may_come_in_pieces(client: httpx.AsyncClient, visitor: Visitor) -> None:
    """A body without a length is whole when its last piece is there."""
    answer = await client.post("/v1/generate", content=in_pieces(30_000, 100), headers=visitor.key | JSON)
    assert answer.status_code == 201
    assert len(answer.json()["prompt"]) == 30_000


async def test_framing_that_two_readers_could_take_differently_is_400(client: httpx.AsyncClient) -> None:
    """Both a length and chunks, or a header twice that must be there once, are refused and the connection ends."""
    for headers in (
        [("Content-Length", "5"), ("Transfer-Encoding", "chunked")],
        [("Host", "testserver"), ("Host", "evil.example.com")],
        [("Content-Length", "5"), ("Content-Length", "6")],
        [("Authorization", "Bearer a"), ("Authorization", "Bearer b")],
        [("Content-Type", "application/json"), ("Content-Type", "text/plain")],
    ):
        answer = await client.post("/v1/auth/login", headers=headers)
        assert_problem(answer, 400, "ambiguous_framing")
        assert answer.headers["connection"] == "close"


@pytest.mark.parametrize(
    ("host", "served"),
    [
        ("testserver", True),
        ("TESTSERVER:8000", True),
        ("[::1]", True),
        ("[::1]:8000", True),
        ("evil.example.com", False),
        ("testserver.evil.example.com", False),
        ("testserver@evil.example.com", False),
        ("", False),
    ],
)
async def test_only_named_hosts_are_served(host: str, served: bool) -> None:
    """A host that is not on the list is 400, so that no link is ever minted for it; health answers everybody."""
    house = a_house(options=WebOptions(hosts=("testserver", "[::1]")))
    async with house.client() as client:
        answer = await client.get("/openapi.json", headers={"Host": host})
        if served:
            assert answer.status_code == 200
        else:
            assert_problem(answer, 400, "host_not_allowed")
        assert (await client.get("/health/ready", headers={"Host": host})).status_code == 200


async def test_links_are_under_the_public_address_if_there_is_one() -> None:
    """Behind a proxy the operator says where links lead; without that they lead where the request came to."""
    async with a_house(options=WebOptions(hosts=("*",), public_url="https://img.example.com")).client() as client:
        assert (await generate(client, await register(client)))["url"].startswith("https://img.example.com/v1/images/")
    async with a_house(options=WebOptions(hosts=("*",))).client() as client:
        visitor = await register(client)
        there = visitor.key | {"Host": "other.example.com:8080"}
        answer = await client.post("/v1/generate", json={"prompt": "fox"}, headers=there)
        assert answer.json()["url"].startswith("http://other.example.com:8080/v1/images/")


async def test_pages_of_named_origins_may_call() -> None:
    """A preflight from an allowed origin is 204 with what it asked for; answers say who may read them."""
    origin = "https://app.example.com"
    house = a_house(options=WebOptions(hosts=("*",), cors_origins=(origin,)))
    async with house.client() as client:
        wish = {
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization, content-type, prefer",
        }
        preflight = await client.options("/v1/generate", headers=wish)
        assert preflight.status_code == 204
        assert preflight.headers["access-control-allow-origin"] == origin
        allowed = {name.lower() for name in preflight.headers["access-control-allow-headers"].split(", ")}
        assert allowed >= {"authorization", "content-type", "prefer"}
        assert "POST" in preflight.headers["access-control-allow-methods"]
        assert "access-control-allow-credentials" not in preflight.headers
        visitor = await register(client)
        for answer in (
            await client.get("/v1/models", headers=visitor.key | {"Origin": origin}),
            await client.get("/v1/models", headers={"Origin": origin}),
            await client.post("/v1/generate", content=b"{", headers=visitor.key | JSON | {"Origin": origin}),
        ):
            assert answer.headers["access-control-allow-origin"] == origin
            exposed = {name.lower() for name in answer.headers["access-control-expose-headers"].split(", ")}
            assert exposed >= {"location", "retry-after", "x-request-id", "x-imagegen-generation-id", "etag"}
            assert answer.headers["vary"] == "Origin"
        assert (await client.get("/v1/models", headers=visitor.key)).headers["vary"] == "Origin"


async def test_pages_of_other_origins_may_not_read(client: httpx.AsyncClient) -> None:
    """Without the origin on the list no answer lets a page read it; by default no origin is on the list."""
    strict = a_house(options=WebOptions(hosts=("*",), cors_origins=("https://app.example.com",)))
    async with strict.client() as other:
        for door in (client, other):
            for origin in ("https://evil.example.com", "https://app.example.com.evil.com", "null"):
                wish = {"Origin": origin, "Access-Control-Request-Method": "GET"}
                assert "access-control-allow-origin" not in (await door.options("/v1/models", headers=wish)).headers
                answer = await door.get("/health/live", headers={"Origin": origin})
                assert "access-control-allow-origin" not in answer.headers


class Breaking:
    """Units of work that end in whatever it is told to raise."""

    def __init__(self, house: House) -> None:
        self.error: Exception | None = None
        self._house = house

    def __call__(self) -> UnitOfWork:
        """A unit of work, or the error."""
        if self.error is not None:
            raise self.error
        return self._house.database.unit_of_work()


async def test_what_nobody_foresaw_is_500_without_a_word_of_the_inside(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The answer is a problem with the request's id and nothing else; the log has it once, with where it broke."""
    plain = a_house()
    breaking = Breaking(plain)
    house = a_house(unit_of_work=breaking)
    async with house.client() as client:
        visitor = await register(client)
        breaking.error = ValueError("SELECT secret FROM /etc/passwd")
        answer = await client.get("/v1/images", headers=visitor.key)
        problem = assert_problem(answer, 500, "internal_error")
        assert problem.keys() == {"type", "title", "status", "detail", "instance", "code", "request_id"}
        assert "SELECT" not in answer.text
        assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [
            "unexpected ValueError"
        ]


async def test_a_database_that_is_away_is_503_with_a_time_to_try_again() -> None:
    """Every route that needs it says so; the process is alive all the same."""
    plain = a_house()
    breaking = Breaking(plain)
    async with a_house(unit_of_work=breaking).client() as client:
        visitor = await register(client)
        breaking.error = DatabaseUnavailable()
        login = {"email": visitor.email, "password": PASSWORD}
        for answer in (
            await client.get("/v1/images", headers=visitor.key),
            await client.post("/v1/generate", json={"prompt": "x"}, headers=visitor.key),
            await client.post("/v1/auth/login", json=login),
        ):
            problem = assert_problem(answer, 503, "database_unavailable")
            assert int(answer.headers["retry-after"]) == problem["retry_after"] == 5
        assert (await client.get("/health/live")).status_code == 200
        breaking.error = None


async def test_many_requests_at_once_are_told_apart(client: httpx.AsyncClient, visitor: Visitor) -> None:
    """Each of many simultaneous requests gets the answer to itself, under its own id."""

    async def one(number: int) -> None:
        headers = visitor.key | {"X-Request-ID": f"request-{number}"}
        answer = await client.post("/v1/generate", json={"prompt": f"fox {number}"}, headers=headers)
        assert (answer.json()["prompt"], answer.headers["x-request-id"]) == (f"fox {number}", f"request-{number}")

    await asyncio.gather(*(one(number) for number in range(50)))
