"""Watching a generation over a real socket."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from builders import new_id
from house import ANSWER, House, a_house
from imagegen.adapters.memory import MemoryProvider
from imagegen.adapters.queues.in_process import InProcessQueue
from imagegen.domain.errors import NoImage
from imagegen.domain.images import ImageRequest
from imagegen.domain.ports import ProviderAnswer
from imagegen.web.app import WebOptions
from visitors import Visitor, assert_problem, bearer, generate, register

LONG: Final = 60.0
"""Seconds that no test waits for: a limit against hanging."""
ANY_HOST: Final = WebOptions(hosts=("*",))


@dataclass
class Easel:
    """A provider that draws when it may, one at a time."""

    may: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, _: ImageRequest, __: int) -> ProviderAnswer:
        """Wait for the word."""
        await self.may.wait()
        return ANSWER

    def house(self, **features: Any) -> House:
        """A house with this one place to draw at."""
        queue = InProcessQueue(concurrency=1, grace=0.0)
        return a_house(self, **{"queue": queue, "options": ANY_HOST} | features)


@dataclass(frozen=True)
class Told:
    """An event as a client reads it; one without a name is a comment."""

    id: str = ""
    name: str = ""
    data: Any = None


@asynccontextmanager
async def at(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """A client that is connected to a house."""
    async with (
        asyncio.timeout(LONG),
        house.listening() as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=LONG) as client,
    ):
        yield client


async def ask(client: httpx.AsyncClient, visitor: Visitor, **body: Any) -> dict[str, Any]:
    """Ask for a generation without waiting for it."""
    answer = await client.post("/v1/generations", json={"prompt": "fox"} | body, headers=visitor.key)
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


@asynccontextmanager
async def watching(
    client: httpx.AsyncClient, visitor: Visitor, generation: dict[str, Any], last: str | None = None
) -> AsyncIterator[AsyncGenerator[Told, None]]:
    """The events of a generation, as they come."""
    headers = visitor.key | ({} if last is None else {"Last-Event-ID": last})
    async with client.stream("GET", f"/v1/generations/{generation['id']}/events", headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-accel-buffering"] == "no"
        yield told(answer)


async def told(answer: httpx.Response) -> AsyncGenerator[Told, None]:
    """What a stream says, event by event."""
    lines: dict[str, str] = {}
    async for line in answer.aiter_lines():
        if line:
            name, _, text = line.partition(": ")
            lines[name] = text
        else:
            yield Told(lines["id"], lines["event"], json.loads(lines["data"])) if "id" in lines else Told()
            lines = {}


async def everything(
    client: httpx.AsyncClient, visitor: Visitor, generation: dict[str, Any], last: str | None = None
) -> list[Told]:
    """All that is told to the end."""
    async with watching(client, visitor, generation, last) as events:
        return [event async for event in events]


async def test_a_generation_is_told_from_the_queue_to_the_end() -> None:
    """Its states and its place in the queue as they change, each picture, and last the whole generation."""
    easel = Easel()
    async with at(easel.house()) as client:
        visitor = await register(client)
        await ask(client, visitor)
        generation = await ask(client, visitor, prompt="lines\nand\r\nlines\u2028of\u2029a\u0085poem")
        async with watching(client, visitor, generation) as events:
            assert await anext(events) == Told("1.0", "status", {"status": "queued"})
            assert await anext(events) == Told("1.1", "progress", {"progress": 0.0, "queue_position": 0})
            easel.may.set()
            rest = [event async for event in events]
        found = (await client.get(f"/v1/generations/{generation['id']}", headers=visitor.key)).json()
        (image,) = found["images"]
        *course, drawn, state, done = rest
        assert [event for event in course if event.name == "status"] == [Told("2.0", "status", {"status": "running"})]
        assert (drawn.id, drawn.name, drawn.data | {"url": ""}) == ("3.1", "image", image | {"url": ""})
        assert (await client.get(drawn.data["url"])).headers["content-type"] == "image/png"
        assert state == Told("4.0", "status", {"status": "succeeded"})
        assert (done.id, done.name, done.data["status"]) == ("5.0", "done", "succeeded")
        assert done.data | {"url": "", "images": []} == found | {"url": "", "images": []}


async def test_a_failure_is_told_with_its_error() -> None:
    """`done` is the generation with its `error`, as it is read elsewhere."""
    async with at(a_house(NoImage(), options=ANY_HOST)) as client:
        visitor = await register(client)
        generation = await ask(client, visitor)
        *_, state, done = await everything(client, visitor, generation)
        assert state == Told("4.0", "status", {"status": "failed"})
        found = (await client.get(f"/v1/generations/{generation['id']}", headers=visitor.key)).json()
        assert found["error"]["code"] == "no_image"
        assert done == Told("5.0", "done", found)


async def test_whoever_comes_back_is_told_what_they_missed() -> None:
    """After any event, wherever it was heard, come exactly those that follow it."""
    easel = Easel()
    house = easel.house()
    easel.may.set()
    async with at(house) as client:
        visitor = await register(client)
        generation = await generate(client, visitor, n=3)
        names = [(event.id, event.name) for event in await everything(client, visitor, generation)]
    assert len(names) == 7
    other = House(provider=MemoryProvider("easel", ANSWER), options=ANY_HOST, database=house.database)
    async with at(other) as client:
        for heard, (last, _) in enumerate(names[:-1], start=1):
            rest = await everything(client, visitor, generation, last)
            assert [(event.id, event.name) for event in rest] == names[heard:]
        again = await everything(client, visitor, generation, "no such event")
        assert [(event.id, event.name) for event in again] == names


async def test_what_happened_meanwhile_is_told_to_whoever_comes_back() -> None:
    """Cut off while it was queued, a client hears of the rest, and of nothing a second time."""
    easel = Easel()
    async with at(easel.house()) as client:
        visitor = await register(client)
        await ask(client, visitor)
        generation = await ask(client, visitor)
        async with watching(client, visitor, generation) as events:
            heard = [await anext(events), await anext(events)]
        easel.may.set()
        heard += await everything(client, visitor, generation, heard[-1].id)
    lasting = [event.id for event in heard if event.name != "progress"]
    assert lasting == ["1.0", "2.0", "3.1", "4.0", "5.0"]


async def test_whoever_heard_the_end_is_told_to_come_no_more(client: httpx.AsyncClient, visitor: Visitor) -> None:
    """After `done` there is nothing: 204, at which an `EventSource` stops connecting again."""
    generation = await generate(client, visitor)
    path = f"/v1/generations/{generation['id']}/events"
    answer = await client.get(path, headers=visitor.token | {"Last-Event-ID": "5.0"})
    assert (answer.status_code, answer.content) == (204, b"")
    assert "content-type" not in answer.headers


async def test_a_silent_stream_says_that_it_is_alive() -> None:
    """Comments come while nothing happens; they are no events, so no identifier changes."""
    easel = Easel()
    options = WebOptions(hosts=("*",), heartbeat_seconds=0.01)
    async with at(easel.house(options=options)) as client:
        visitor = await register(client)
        async with watching(client, visitor, await ask(client, visitor)) as events:
            heard: list[Told] = []
            while heard.count(Told()) < 3:
                heard.append(await anext(events))
            easel.may.set()
            heard += [event async for event in events]
    assert [event.id for event in heard if event.name] == ["1.0", "2.0", "2.1", "3.1", "4.0", "5.0"]


async def test_a_client_that_hangs_up_is_watched_for_no_longer() -> None:
    """The request ends when its client goes, though the generation does not; the generation goes on."""
    easel = Easel()
    house = easel.house()
    async with at(house) as client:
        visitor = await register(client)
        generation = await ask(client, visitor)
        async with watching(client, visitor, generation) as events:
            await anext(events)
        while not any(b"/events" in line for line in house.lines):  # noqa: ASYNC110 - a line of the log sets no event
            await asyncio.sleep(0.01)
        assert (await client.get(f"/v1/generations/{generation['id']}", headers=visitor.key)).json()["progress"] == 0.0
        easel.may.set()
        assert (await everything(client, visitor, generation))[-1].name == "done"


async def test_streams_end_when_the_service_stops() -> None:
    """Nobody is left hanging: the answer ends well, without `done`, so the client comes back for the rest."""
    easel = Easel()
    house = easel.house()
    async with at(house) as client:
        visitor = await register(client)
        generation = await ask(client, visitor)
        async with watching(client, visitor, generation) as events:
            heard = [await anext(events)]
            house.events.release()
            heard += [event async for event in events]
        assert [event.id for event in heard] == ["1.0", "2.0", "2.1"]
        assert await everything(client, visitor, generation, "2.1") == []


async def test_only_the_owner_may_watch(client: httpx.AsyncClient, visitor: Visitor) -> None:
    """Somebody else's generation is as missing as one that nobody has; without a credential it is 401."""
    generation = await generate(client, visitor)
    stranger = await register(client)
    for name in (generation["id"], f"gen_{new_id()}", "nothing"):
        answer = await client.get(f"/v1/generations/{name}/events", headers=stranger.key)
        assert_problem(answer, 404, "not_found")
    path = f"/v1/generations/{generation['id']}/events"
    assert_problem(await client.get(path), 401, "credentials_missing")
    narrow = await client.post("/v1/keys", json={"scopes": ["generate"]}, headers=visitor.token)
    assert_problem(await client.get(path, headers=bearer(narrow.json()["key"])), 403, "scope_missing")
    assert (await client.get(path, headers=visitor.token)).status_code == 200


async def test_the_headers_alone_do_not_take_until_the_end() -> None:
    """A `HEAD` is answered at once, also while the events go on."""
    easel = Easel()
    async with at(easel.house()) as client:
        visitor = await register(client)
        path = f"/v1/generations/{(await ask(client, visitor))['id']}/events"
        answer = await client.head(path, headers=visitor.key)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        assert (await client.get("/health/live")).status_code == 200


async def test_the_place_in_the_queue_is_told_where_one_is_read() -> None:
    """How many go first is in the answer to whoever asked, and to whoever reads it; a list does not count them."""
    easel = Easel()
    async with at(easel.house()) as client:
        visitor = await register(client)
        running, first = await ask(client, visitor), await ask(client, visitor)
        second = await ask(client, visitor, response_format="b64_json")
        urgent = await ask(client, visitor, priority="high")
        asked = [generation["queue_position"] for generation in (running, first, second, urgent)]
        assert asked == [None, 0, 1, 0]
        paths = [f"/v1/generations/{generation['id']}" for generation in (running, first, second, urgent)]
        read = [(await client.get(path, headers=visitor.key)).json()["queue_position"] for path in paths]
        assert read == [None, 1, 2, 0]
        listed = (await client.get("/v1/generations", headers=visitor.key)).json()["data"]
        assert {generation["queue_position"] for generation in listed} == {None}
        canceled = await client.post(f"{paths[3]}/cancel", headers=visitor.key)
        assert canceled.json()["queue_position"] is None
        again = await client.post(f"{paths[3]}/retry", headers=visitor.key)
        assert (again.status_code, again.json()["queue_position"]) == (202, 0)
