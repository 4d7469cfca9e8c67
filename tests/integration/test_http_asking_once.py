"""Asking once over HTTP: `Idempotency-Key`, and the retries of official OpenAI clients."""

import asyncio
from collections import Counter
from typing import Any
from uuid import UUID

import httpx
import pytest

from generating import Held
from house import ANSWER, House
from imagegen.domain.errors import NoImage
from visitors import Visitor, assert_problem, at_the_door, register

FOX = {"prompt": "fox"}


async def ask(
    client: httpx.AsyncClient, visitor: Visitor, *, path: str = "/v1/generate", json: Any = FOX, **headers: str
) -> httpx.Response:
    """The answer to asking for a fox, with some headers."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.post(path, json=json, headers=visitor.key | named)


def replayed(answer: httpx.Response) -> bool:
    """Whether the answer says that it is not the first."""
    said = answer.headers.get("idempotent-replayed")
    assert said in {None, "true"}
    return said is not None


async def test_the_same_key_brings_the_same_generation(
    house: House, client: httpx.AsyncClient, visitor: Visitor
) -> None:
    """201 with the first generation and `Idempotent-Replayed: true`; the provider is not asked again."""
    first = await ask(client, visitor, idempotency_key="order-42")
    second = await ask(client, visitor, idempotency_key="order-42")
    assert (first.status_code, second.status_code) == (201, 201)
    assert (replayed(first), replayed(second)) == (False, True)
    assert second.json()["id"] == first.json()["id"]
    assert second.headers["location"] == first.headers["location"]
    assert len(house.provider.calls) == 1


async def test_both_doors_know_the_same_keys(house: House, client: httpx.AsyncClient, visitor: Visitor) -> None:
    """What was asked for at one is known at the other, and by token as by key: a key is the account's."""
    first = await ask(client, visitor, idempotency_key="order-42")
    second = await ask(client, visitor, path="/v1/generations", idempotency_key="order-42")
    headers = visitor.token | {"Idempotency-Key": "order-42"}
    third = await client.post("/v1/generations", json=FOX, headers=headers)
    assert [replayed(answer) for answer in (first, second, third)] == [False, True, True]
    assert len({answer.json()["id"] for answer in (first, second, third)}) == 1
    assert (second.status_code, third.status_code, len(house.provider.calls)) == (201, 201, 1)


async def test_the_same_key_with_another_body_is_422(house: House, client: httpx.AsyncClient, visitor: Visitor) -> None:
    """`idempotency_key_reused`: nothing is remembered or spent."""
    await ask(client, visitor, idempotency_key="order-42")
    for other in ({"prompt": "owl"}, {"prompt": "fox", "n": 2}):
        answer = await ask(client, visitor, json=other, idempotency_key="order-42")
        assert_problem(answer, 422, "idempotency_key_reused")
    assert len(house.provider.calls) == 1


async def test_another_account_knows_nothing_of_a_key(client: httpx.AsyncClient, visitor: Visitor) -> None:
    """The same key of somebody else is a key that was never used."""
    first = await ask(client, visitor, idempotency_key="order-42")
    other = await ask(client, await register(client), json={"prompt": "owl"}, idempotency_key="order-42")
    assert (other.status_code, replayed(other)) == (201, False)
    assert other.json()["id"] != first.json()["id"]


@pytest.mark.parametrize("key", ["", "a b", "k" * 256, "\u00e4"])
async def test_what_is_no_key_is_422(house: House, client: httpx.AsyncClient, visitor: Visitor, key: str) -> None:
    """With a pointer to the header, and before anything is asked for."""
    headers = [*visitor.key.items(), ("Idempotency-Key", key.encode("latin-1"))]
    answer = await client.post("/v1/generate", json=FOX, headers=headers)  # type: ignore[arg-type]  # bytes as they are sent
    problem = assert_problem(answer, 422, "invalid_request")
    assert [fault["pointer"] for fault in problem["errors"]] == ["#Idempotency-Key"]
    assert house.provider.calls == []


@pytest.mark.parametrize("path", ["generate", "generations", "batches", f"generations/gen_{UUID(int=7)}/retry"])
async def test_two_keys_are_422(client: httpx.AsyncClient, visitor: Visitor, path: str) -> None:
    """Even if they are the same: nobody is left to guess which of them counts."""
    for keys in (("order-42", "order-43"), ("order-42", "order-42")):
        headers = [*visitor.key.items(), *(("Idempotency-Key", key) for key in keys)]
        body = {"requests": [FOX]} if path == "batches" else FOX
        problem = assert_problem(await client.post(f"/v1/{path}", json=body, headers=headers), 422, "invalid_request")
        assert [fault["pointer"] for fault in problem["errors"]] == ["#Idempotency-Key"]
    assert (await client.get("/v1/generations", headers=visitor.key)).json()["data"] == []


async def test_the_longest_key_is_one(client: httpx.AsyncClient, visitor: Visitor) -> None:
    """255 characters, each of which counts."""
    first = await ask(client, visitor, idempotency_key="k" * 255)
    second = await ask(client, visitor, idempotency_key="k" * 254 + "l")
    assert (first.status_code, second.status_code, replayed(second)) == (201, 201, False)


async def test_a_replay_of_what_goes_on_is_202() -> None:
    """Whoever asks again before it is finished gets it as it stands, and whoever waits gets the picture."""
    held = Held()
    async with at_the_door(held) as (house, client, visitor):
        first = asyncio.create_task(ask(client, visitor, idempotency_key="order-42"))
        await held.begun.acquire()
        second = await ask(client, visitor, path="/v1/generations", idempotency_key="order-42")
        assert (second.status_code, second.headers["retry-after"], replayed(second)) == (202, "2", True)
        third = asyncio.create_task(ask(client, visitor, idempotency_key="order-42"))
        await asyncio.sleep(0)
        held.may_end.set()
        answers = [await first, await third]
        assert [(answer.status_code, replayed(answer)) for answer in answers] == [(201, False), (201, True)]
        assert {answer.json()["id"] for answer in answers} == {second.json()["id"]}
        assert len(house.provider.calls) == 1


async def test_a_replay_of_a_failure_is_the_failure() -> None:
    """The same problem of the same generation, marked as a replay: what may have been billed is not repeated."""
    async with at_the_door(NoImage(), ANSWER) as (house, client, visitor):
        first = await ask(client, visitor, idempotency_key="order-42")
        second = await ask(client, visitor, idempotency_key="order-42")
        problems = [assert_problem(answer, 502, "no_image") for answer in (first, second)]
        assert problems[0]["generation_id"] == problems[1]["generation_id"]
        assert (replayed(first), replayed(second)) == (False, True)
        assert len(house.provider.calls) == 1


async def test_a_replay_of_what_was_deleted_is_404(house: House, client: httpx.AsyncClient, visitor: Visitor) -> None:
    """It is not drawn again behind the back of whoever deleted it."""
    first = await ask(client, visitor, idempotency_key="order-42")
    assert (await client.delete(first.headers["location"], headers=visitor.key)).status_code == 204
    assert_problem(await ask(client, visitor, idempotency_key="order-42"), 404, "not_found")
    assert len(house.provider.calls) == 1


async def test_many_duplicates_at_once_are_one_generation(
    house: House, client: httpx.AsyncClient, visitor: Visitor
) -> None:
    """All of them are 201 with the same picture, exactly one is the first, and the provider is asked once."""
    answers = await asyncio.gather(*(ask(client, visitor, idempotency_key="order-42") for _ in range(100)))
    assert Counter(answer.status_code for answer in answers) == {201: 100}
    assert Counter(replayed(answer) for answer in answers) == {False: 1, True: 99}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(house.provider.calls) == 1


async def test_a_clients_own_retry_brings_the_same_generation(
    house: House, client: httpx.AsyncClient, visitor: Visitor
) -> None:
    """Official clients count: what they send after 0 is the same request, which they did not hear of."""
    first = await ask(client, visitor, x_stainless_retry_count="0")
    again = [await ask(client, visitor, x_stainless_retry_count=count) for count in ("1", "2")]
    assert [replayed(answer) for answer in (first, *again)] == [False, True, True]
    assert {answer.json()["id"] for answer in again} == {first.json()["id"]}
    assert len(house.provider.calls) == 1


async def test_a_clients_first_requests_are_new_ones(house: House, client: httpx.AsyncClient, visitor: Visitor) -> None:
    """However equal they are: whoever asks three times for a fox wants three."""
    answers = await asyncio.gather(*(ask(client, visitor, x_stainless_retry_count="0") for _ in range(30)))
    assert {(answer.status_code, replayed(answer)) for answer in answers} == {(201, False)}
    assert len({answer.json()["id"] for answer in answers}) == len(house.provider.calls) == 30


async def test_a_clients_retry_is_of_its_own_key(house: House, client: httpx.AsyncClient, visitor: Visitor) -> None:
    """Another API key of the same account is another program."""
    await ask(client, visitor, x_stainless_retry_count="0")
    made = await client.post("/v1/keys", json={}, headers=visitor.token)
    other = {"Authorization": f"Bearer {made.json()['key']}", "X-Stainless-Retry-Count": "1"}
    assert not replayed(await client.post("/v1/generate", json=FOX, headers=other))
    assert len(house.provider.calls) == 2


@pytest.mark.parametrize("count", ["x", "-1", "1.5", "99999"])
async def test_a_count_that_cannot_be_read_is_none(client: httpx.AsyncClient, visitor: Visitor, count: str) -> None:
    """A header that is not the service's own never stands in the way of a picture."""
    for _ in range(2):
        answer = await ask(client, visitor, x_stainless_retry_count=count)
        assert (answer.status_code, replayed(answer)) == (201, False)
