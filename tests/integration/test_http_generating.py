"""Asking for pictures over HTTP."""

import asyncio
from base64 import b64decode
from dataclasses import replace
from typing import Any

import httpx
import pytest

from builders import SettableClock
from generating import Held
from house import ANSWER, EASEL, PICTURE
from imagegen.adapters.memory import MemoryBlobStore
from imagegen.adapters.queues.in_process import InProcessQueue
from imagegen.adapters.storage.inline import InlineStore
from imagegen.domain.errors import (
    Billed,
    ContentBlocked,
    DeadlineExceeded,
    NoImage,
    NotFound,
    OutcomeUnknown,
    ProviderAccount,
    ProviderBusy,
    ProviderError,
    ProviderMisbehaved,
    ProviderUnreachable,
    Stage,
    StorageUnavailable,
)
from imagegen.domain.generations import Status
from imagegen.domain.images import ImageRequest
from imagegen.domain.ports import ProviderAnswer
from processes import a_place, until
from visitors import Visitor, assert_problem, at_the_door, generate, watching

PROMPT = "A cute banana wearing sunglasses"


class Reticent(MemoryBlobStore):
    """A store that takes what it is given and, while `silence` is set, hands nothing out."""

    silence: Exception | None = None

    async def get(self, location: str) -> bytes:
        """The bytes, if it is in the mood."""
        if self.silence is not None:
            raise self.silence
        return await super().get(location)


async def ask(client: httpx.AsyncClient, visitor: Visitor, **body: Any) -> httpx.Response:
    """Ask for a picture and wait for it."""
    return await client.post("/v1/generate", json={"prompt": PROMPT} | body, headers=visitor.key)


async def test_a_picture_comes_with_the_answer(client: httpx.AsyncClient, visitor: Visitor) -> None:
    """201 with the whole generation, its address and its id in the headers, and a link to bytes of the size told."""
    answer = await ask(client, visitor)
    assert answer.status_code == 201
    body = answer.json()
    assert answer.headers["location"] == f"/v1/generations/{body['id']}"
    assert answer.headers["x-imagegen-generation-id"] == body["id"]
    assert body["id"].startswith("gen_")
    assert (body["status"], body["prompt"], body["progress"]) == ("succeeded", PROMPT, 1.0)
    (image,) = body["images"]
    assert (image["width"], image["height"], image["content_type"]) == (64, 48, "image/png")
    assert (image["bytes"], image["generation_id"], image["source"]) == (len(PICTURE), body["id"], "generated")
    assert body["url"] == image["url"]
    assert (await client.get(body["url"])).content == PICTURE
    found = (await client.get(answer.headers["location"], headers=visitor.key)).json()
    assert found | {"url": body["url"], "images": body["images"]} == body


async def test_the_generation_has_every_member_that_was_promised(client: httpx.AsyncClient, visitor: Visitor) -> None:
    """Neither the generation nor its image lacks a member of the contract."""
    body = await generate(client, visitor, title="Fruit", tags=["a", "a"], metadata={"k": "v"}, external_id="42")
    assert body.keys() >= {
        *("id", "status", "prompt", "provider", "model", "requested", "applied", "adjustments", "images", "url"),
        *("cost_usd", "progress", "error", "title", "tags", "metadata", "external_id", "favorite", "created_at"),
        *("started_at", "finished_at"),
    }
    assert body["images"][0].keys() == {
        *("id", "generation_id", "source", "url", "width", "height", "content_type", "bytes", "sha256", "rating"),
        *("quality", "tags", "created_at"),
    }
    labels = {name: body[name] for name in ("title", "tags", "metadata", "external_id", "favorite")}
    assert labels == {
        "title": "Fruit", "tags": ["a"], "metadata": {"k": "v"}, "external_id": "42", "favorite": False
    }  # fmt: skip


async def test_what_was_asked_applied_and_adjusted_is_told(client: httpx.AsyncClient, visitor: Visitor) -> None:
    """A parameter the model lacks is left out with its reason; with `strict` the same is 422 and costs nothing."""
    wish = {"quality": "medium", "model": "easel", "seed": 7, "output_format": "webp"}
    body = await generate(client, visitor, **wish)
    assert body["requested"] == wish
    applied = {"model": "easel-1", "provider": "easel", "seed": 7, "output_format": "webp"}
    assert body["applied"] == applied
    assert [(a["parameter"], a["from"], a["to"]) for a in body["adjustments"]] == [
        ("model", "easel", "easel-1"),
        ("quality", "medium", None),
    ]
    assert all(adjustment["reason"] for adjustment in body["adjustments"])
    assert body["images"][0]["content_type"] == "image/webp"
    refused = await ask(client, visitor, quality="medium", strict=True)
    problem = assert_problem(refused, 422, "unsupported_parameters")
    assert [fault["pointer"] for fault in problem["errors"]] == ["/quality"]
    listed = (await client.get("/v1/generations", headers=visitor.key)).json()
    assert len(listed["data"]) == 1


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({}, "invalid_request", "/prompt"),
        ({"prompt": ""}, "invalid_request", "/prompt"),
        ({"prompt": " \n "}, "invalid_request", "/prompt"),
        ({"prompt": "x" * 32_001}, "invalid_request", "/prompt"),
        ({"prompt": 1}, "invalid_request", "/prompt"),
        ({"prompt": "x", "n": 0}, "invalid_request", "/n"),
        ({"prompt": "x", "n": 11}, "invalid_request", "/n"),
        ({"prompt": "x", "n": "3"}, "invalid_request", "/n"),
        ({"prompt": "x", "n": 1.5}, "invalid_request", "/n"),
        ({"prompt": "x", "n": True}, "invalid_request", "/n"),
        ({"prompt": "x", "size": "big"}, "invalid_request", "/size"),
        ({"prompt": "x", "size": "0x0"}, "invalid_request", "/size"),
        ({"prompt": "x", "size": "64x64\n"}, "invalid_request", "/size"),
        ({"prompt": "x", "aspect_ratio": "16:0"}, "invalid_request", "/aspect_ratio"),
        ({"prompt": "x", "aspect_ratio": "16:9\n"}, "invalid_request", "/aspect_ratio"),
        ({"prompt": "x", "size": "64x64", "aspect_ratio": "1:1"}, "invalid_request", "/aspect_ratio"),
        ({"prompt": "x", "quality": "best"}, "invalid_request", "/quality"),
        ({"prompt": "x", "style": "vivid"}, "invalid_request", "/style"),
        ({"prompt": "x", "output_format": "gif"}, "invalid_request", "/output_format"),
        ({"prompt": "x", "background": "pink"}, "invalid_request", "/background"),
        ({"prompt": "x", "seed": -1}, "invalid_request", "/seed"),
        ({"prompt": "x", "seed": 2**31}, "invalid_request", "/seed"),
        ({"prompt": "x", "response_format": "file"}, "invalid_request", "/response_format"),
        ({"prompt": "x", "strict": "true"}, "invalid_request", "/strict"),
        ({"prompt": "x", "priority": "urgent"}, "invalid_request", "/priority"),
        ({"prompt": "x", "deadline_seconds": 0}, "invalid_request", "/deadline_seconds"),
        ({"prompt": "x", "deadline_seconds": -1}, "invalid_request", "/deadline_seconds"),
        ({"prompt": "x", "deadline_seconds": 86_400.5}, "invalid_request", "/deadline_seconds"),
        ({"prompt": "x", "deadline_seconds": "60"}, "invalid_request", "/deadline_seconds"),
        ({"prompt": "x", "deadline_seconds": True}, "invalid_request", "/deadline_seconds"),
        ({"prompt": "x", "tags": ["a"] * 21}, "invalid_request", "/tags"),
        ({"prompt": "x", "tags": ["ok", "x" * 65]}, "invalid_request", "/tags/1"),
        ({"prompt": "x", "metadata": {"a": 1}}, "invalid_request", "/metadata"),
        ({"prompt": "x", "metadata": {str(i): "" for i in range(17)}}, "invalid_request", "/metadata"),
        ({"prompt": "x", "model": "unknown"}, "unknown_model", "/model"),
        ({"prompt": "x", "provider": "nobody"}, "unknown_model", "/provider"),
        ({"prompt": "x", "images": ["img_1"]}, "invalid_request", "/images"),
        ({"prompt": "x", "mask": "img_1"}, "invalid_request", "/mask"),
        ({"prompt": "x", "max_cost_usd": "1"}, "invalid_request", "/max_cost_usd"),
        ({"prompt": "x", "provider_options": {}}, "invalid_request", "/provider_options"),
        ({"prompt": "x", "a/b~c": 1}, "invalid_request", "/a~1b~0c"),
    ],
)
async def test_a_request_is_checked(
    client: httpx.AsyncClient, visitor: Visitor, body: dict[str, Any], code: str, pointer: str
) -> None:
    """What is missing, out of range, of another type, contradictory or unknown is 422 with a pointer to it."""
    answer = await client.post("/v1/generate", json=body, headers=visitor.key)
    problem = assert_problem(answer, 422, code)
    assert [fault["pointer"] for fault in problem["errors"]] == [pointer]
    assert problem["errors"][0]["message"]


async def test_the_longest_prompt_is_drawn(client: httpx.AsyncClient, visitor: Visitor) -> None:
    """32,000 characters after trimming, in any script, go through."""
    body = await generate(client, visitor, prompt=" " + "🦊" * 32_000 + "\n")
    assert body["prompt"] == "🦊" * 32_000


async def test_asking_without_waiting_answers_at_once() -> None:
    """`/v1/generations` is 202 with the generation as it stands and where to look again; it is drawn all the same."""
    done = asyncio.Event()

    async def slow(_: ImageRequest, __: int) -> ProviderAnswer:
        await done.wait()
        return ANSWER

    async with at_the_door(slow) as (house, client, visitor):
        await a_place(house)
        for credential in (visitor.key, visitor.token):
            answer = await client.post("/v1/generations", json={"prompt": PROMPT}, headers=credential)
            assert answer.status_code == 202
            assert answer.headers["retry-after"] == "2"
            assert (answer.json()["status"], answer.json()["started_at"] is None) == ("running", False)
            assert answer.headers["location"] == f"/v1/generations/{answer.json()['id']}"
            assert (answer.json()["url"], answer.json()["images"], answer.json()["progress"]) == (None, [], 0.0)
            with watching(house, answer.json()["id"]) as watch:
                done.set()
                assert await watch.outcome(60)
            found = (await client.get(answer.headers["location"], headers=visitor.key)).json()
            assert found["status"] == "succeeded"
            done.clear()


async def test_what_did_not_start_in_time_is_given_up() -> None:
    """`deadline_seconds` is for the start: a caller who still waits then gets 504 `deadline_exceeded`, not billed."""
    held = Held()
    async with at_the_door(held, queue=InProcessQueue(concurrency=2, grace=1.0)) as (house, client, visitor):
        await a_place(house)
        running = await client.post(
            "/v1/generations", json={"prompt": PROMPT, "deadline_seconds": 9}, headers=visitor.key
        )
        waiting = asyncio.create_task(ask(client, visitor, deadline_seconds=9.5))
        await until(lambda: queued(client, visitor))
        house.clock.advance(seconds=9.5)
        await house.application.ring_again()
        problem = assert_problem(await waiting, 504, "deadline_exceeded")
        assert (problem["billed"], problem["retryable"]) == ("no", True)
        held.may_end.set()
        with watching(house, running.json()["id"]) as watch:
            ended = await watch.outcome(60)
        assert ended is not None
        assert ended.status is Status.SUCCEEDED
        assert len(house.provider.calls) == 1


async def queued(client: httpx.AsyncClient, visitor: Visitor) -> bool:
    """Whether something waits for its turn."""
    return bool((await client.get("/v1/generations?status=queued", headers=visitor.key)).json()["data"])


@pytest.mark.parametrize(
    ("path", "prefer", "status"),
    [
        ("/v1/generate", "wait=0", 202),
        ("/v1/generate", "respond-async, wait=0", 202),
        ("/v1/generate", "wait=nonsense", 201),
        ("/v1/generations", "wait=60", 201),
        ("/v1/generations", "wait=0", 202),
    ],
)
async def test_prefer_says_how_long_to_wait(
    client: httpx.AsyncClient, visitor: Visitor, path: str, prefer: str, status: int
) -> None:
    """`Prefer: wait=N` overrides both routes' habits; a preference that cannot be read is none."""
    answer = await client.post(path, json={"prompt": PROMPT}, headers=visitor.key | {"Prefer": prefer})
    assert answer.status_code == status


async def test_generate_takes_keys_only(client: httpx.AsyncClient, visitor: Visitor) -> None:
    """The door for programs wants an API key: an access token is 401 there and fine at `/v1/generations`."""
    refused = await client.post("/v1/generate", json={"prompt": PROMPT}, headers=visitor.token)
    assert_problem(refused, 401, "invalid_api_key")
    asked = await client.post("/v1/generations", json={"prompt": PROMPT}, headers=visitor.token)
    assert asked.status_code == 202


async def test_the_bytes_can_come_along(client: httpx.AsyncClient, visitor: Visitor) -> None:
    """`b64_json` adds the bytes to each image beside its link; `data_url` puts them where the link would be."""
    (image,) = (await generate(client, visitor, response_format="b64_json"))["images"]
    assert b64decode(image["b64_json"]) == PICTURE
    assert image["url"].startswith("http://testserver/v1/images/")
    body = await generate(client, visitor, response_format="data_url", n=2)
    for image in body["images"]:
        assert b64decode(image["url"].removeprefix("data:image/png;base64,")) == PICTURE
    assert body["url"] == body["images"][0]["url"]


@pytest.mark.parametrize("response_format", ["b64_json", "data_url"])
@pytest.mark.parametrize("gone", [StorageUnavailable(), NotFound()], ids=repr)
async def test_bytes_that_cannot_come_along_hide_no_picture(gone: Exception, response_format: str) -> None:
    """When the store cannot hand out what it has just taken, 201 with the plain link and without the bytes."""
    store = Reticent(SettableClock())
    async with at_the_door(blobs=store) as (_, client, visitor):
        store.silence = gone
        body = await generate(client, visitor, response_format=response_format)
        (image,) = body["images"]
        assert "b64_json" not in image
        assert image["url"].startswith("http://testserver/v1/images/")
        store.silence = None
        assert (await client.get(body["url"])).content == PICTURE


async def test_without_a_store_links_are_data() -> None:
    """With pictures kept in their own location, `url` is a `data:` URL."""
    async with at_the_door(blobs=InlineStore()) as (_, client, visitor):
        body = await generate(client, visitor)
        assert b64decode(body["url"].removeprefix("data:image/png;base64,")) == PICTURE


async def test_several_pictures_come_in_one_generation(client: httpx.AsyncClient, visitor: Visitor) -> None:
    """`n` works with a model that draws one at a time, and each call is on record."""
    body = await generate(client, visitor, n=3)
    assert (len(body["images"]), body["adjustments"], body["cost_usd"]) == (3, [], "0")
    attempts = (await client.get(f"/v1/generations/{body['id']}/attempts", headers=visitor.key)).json()["data"]
    assert [attempt["number"] for attempt in attempts] == [1, 2, 3]
    assert attempts[0].keys() == {
        *("id", "number", "provider", "model", "images", "started_at", "finished_at", "outcome", "billed"),
        *("cost_usd", "provider_request_id", "error_code"),
    }
    assert {(a["outcome"], a["billed"], a["provider_request_id"]) for a in attempts} == {("succeeded", "yes", "call-1")}


async def test_some_pictures_of_several_are_a_success() -> None:
    """When some of `n` fail, 201 with the others and an adjustment that says why there are fewer."""
    async with at_the_door(ANSWER, NoImage(billed=Billed.NO), ANSWER) as (_, client, visitor):
        body = await generate(client, visitor, n=3)
        assert len(body["images"]) == 2
        assert body["adjustments"] == [{"parameter": "n", "from": 3, "to": 2, "reason": NoImage.title}]


@pytest.mark.parametrize(
    ("error", "status", "code", "billed"),
    [
        (ContentBlocked(billed=Billed.YES, provider_code="SAFETY"), 422, "content_blocked", "yes"),
        (ContentBlocked(billed=Billed.NO, stage=Stage.OUTPUT), 422, "content_blocked", "no"),
        (NoImage(), 502, "no_image", "unknown"),
        (ProviderBusy(retry_after=7), 503, "provider_busy", "no"),
        (ProviderUnreachable(billed=Billed.NO), 502, "provider_unreachable", "no"),
        (ProviderMisbehaved(), 502, "provider_misbehaved", "unknown"),
        (ProviderAccount(), 502, "provider_account", "no"),
        (OutcomeUnknown(), 504, "outcome_unknown", "unknown"),
        (DeadlineExceeded(), 504, "deadline_exceeded", "no"),
    ],
)
async def test_a_failure_is_the_right_problem(error: ProviderError, status: int, code: str, billed: str) -> None:
    """Each failure has its status and says whether it was billed; the history tells the same of it."""
    async with at_the_door(error) as (_, client, visitor):
        answer = await ask(client, visitor)
        problem = assert_problem(answer, status, code)
        assert (problem["billed"], problem["provider"], problem["retryable"]) == (billed, "easel", error.retryable)
        assert problem.get("provider_code") == error.provider_code
        assert answer.headers["location"] == f"/v1/generations/{problem['generation_id']}"
        assert answer.headers["x-imagegen-generation-id"] == problem["generation_id"]
        if status == 503:
            assert int(answer.headers["retry-after"]) == problem["retry_after"] > 0
        kept = (await client.get(answer.headers["location"], headers=visitor.key)).json()
        assert kept["status"] == "failed"
        assert kept["error"] == {
            "code": code,
            "detail": problem["detail"],
            "stage": str(error.stage),
            "retryable": error.retryable,
            "billed": billed,
            "provider_code": error.provider_code,
        }


async def test_a_store_that_is_away_is_503() -> None:
    """A picture that was paid for and cannot be stored is 503 `storage_unavailable`, billed."""
    store = MemoryBlobStore(SettableClock())
    async with at_the_door(blobs=store) as (_, client, visitor):
        store.failure = StorageUnavailable()
        problem = assert_problem(await ask(client, visitor), 503, "storage_unavailable")
        assert (problem["billed"], problem["retryable"]) == ("yes", True)


async def test_what_is_no_picture_is_502() -> None:
    """An answer that cannot be read as a picture is 502 `provider_misbehaved`."""
    async with at_the_door(replace(ANSWER, pictures=(b"<html>",))) as (_, client, visitor):
        assert_problem(await ask(client, visitor), 502, "provider_misbehaved")


async def test_a_missing_credential_of_the_operators_is_named() -> None:
    """A provider that is not configured is 503 with the name of the variable, and nothing is remembered."""
    gemini = replace(EASEL, id="gemini-x", provider="gemini", aliases=())
    async with at_the_door(models=(EASEL, gemini), missing={"gemini": ("GOOGLE_API_KEY",)}) as (_, client, visitor):
        for wish in ({"model": "gemini-x"}, {"provider": "gemini"}):
            answer = await ask(client, visitor, **wish)
            problem = assert_problem(answer, 503, "provider_not_configured")
            assert "GOOGLE_API_KEY" in problem["detail"]
            assert problem["provider"] == "gemini"
            assert "retry-after" not in answer.headers
        assert (await client.get("/v1/generations", headers=visitor.key)).json()["data"] == []


async def test_a_defect_in_a_provider_shows_nothing_of_it() -> None:
    """An exception nobody foresaw is 504 `outcome_unknown` without a word of its text."""

    async def broken(request: ImageRequest, _: int) -> ProviderAnswer:
        raise ValueError(f"https://internal.example.com said no to {request.prompt}")

    async with at_the_door(broken) as (_, client, visitor):
        answer = await ask(client, visitor)
        assert_problem(answer, 504, "outcome_unknown")
        assert "internal" not in answer.text


async def test_a_client_that_disconnects_loses_nothing() -> None:
    """Cutting the connection while waiting leaves the job running; the picture is in the history."""
    begun, done = asyncio.Event(), asyncio.Event()

    async def slow(_: ImageRequest, __: int) -> ProviderAnswer:
        begun.set()
        await done.wait()
        return ANSWER

    async with at_the_door(slow) as (house, client, visitor):
        waiting = asyncio.create_task(ask(client, visitor))
        await begun.wait()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        (running,) = (await client.get("/v1/generations", headers=visitor.key)).json()["data"]
        assert running["status"] == "running"
        with watching(house, running["id"]) as watch:
            done.set()
            assert await watch.outcome(60)
        found = (await client.get(f"/v1/generations/{running['id']}", headers=visitor.key)).json()
        assert (await client.get(found["url"])).content == PICTURE
        assert len(house.provider.calls) == 1


async def test_relabeling_what_runs_keeps_its_picture() -> None:
    """A `PATCH` while the provider draws is 200, and the generation ends with both its picture and its new title."""
    begun, done = asyncio.Event(), asyncio.Event()

    async def slow(_: ImageRequest, __: int) -> ProviderAnswer:
        begun.set()
        await done.wait()
        return ANSWER

    async with at_the_door(slow) as (_, client, visitor):
        waiting = asyncio.create_task(ask(client, visitor))
        await begun.wait()
        (running,) = (await client.get("/v1/generations", headers=visitor.key)).json()["data"]
        path = f"/v1/generations/{running['id']}"
        assert (await client.patch(path, json={"title": "new"}, headers=visitor.key)).status_code == 200
        done.set()
        body = (await waiting).json()
        assert (body["status"], body["title"], len(body["images"])) == ("succeeded", "new", 1)
