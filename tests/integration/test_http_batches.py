"""Batches over HTTP."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from generating import Held
from house import ANSWER, a_house
from imagegen.adapters.memory import MemoryDatabase
from imagegen.adapters.queues.in_process import InProcessQueue
from imagegen.domain.errors import Billed, DatabaseUnavailable, NoImage
from imagegen.domain.generations import Generation
from imagegen.domain.identifiers import BatchId
from imagegen.domain.images import ImageRequest
from imagegen.domain.ports import ProviderAnswer, UnitOfWork
from imagegen.web.app import WebOptions
from imagegen.web.bodies import LARGEST_BATCH, LARGEST_BODY
from ringing import LONG
from visitors import Visitor, assert_problem, at_the_door, bearer, listen, register

MEMBERS = {"id", "status", "total", "counts", "created_at", "canceled_at", "finished_at"}
STATES = ("queued", "running", "succeeded", "failed", "canceled")


class Broken(MemoryDatabase):
    """A database that, while it is `broken`, reads only the first part of what is read in parts."""

    broken = False

    def unit_of_work(self) -> UnitOfWork:
        """A unit of work that stumbles over the second part."""
        work = super().unit_of_work()
        results = work.batches.results

        async def first_results(batch_id: BatchId, *, after: int = -1, limit: int) -> Sequence[Generation]:
            if self.broken and after >= 0:
                raise DatabaseUnavailable
            return await results(batch_id, after=after, limit=limit)

        work.batches.results = first_results  # type: ignore[method-assign]  # this is the fault that is played
        return work


def requests(count: int, **members: Any) -> dict[str, Any]:
    """The body of a batch of so many."""
    return {"requests": [{"prompt": f"fox {n}", "external_id": f"order-{n}"} | members for n in range(count)]}


async def submit(client: httpx.AsyncClient, visitor: Visitor, count: int = 3, **members: Any) -> dict[str, Any]:
    """A batch that was taken."""
    answer = await client.post("/v1/batches", json=requests(count, **members), headers=visitor.key)
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


async def read(client: httpx.AsyncClient, visitor: Visitor, batch: dict[str, Any]) -> dict[str, Any]:
    """The batch as it stands."""
    answer = await client.get(f"/v1/batches/{batch['id']}", headers=visitor.key)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def finished(client: httpx.AsyncClient, visitor: Visitor, batch: dict[str, Any]) -> dict[str, Any]:
    """The batch when it is finished."""
    async with asyncio.timeout(LONG):
        while (now := await read(client, visitor, batch))["finished_at"] is None:  # noqa: ASYNC110 - as a client does
            await asyncio.sleep(0)
    return now


async def results(client: httpx.AsyncClient, visitor: Visitor, batch: dict[str, Any]) -> list[dict[str, Any]]:
    """What came of it so far."""
    answer = await client.get(f"/v1/batches/{batch['id']}/results", headers=visitor.key)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/jsonl")
    assert not answer.text or answer.text.endswith("\n")
    return [json.loads(line) for line in answer.text.splitlines()]


def counts(**numbers: int) -> dict[str, int]:
    """The counts of a batch, 0 where nothing is said."""
    return {state: numbers.get(state, 0) for state in STATES}


async def test_a_batch_from_one_end_to_the_other(client: httpx.AsyncClient, visitor: Visitor) -> None:
    """It is taken with 202, read under its address until it is finished, and its results are told in their order."""
    answer = await client.post("/v1/batches", json=requests(3), headers=visitor.key)
    assert answer.status_code == 202
    batch = answer.json()
    assert answer.headers["location"] == f"/v1/batches/{batch['id']}"
    assert batch.keys() == MEMBERS
    assert batch["id"].startswith("bat_")
    assert (batch["status"], batch["total"], batch["counts"]) == ("queued", 3, counts(queued=3))
    ended = await finished(client, visitor, batch)
    assert (ended["status"], ended["counts"], ended["canceled_at"]) == ("finished", counts(succeeded=3), None)
    listed = (await client.get("/v1/batches", headers=visitor.token)).json()
    assert listed == {"data": [ended], "next_cursor": None}
    lines = await results(client, visitor, batch)
    assert [(line["index"], line["external_id"]) for line in lines] == [(n, f"order-{n}") for n in range(3)]
    for line in lines:
        generation = line["generation"]
        assert (generation["status"], generation["batch_id"]) == ("succeeded", batch["id"])
        assert generation["prompt"] == f"fox {line['index']}"
        assert (await client.get(generation["url"])).status_code == 200
        found = (await client.get(f"/v1/generations/{generation['id']}", headers=visitor.key)).json()
        assert found | {"url": generation["url"], "images": generation["images"]} == generation


async def test_a_failure_is_a_result_like_any_other() -> None:
    """A request that brought no picture has a line that says why, and whether it was billed."""
    async with at_the_door(ANSWER, NoImage(billed=Billed.YES), ANSWER) as (_, client, visitor):
        batch = await submit(client, visitor)
        ended = await finished(client, visitor, batch)
        assert ended["counts"] == counts(succeeded=2, failed=1)
        (failure,) = [line for line in await results(client, visitor, batch) if line["generation"]["error"]]
        assert (failure["generation"]["error"]["code"], failure["generation"]["error"]["billed"]) == ("no_image", "yes")


async def test_results_are_told_while_it_runs() -> None:
    """What has ended has its line at once; what runs or waits has none."""
    held = Held()

    async def draw(request: ImageRequest, count: int) -> ProviderAnswer:
        return await held(request, count) if request.prompt == "fox 0" else ANSWER

    async with at_the_door(draw, queue=InProcessQueue(concurrency=8, grace=0)) as (_, client, visitor):
        batch = await submit(client, visitor)
        await held.begun.acquire()
        async with asyncio.timeout(LONG):
            while (now := await read(client, visitor, batch))["counts"]["succeeded"] < 2:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0)
        assert (now["status"], now["counts"]) == ("running", counts(running=1, succeeded=2))
        assert [line["index"] for line in await results(client, visitor, batch)] == [1, 2]
        held.may_end.set()
        await finished(client, visitor, batch)
        assert [line["index"] for line in await results(client, visitor, batch)] == [0, 1, 2]


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"prompt": " "}, "/requests/1/prompt"),
        ({"prompt": 7}, "/requests/1/prompt"),
        ({"prompt": "x" * 32_001}, "/requests/1/prompt"),
        ({"promt": "fox"}, "/requests/1/promt"),
        ({"n": 11}, "/requests/1/n"),
        ({"model": "brush-9"}, "/requests/1/model"),
        ({"size": "1024x1024", "aspect_ratio": "1:1"}, "/requests/1/aspect_ratio"),
        ({"response_format": "b64_json"}, "/requests/1/response_format"),
        ({"tags": ["a", ""]}, "/requests/1/tags/1"),
    ],
)
async def test_one_that_is_wrong_refuses_all(
    client: httpx.AsyncClient, visitor: Visitor, wrong: dict[str, Any], pointer: str
) -> None:
    """422 with a pointer to what is wrong, and nothing was taken."""
    body = requests(3)
    body["requests"][1] |= wrong
    problem = assert_problem(await client.post("/v1/batches", json=body, headers=visitor.key), 422, "invalid_request")
    assert problem["errors"][0]["pointer"] == pointer
    for address in ("/v1/batches", "/v1/generations"):
        assert (await client.get(address, headers=visitor.key)).json()["data"] == []


async def test_every_request_that_is_malformed_is_told_of(client: httpx.AsyncClient, visitor: Visitor) -> None:
    """Each of the errors says what is wrong with which, whatever is wrong with the others."""
    body = requests(7)
    wrongs: dict[int, dict[str, Any]] = {1: {"prompt": ""}, 2: {"size": "1x"}, 4: {"nope": 1}, 6: {"tags": ["a", " "]}}
    for index, wrong in wrongs.items():
        body["requests"][index] |= wrong
    problem = assert_problem(await client.post("/v1/batches", json=body, headers=visitor.key), 422, "invalid_request")
    assert problem["errors"] == [
        {"pointer": "/requests/1/prompt", "message": "Expected `str` of length >= 1"},
        {"pointer": "/requests/2/size", "message": "A size is like 1024x1024, or auto."},
        {"pointer": "/requests/4/nope", "message": "There is no such member."},
        {"pointer": "/requests/6/tags/1", "message": "A tag has no space at its ends and no line break."},
    ]


async def test_a_form_is_explained_wherever_it_lies(client: httpx.AsyncClient, visitor: Visitor) -> None:
    """What a size looks like is told within a batch as it is outside of one."""
    answer = await client.post("/v1/batches", json=requests(1, size="large"), headers=visitor.key)
    (error,) = assert_problem(answer, 422, "invalid_request")["errors"]
    assert error == {"pointer": "/requests/0/size", "message": "A size is like 1024x1024, or auto."}


@pytest.mark.parametrize("body", [{}, {"requests": []}, requests(1001), requests(1) | {"priority": "low"}])
async def test_a_batch_has_one_to_a_thousand_requests(
    client: httpx.AsyncClient, visitor: Visitor, body: dict[str, Any]
) -> None:
    """Anything else is 422."""
    assert_problem(await client.post("/v1/batches", json=body, headers=visitor.key), 422, "invalid_request")


async def test_a_thousand_long_prompts_are_taken() -> None:
    """The body of a batch may be larger than that of anything else, and no larger than it may be."""
    async with at_the_door(ANSWER, queue=InProcessQueue(concurrency=1)) as (house, client, visitor):
        body = json.dumps(requests(1000, negative_prompt="x" * 7_900)).encode()
        assert LARGEST_BODY < len(body) < LARGEST_BATCH
        headers = {"Content-Type": "application/json", **visitor.key}
        answer = await client.post("/v1/batches", content=body, headers=headers)
        assert (answer.status_code, answer.json()["total"]) == (202, 1000)
        padded = body + b" " * (LARGEST_BATCH - len(body) + 1)
        assert_problem(await client.post("/v1/batches", content=padded, headers=headers), 413, "body_too_large")
        doubled = body.replace(b'"requests"', b'"requests": [], "requests"', 1)
        assert_problem(await client.post("/v1/batches", content=doubled, headers=headers), 400, "malformed_json")
        assert (await client.post("/v1/batches", content=padded[:-1], headers=headers)).status_code == 202
        assert house.lines


async def test_the_same_batch_is_taken_once(client: httpx.AsyncClient, visitor: Visitor) -> None:
    """With the same key and body it is the first one again, which the answer says; with another body it is 422."""
    headers = visitor.key | {"Idempotency-Key": "order-42"}
    first = await client.post("/v1/batches", json=requests(2), headers=headers)
    again = await client.post("/v1/batches", json=requests(2), headers=headers)
    assert (first.status_code, again.status_code) == (202, 202)
    assert "idempotent-replayed" not in first.headers
    assert (again.headers["idempotent-replayed"], again.headers["location"]) == ("true", first.headers["location"])
    other = await client.post("/v1/batches", json=requests(3), headers=headers)
    assert_problem(other, 422, "idempotency_key_reused")
    single = await client.post("/v1/generations", json={"prompt": "fox"}, headers=headers)
    assert_problem(single, 422, "idempotency_key_reused")
    assert len((await client.get("/v1/generations", headers=visitor.key)).json()["data"]) == 2


async def test_a_batch_is_taken_back() -> None:
    """200 with all of it ended, each time; what ran may have been billed, what waited was not."""
    held = Held()
    async with at_the_door(held, queue=InProcessQueue(concurrency=8, grace=0)) as (_, client, visitor):
        webhook = await listen(client, visitor, events=["batch.finished"])
        batch = await submit(client, visitor, 5)
        for _ in range(2):
            await held.begun.acquire()
        answers = [await client.post(f"/v1/batches/{batch['id']}/cancel", headers=visitor.key) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 200]
        canceled = answers[0].json()
        assert answers[1].json() == canceled == await read(client, visitor, batch)
        assert (canceled["status"], canceled["counts"]) == ("canceled", counts(canceled=5))
        assert canceled["canceled_at"]
        assert canceled["finished_at"]
        lines = await results(client, visitor, batch)
        billed = [line["generation"]["error"]["billed"] for line in lines]
        assert sorted(billed) == ["no", "no", "no", "unknown", "unknown"]
        deliveries = f"/v1/webhooks/{webhook['id']}/deliveries"
        (delivery,) = (await client.get(deliveries, headers=visitor.key)).json()["data"]
        assert delivery["payload"]["type"] == "batch.finished"
        assert delivery["payload"]["data"] == {name: canceled[name] for name in ("id", "status", "total", "counts")}


@pytest.mark.parametrize("name", ["bat_", "bat_1", "gen_01946961-4a35-7b34-9f6a-1c2d3e4f5a6b", None])
async def test_what_is_not_there_is_not_told_from_what_is_somebody_elses(
    client: httpx.AsyncClient, visitor: Visitor, name: str | None
) -> None:
    """404 for a batch of somebody else's, for none, and for what is no name of one."""
    name = name or (await submit(client, visitor))["id"]
    other = await register(client)
    for method, ending in (("GET", ""), ("GET", "/results"), ("POST", "/cancel")):
        answer = await client.request(method, f"/v1/batches/{name}{ending}", headers=other.key)
        assert_problem(answer, 404, "not_found")
    assert (await client.get("/v1/batches", headers=other.key)).json()["data"] == []


async def test_a_key_needs_the_right_scope(client: httpx.AsyncClient, visitor: Visitor) -> None:
    """Handing in and taking back take `generate`, looking takes `read`; without a credential there is nothing."""
    batch = await submit(client, visitor)
    keys = {}
    for scope in ("generate", "read"):
        made = await client.post("/v1/keys", json={"scopes": [scope]}, headers=visitor.token)
        keys[scope] = bearer(made.json()["key"])
    calls = {
        ("POST", "/v1/batches"): "generate",
        ("POST", f"/v1/batches/{batch['id']}/cancel"): "generate",
        ("GET", "/v1/batches"): "read",
        ("GET", f"/v1/batches/{batch['id']}"): "read",
        ("GET", f"/v1/batches/{batch['id']}/results"): "read",
    }
    for (method, address), scope in calls.items():
        body = requests(1) if address == "/v1/batches" and method == "POST" else None
        for held, headers in keys.items():
            answer = await client.request(method, address, json=body, headers=headers)
            assert answer.is_success is (held == scope)
            if held != scope:
                assert_problem(answer, 403, "scope_missing")
        assert_problem(await client.request(method, address, json=body), 401, "credentials_missing")


async def test_prompts_are_logged_only_where_wished(caplog: pytest.LogCaptureFixture) -> None:
    """With the operator's switch each prompt is logged with its batch and place, without it none is."""
    caplog.set_level("INFO", "imagegen.prompts")
    async with at_the_door() as (_, client, visitor):
        await submit(client, visitor)
    options = WebOptions(hosts=("testserver",), log_prompts=True)
    async with at_the_door(options=options) as (_, client, visitor):
        batch = await submit(client, visitor, 2)
    asked = [vars(record) for record in caplog.records if record.name == "imagegen.prompts"]
    logged = [(record["batch"], record["index"], record["prompt"]) for record in asked]
    assert logged == [(batch["id"], 0, "fox 0"), (batch["id"], 1, "fox 1")]


async def test_results_that_break_off_have_no_end() -> None:
    """When the database goes away in the middle, the client is not left to take what came for all there is."""
    database = Broken()
    house = a_house(database=database, options=WebOptions(hosts=("*",)))
    async with house.listening() as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        visitor = await register(client)
        batch = await submit(client, visitor, 150)
        await finished(client, visitor, batch)
        database.broken = True
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
            await client.get(f"/v1/batches/{batch['id']}/results", headers=visitor.key)
        database.broken = False
        assert len(await results(client, visitor, batch)) == 150
