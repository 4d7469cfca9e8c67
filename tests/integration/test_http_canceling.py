"""Canceling over HTTP, and asking for the same anew."""

import asyncio
from typing import Any

import httpx
import pytest

from builders import new_id
from generating import PAID, PRICED, Held
from house import ANSWER, a_house
from imagegen.domain.errors import NoImage, OutcomeUnknown
from imagegen.domain.identifiers import GENERATION, GenerationId, external
from processes import a_place
from visitors import Visitor, assert_problem, at_the_door, bearer, generate, register, watching

FOX = {"prompt": "fox", "title": "A fox", "tags": ["red"], "metadata": {"a": "b"}, "priority": "high"}


async def ask(client: httpx.AsyncClient, visitor: Visitor, **body: Any) -> dict[str, Any]:
    """A generation that was asked for just now."""
    answer = await client.post("/v1/generations", json=FOX | body, headers=visitor.key)
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


async def cancel(client: httpx.AsyncClient, visitor: Visitor, generation: dict[str, Any]) -> httpx.Response:
    """The answer to canceling it."""
    return await client.post(f"/v1/generations/{generation['id']}/cancel", headers=visitor.key)


async def retry(
    client: httpx.AsyncClient, visitor: Visitor, generation: dict[str, Any], **headers: str
) -> httpx.Response:
    """The answer to asking for it anew."""
    return await client.post(f"/v1/generations/{generation['id']}/retry", headers=visitor.key | headers)


async def test_what_runs_is_canceled() -> None:
    """200 with the canceled generation: its error says that the provider may have billed the call, and so does that."""
    held = Held(PAID)
    async with at_the_door(held, models=(PRICED,)) as (house, client, visitor):
        await a_place(house)
        generation = await ask(client, visitor)
        await held.begun.acquire()
        answer = await cancel(client, visitor, generation)
        assert answer.status_code == 200
        body = answer.json()
        assert (body["status"], body["cost_usd"], body["images"], body["url"]) == ("canceled", None, [], None)
        assert (body["error"]["code"], body["error"]["billed"]) == ("canceled", "unknown")
        assert body["finished_at"] is not None
        assert (await client.get(f"/v1/generations/{body['id']}", headers=visitor.token)).json() == body
        attempts = (await client.get(f"/v1/generations/{body['id']}/attempts", headers=visitor.key)).json()["data"]
        assert [(a["outcome"], a["billed"], a["error_code"]) for a in attempts] == [("unknown", "unknown", "canceled")]


async def test_what_is_queued_is_canceled_and_costs_nothing() -> None:
    """200, `billed` is `no`, and nobody is asked to draw it afterwards."""
    house = a_house()
    door = httpx.ASGITransport(app=house.door())
    async with httpx.AsyncClient(transport=door, base_url="http://testserver") as client:  # nobody is at work
        visitor = await register(client)
        generation = await ask(client, visitor)
        body = (await cancel(client, visitor, generation)).json()
    assert (body["status"], body["cost_usd"], body["error"]["billed"]) == ("canceled", "0", "no")
    async with house.working():
        await a_place(house)
    assert house.provider.calls == []


@pytest.mark.parametrize("answer", [ANSWER, NoImage()], ids=["succeeded", "failed"])
async def test_what_has_ended_is_answered_as_it_is(answer: Any) -> None:
    """Canceling is idempotent: 200 with the final state, whatever that is and however often."""
    async with at_the_door(answer) as (_, client, visitor):
        asked = await client.post("/v1/generate", json=FOX, headers=visitor.key)
        name = asked.headers["x-imagegen-generation-id"]
        ended = (await client.get(f"/v1/generations/{name}", headers=visitor.key)).json()
        for _ in range(2):
            again = await cancel(client, visitor, ended)
            assert (again.status_code, again.json()["status"], again.json()["error"]) == (
                200,
                ended["status"],
                ended["error"],
            )


async def test_a_caller_who_waits_is_told_of_the_cancellation() -> None:
    """409 `canceled` that names the generation and says whether it may have been billed."""
    held = Held()
    async with at_the_door(held) as (_, client, visitor):
        waiting = asyncio.create_task(client.post("/v1/generate", json=FOX, headers=visitor.key))
        await held.begun.acquire()
        (generation,) = (await client.get("/v1/generations", headers=visitor.key)).json()["data"]
        await cancel(client, visitor, generation)
        problem = assert_problem(await waiting, 409, "canceled")
        assert (problem["billed"], problem["generation_id"]) == ("unknown", generation["id"])


async def test_what_failed_is_asked_for_anew() -> None:
    """202 with a new generation that names the first and is filed alike, and where to look for it."""
    async with at_the_door(OutcomeUnknown(), ANSWER) as (house, client, visitor):
        refused = await client.post("/v1/generate", json=FOX, headers=visitor.key)
        first = (await client.get(refused.headers["location"], headers=visitor.key)).json()
        answer = await retry(client, visitor, first)
        assert answer.status_code == 202
        body = answer.json()
        assert (body["retry_of"], first["retry_of"]) == (first["id"], None)
        for member in ("prompt", "requested", "title", "tags", "metadata", "priority"):
            assert body[member] == first[member]
        assert answer.headers["location"] == f"/v1/generations/{body['id']}"
        assert answer.headers["x-imagegen-generation-id"] == body["id"] != first["id"]
        assert answer.headers["retry-after"] == "2"
        with watching(house, body["id"]) as watch:
            if (await client.get(answer.headers["location"], headers=visitor.key)).json()["status"] != "succeeded":
                assert await watch.outcome(60)
        assert (await client.get(answer.headers["location"], headers=visitor.key)).json()["status"] == "succeeded"
        assert (await client.get(refused.headers["location"], headers=visitor.key)).json() == first


async def failed(client: httpx.AsyncClient, visitor: Visitor) -> dict[str, Any]:
    """A generation that failed."""
    refused = await client.post("/v1/generate", json=FOX, headers=visitor.key)
    return dict((await client.get(refused.headers["location"], headers=visitor.key)).json())


@pytest.mark.parametrize(
    "headers",
    [
        [{"Idempotency-Key": "again-1"}] * 3,
        [{"x-stainless-retry-count": count} for count in "012"],
        [{"x-stainless-retry-count": count} for count in "102"],
    ],
    ids=["key", "count", "overtaken"],
)
async def test_what_is_asked_for_anew_twice_comes_once(headers: list[dict[str, str]]) -> None:
    """202 each time with the same generation; all but the first answer say `Idempotent-Replayed`."""
    async with at_the_door(OutcomeUnknown()) as (_, client, visitor):
        first = await failed(client, visitor)
        answers = [await retry(client, visitor, first, **each) for each in headers]
        assert [answer.status_code for answer in answers] == [202, 202, 202]
        assert [answer.headers.get("idempotent-replayed") for answer in answers] == [None, "true", "true"]
        names = {answer.json()["id"] for answer in answers}
        assert names == {answer.headers["x-imagegen-generation-id"] for answer in answers}
        assert len(names) == 1
        assert {answer.headers["location"] for answer in answers} == {f"/v1/generations/{names.pop()}"}
        assert {answer.json()["retry_of"] for answer in answers} == {first["id"]}
        assert len((await client.get("/v1/generations", headers=visitor.key)).json()["data"]) == 2


async def test_a_key_is_for_one_generation_that_is_asked_for_anew() -> None:
    """422 `idempotency_key_reused` for another generation under the same key, and for what was no retry."""
    async with at_the_door(OutcomeUnknown()) as (_, client, visitor):
        first, other = await failed(client, visitor), await failed(client, visitor)
        key = {"Idempotency-Key": "again-1"}
        assert (await retry(client, visitor, first, **key)).status_code == 202
        assert_problem(await retry(client, visitor, other, **key), 422, "idempotency_key_reused")
        asked = await client.post("/v1/generations", json=FOX, headers=visitor.key | key)
        assert_problem(asked, 422, "idempotency_key_reused")
        assert len((await client.get("/v1/generations", headers=visitor.key)).json()["data"]) == 3


async def test_what_succeeded_is_not_asked_for_anew(client: httpx.AsyncClient, visitor: Visitor) -> None:
    """409 `illegal_transition` that says how it stands; nothing is remembered."""
    generation = await generate(client, visitor)
    problem = assert_problem(await retry(client, visitor, generation), 409, "illegal_transition")
    assert "succeeded" in problem["detail"]
    assert len((await client.get("/v1/generations", headers=visitor.key)).json()["data"]) == 1


@pytest.mark.parametrize("verb", ["cancel", "retry"])
async def test_somebody_elses_is_not_there(client: httpx.AsyncClient, visitor: Visitor, verb: str) -> None:
    """A stranger's generation, one that was never there, and what is no id are the same 404."""
    generation = await generate(client, visitor)
    stranger = await register(client)
    for name in (generation["id"], external(GENERATION, GenerationId(new_id())), "gen_1", "nothing"):
        answer = await client.post(f"/v1/generations/{name}/{verb}", headers=stranger.key)
        assert_problem(answer, 404, "not_found")


@pytest.mark.parametrize("verb", ["cancel", "retry"])
async def test_a_key_needs_the_scope(client: httpx.AsyncClient, visitor: Visitor, verb: str) -> None:
    """403 for a key that may not generate, 401 without a credential; an access token may."""
    generation = await generate(client, visitor)
    made = await client.post("/v1/keys", json={"scopes": ["read", "write"]}, headers=visitor.token)
    path = f"/v1/generations/{generation['id']}/{verb}"
    assert_problem(await client.post(path, headers=bearer(made.json()["key"])), 403, "scope_missing")
    assert_problem(await client.post(path), 401, "credentials_missing")
    answer = await client.post(path, headers=visitor.token)
    assert answer.status_code == (200 if verb == "cancel" else 409)
