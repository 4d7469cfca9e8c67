"""The history of generations over HTTP."""

import asyncio
from typing import Any

import httpx
import pytest

from builders import NOW, new_id
from generating import pictures
from house import ANSWER, House, a_house
from imagegen.domain.images import ImageRequest
from imagegen.domain.ports import ProviderAnswer
from visitors import Visitor, assert_problem, generate, register


async def listed(client: httpx.AsyncClient, visitor: Visitor, **query: Any) -> list[str]:
    """The ids that a list has."""
    answer = await client.get("/v1/generations", params=query, headers=visitor.key)
    assert answer.status_code == 200, answer.text
    return [generation["id"] for generation in answer.json()["data"]]


async def test_the_list_is_filtered_and_sorted(client: httpx.AsyncClient, house: House, visitor: Visitor) -> None:
    """Every filter of the contract finds what it names; `sort` turns the order round."""
    fox = (await generate(client, visitor, prompt="A red fox", tags=["animal"], title="Reynard"))["id"]
    house.clock.advance(hours=1)
    owl = (await generate(client, visitor, prompt="A brown owl", tags=["animal", "bird"]))["id"]
    await client.patch(f"/v1/generations/{owl}", json={"favorite": True}, headers=visitor.key)
    noon = (NOW.replace(minute=30)).isoformat()
    for query, found in (
        ({}, [owl, fox]),
        ({"sort": "created_at"}, [fox, owl]),
        ({"sort": "-created_at"}, [owl, fox]),
        ({"status": "succeeded"}, [owl, fox]),
        ({"status": "failed"}, []),
        ({"provider": "easel", "model": "easel-1"}, [owl, fox]),
        ({"provider": "openai"}, []),
        ({"tag": "bird"}, [owl]),
        ({"favorite": "true"}, [owl]),
        ({"favorite": "false"}, [fox]),
        ({"q": "REYNARD"}, [fox]),
        ({"q": "a brown"}, [owl]),
        ({"created_after": noon}, [owl]),
        ({"created_before": noon}, [fox]),
        ({"created_before": "2026-03-14T16:30:00+01:00"}, [fox]),
        ({"tag": "animal", "q": "red", "favorite": "false"}, [fox]),
    ):
        assert await listed(client, visitor, **query) == found, query


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"status": "done"}, "#status"),
        ({"status": "null"}, "#status"),
        ({"favorite": "NULL"}, "#favorite"),
        ({"favorite": "maybe"}, "#favorite"),
        ({"sort": "title"}, "#sort"),
        ({"created_after": "yesterday"}, "#created_after"),
        ({"created_after": "2026-03-14T15:00:00"}, "#created_after"),
        ({"created_before": "1773500000"}, "#created_before"),
        ({"created_before": "0001-01-01T00:00:00+14:00"}, "#created_before"),
        ({"q": "x" * 501}, "#q"),
        ({"tag": "x" * 65}, "#tag"),
    ],
)
async def test_a_filter_is_checked(
    client: httpx.AsyncClient, visitor: Visitor, query: dict[str, str], pointer: str
) -> None:
    """An unknown state, a moment without an offset or beyond the calendar, and what is too long are 422."""
    answer = await client.get("/v1/generations", params=query, headers=visitor.key)
    assert [fault["pointer"] for fault in assert_problem(answer, 422, "invalid_request")["errors"]] == [pointer]


async def test_nul_cannot_be_looked_for(client: httpx.AsyncClient, visitor: Visitor) -> None:
    """A NUL in the query is 400, before any store is asked about it."""
    answer = await client.get("/v1/generations", params={"q": "a\0b"}, headers=visitor.key)
    assert_problem(answer, 400, "malformed_request")


async def test_the_list_is_paged_in_both_directions(client: httpx.AsyncClient, visitor: Visitor) -> None:
    """Following `next_cursor` gives every row once, also while others are added."""
    ids = [(await generate(client, visitor))["id"] for _ in range(5)]
    for sort, expected in (("-created_at", ids[::-1]), ("created_at", ids)):
        seen: list[str] = []
        query: dict[str, Any] = {"limit": 2, "sort": sort}
        while True:
            page = (await client.get("/v1/generations", params=query, headers=visitor.key)).json()
            seen += [generation["id"] for generation in page["data"]]
            if page["next_cursor"] is None:
                break
            query["cursor"] = page["next_cursor"]
        assert seen == expected


async def test_labels_are_changed_where_they_are_told_to(client: httpx.AsyncClient, visitor: Visitor) -> None:
    """`PATCH` changes what it names, `null` clears, the rest stays; what is no label is 422."""
    path = f"/v1/generations/{(await generate(client, visitor, title='one', metadata={'a': 'b'}))['id']}"

    async def patch(**body: Any) -> httpx.Response:
        return await client.patch(path, json=body, headers=visitor.token)

    changed = (await patch(title="two", tags=["x", "y"], favorite=True)).json()
    assert (changed["title"], changed["tags"], changed["favorite"]) == ("two", ["x", "y"], True)
    assert changed["metadata"] == {"a": "b"}
    cleared = (await patch(title=None, metadata=None, tags=[])).json()
    assert (cleared["title"], cleared["metadata"], cleared["tags"], cleared["favorite"]) == (None, {}, [], True)
    for body, pointer in (
        ({"favorite": None}, "/favorite"),
        ({"title": "x" * 201}, "/title"),
        ({"prompt": "x"}, "/prompt"),
        ({"tags": [" "]}, "/tags/0"),
        ({"tags": ["a\u200bb"]}, "/tags"),
    ):
        assert assert_problem(await patch(**body), 422, "invalid_request")["errors"][0]["pointer"] == pointer


async def test_deleting_removes_the_bytes_and_keeps_the_usage(
    client: httpx.AsyncClient, house: House, visitor: Visitor
) -> None:
    """204; then the generation, its image and its link are 404 and the bytes are gone; the usage stays."""
    generation = await generate(client, visitor)
    path = f"/v1/generations/{generation['id']}"
    answer = await client.delete(path, headers=visitor.key)
    assert (answer.status_code, answer.content) == (204, b"")
    for gone in (path, f"{path}/attempts", f"/v1/images/{generation['images'][0]['id']}"):
        assert_problem(await client.get(gone, headers=visitor.key), 404, "not_found")
    assert_problem(await client.get(generation["url"]), 404, "not_found")
    assert_problem(await client.delete(path, headers=visitor.key), 404, "not_found")
    assert await pictures(house) == set()
    usage = (await client.get("/v1/usage", headers=visitor.key)).json()["data"]
    assert [bucket["requests"] for bucket in usage] == [1]


async def test_what_has_not_ended_cannot_be_deleted() -> None:
    """A generation that is still being drawn is 409 to delete and survives clearing the history."""
    forever = asyncio.Event()

    async def slow(_: ImageRequest, __: int) -> ProviderAnswer:
        await forever.wait()
        return ANSWER

    async with a_house(ANSWER, slow).client() as client:
        visitor = await register(client)
        done = await generate(client, visitor)
        waiting = await client.post("/v1/generations", json={"prompt": "owl"}, headers=visitor.key)
        path = waiting.headers["location"]
        assert_problem(await client.delete(path, headers=visitor.key), 409, "illegal_transition")
        assert (await client.delete("/v1/generations", headers=visitor.key)).status_code == 204
        assert await listed(client, visitor) == [waiting.json()["id"]]
        assert_problem(await client.get(done["url"]), 404, "not_found")


async def test_somebody_elses_generation_answers_as_a_missing_one(client: httpx.AsyncClient, visitor: Visitor) -> None:
    """Reading, relabeling and deleting it are 404 with the same body as for an id that nobody has."""
    stranger = await register(client)
    generation = (await generate(client, visitor))["id"]
    answers = []
    for name in (generation, f"gen_{new_id()}", "gen_1", generation.upper(), "nothing"):
        path = f"/v1/generations/{name}"
        for method, suffix, body in (
            ("GET", "", None),
            ("GET", "/attempts", None),
            ("PATCH", "", {"title": "mine"}),
            ("DELETE", "", None),
        ):
            for credential in (stranger.key, stranger.token):
                answer = await client.request(method, path + suffix, json=body, headers=credential)
                problem = assert_problem(answer, 404, "not_found")
                answers.append({key: problem[key] for key in problem.keys() - {"request_id", "instance"}})
    assert all(answer == answers[0] for answer in answers)
    assert await listed(client, visitor) == [generation]
    assert await listed(client, stranger) == []
