"""What is written of requests, and what never is."""

import json
import logging
from collections.abc import Iterator
from io import StringIO
from typing import Any

import httpx
import pytest

from house import ANSWER, PASSWORD, PICTURE, House, a_house
from imagegen.bootstrap.logging import JsonFormatter
from imagegen.domain.errors import NoImage
from imagegen.domain.images import ImageRequest
from imagegen.domain.ports import ProviderAnswer
from imagegen.web.logging import RequestLog, request_id_var
from visitors import Visitor, generate, register

PROMPT = "a prompt that nobody may read in a log"


@pytest.fixture
def log() -> Iterator[StringIO]:
    """Everything that imagegen logs, down to the last detail."""
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter(request_id_var.get))
    logger = logging.getLogger("imagegen")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield stream
    logger.setLevel(before)
    logger.removeHandler(handler)


async def test_a_request_is_one_line_with_who_asked(client: httpx.AsyncClient, house: House, visitor: Visitor) -> None:
    """One JSON object a request: id, method, route with its placeholders, status, duration, user and key."""
    generation = await generate(client, visitor)
    await client.get(f"/v1/generations/{generation['id']}", headers=visitor.token | {"X-Request-ID": "mine"})
    await client.get("/v1/images/img_1?signature=secret")
    lines = [json.loads(line) for line in house.lines]
    assert [line["route"] for line in lines[2:]] == [
        "/v1/generate", "/v1/generations/{generation_id}", "/v1/images/{image_id}"
    ]  # fmt: skip
    by_key, by_token, by_nobody = lines[2:]
    assert (by_key["status"], by_key["key"]) == (201, visitor.key_id)
    assert (by_token["request_id"], by_token["user"], "key" in by_token) == ("mine", by_key["user"], False)
    assert (by_nobody["status"], "user" in by_nobody) == (401, False)
    assert all(line["level"] == "info" and line["duration_ms"] > 0 for line in lines)


@pytest.mark.parametrize(("seconds", "slow"), [(104.0, False), (106.0, True)])
async def test_who_wishes_to_wait_is_not_served_slowly(seconds: float, slow: bool) -> None:
    """A picture that is there within the wait, and a moment, was not slow, however long it took."""
    time, lines = 0.0, list[bytes]()

    async def draw(_: ImageRequest, __: int) -> ProviderAnswer:
        nonlocal time
        time += seconds
        return ANSWER

    house = a_house(draw)
    async with house.client() as client:
        visitor = await register(client)
        log: Any = RequestLog(house.door(), lines.append, (), seconds=lambda: time)
        transport = httpx.ASGITransport(app=log)
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as watched:
            await generate(watched, visitor)
    (line,) = map(json.loads, lines)
    assert (line["route"], line["duration_ms"], line.get("slow", False)) == ("/v1/generate", seconds * 1000, slow)


async def test_nothing_secret_is_ever_written(log: StringIO) -> None:
    """Whatever happens, no password, key, token, link, prompt or picture is in any line, not even in pieces."""

    async def broken(request: ImageRequest, _: int) -> ProviderAnswer:
        raise ValueError(f"cannot draw {request.prompt}")

    house = a_house(ANSWER, NoImage(), broken)
    async with house.client() as client:
        visitor = await register(client, "somebody@example.com")
        body = {"prompt": PROMPT, "title": "a secret title", "metadata": {"secret": "secret metadata"}}
        drawn = await client.post("/v1/generate", json=body, headers=visitor.key)
        url = drawn.json()["url"]
        for _ in range(2):
            await client.post("/v1/generate", json=body, headers=visitor.key)
        requests: list[tuple[str, str, dict[str, Any]]] = [
            ("GET", url, {}),
            ("GET", url + "x", {}),
            ("GET", f"/v1/generations?q={PROMPT}", {"headers": visitor.key}),
            ("POST", "/v1/generate", {"json": body | {"n": 99}, "headers": visitor.key}),
            ("POST", "/v1/generate", {"content": PROMPT, "headers": visitor.key}),
            ("POST", "/v1/auth/login", {"json": {"email": visitor.email, "password": PASSWORD}}),
            ("POST", "/v1/auth/login", {"json": {"email": visitor.email, "password": "wrong password"}}),
            ("POST", "/v1/auth/refresh", {"json": {"refresh_token": visitor.refresh_token}}),
            ("POST", "/v1/auth/refresh", {"json": {"refresh_token": visitor.refresh_token, "x": 1}}),
            ("GET", "/v1/images", {"headers": {"Authorization": "Bearer nb_live_" + "0" * 32}}),
            ("DELETE", "/v1/users/me", {"json": {"password": PASSWORD}, "headers": visitor.token}),
        ]
        for method, address, rest in requests:
            await client.request(method, address, **rest)
    written = b"".join(house.lines).decode() + log.getvalue()
    assert "ValueError" in written
    for secret in (
        *(PROMPT, "secret", PASSWORD, "wrong password", visitor.refresh_token, visitor.email),
        *(visitor.key["Authorization"], visitor.token["Authorization"], url.partition("signature=")[2]),
        *("nb_live_", "Bearer", "rt_", "memory."),
        *(PICTURE.hex()[:32], repr(PICTURE)[4:20]),
    ):
        assert secret not in written, secret
