"""People who come to the HTTP door with what they need to be let in."""

from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from builders import new_id
from house import PASSWORD, House, a_house
from imagegen.adapters.memory.provider import Draw
from imagegen.domain.errors import ProviderError
from imagegen.domain.identifiers import GENERATION, GenerationId, internal
from imagegen.domain.ports import ProviderAnswer, Watch


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Somebody with an account, a session and an API key: each of them as headers."""

    email: str
    token: dict[str, str]
    key: dict[str, str]
    refresh_token: str
    key_id: str


async def register(client: httpx.AsyncClient, email: str | None = None) -> Visitor:
    """Come in for the first time, and make a key."""
    email = email or f"{new_id()}@example.com"
    login = await client.post("/v1/auth/register", json={"email": email, "password": PASSWORD})
    assert login.status_code == 201, login.text
    token = bearer(login.json()["access_token"])
    key = await client.post("/v1/keys", json={}, headers=token)
    return Visitor(
        email=email,
        token=token,
        key=bearer(key.json()["key"]),
        refresh_token=login.json()["refresh_token"],
        key_id=key.json()["id"],
    )


def bearer(credential: str) -> dict[str, str]:
    """The header that presents a credential."""
    return {"Authorization": f"Bearer {credential}"}


async def generate(client: httpx.AsyncClient, visitor: Visitor, **body: Any) -> dict[str, Any]:
    """A finished generation."""
    answer = await client.post("/v1/generate", json={"prompt": "A cute banana"} | body, headers=visitor.key)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def listen(client: httpx.AsyncClient, visitor: Visitor, **body: Any) -> dict[str, Any]:
    """A new webhook with its secret, told of everything unless the body says otherwise."""
    events = ["generation.succeeded", "generation.failed", "generation.canceled", "batch.finished"]
    whole = {"url": "https://hooks.example.com/imagegen", "events": events} | body
    answer = await client.post("/v1/webhooks", json=whole, headers=visitor.key)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def assert_problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Check that an answer is a whole problem of that status and code, and return it."""
    assert (answer.status_code, answer.json().get("code")) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = dict(answer.json())
    assert problem["status"] == status
    assert problem["type"] == f"/problems/{code}"
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert problem["instance"] == answer.request.url.path
    assert problem["title"]
    assert problem["detail"]
    return problem


@asynccontextmanager
async def at_the_door(
    *answers: ProviderAnswer | ProviderError | Draw, **features: Any
) -> AsyncIterator[tuple[House, httpx.AsyncClient, Visitor]]:
    """A house whose provider gives these answers, a client at its door, and somebody with a key."""
    house = a_house(*answers, **features)
    async with house.client() as client:
        yield house, client, await register(client)


def watching(house: House, name: str) -> AbstractContextManager[Watch]:
    """A watch on the generation of that name."""
    found = internal(GENERATION, name)
    assert found is not None
    return house.events.watch(GenerationId(found))
