"""What a fleet of many shares goes down in the middle of the work, and comes back."""

import asyncio
import hashlib
import random
from collections import Counter
from collections.abc import Awaitable, Mapping
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

import pytest

from crash.caller import Answer, Caller
from crash.fates import Mix
from crash.figures import Figures
from crash.fleet import Fleet
from crash.load import Load
from crash.outside import Outside
from crash.provider import Provider
from crash.reading import read_books
from crash.scale import scaled

OUTAGES: Final = scaled(1, 5)
CLIENTS: Final = scaled(4, 8)
MIX: Final = Mix(faults=0.1, seconds=(0.0, 1.0), slow=2.0)
DOWN_SECONDS: Final = (0.5, scaled(4, 10))
"""In a long run up to longer than a worker's lease."""
PAUSE_SECONDS: Final = 0.1

MEANWHILE: Final[Mapping[str, set[str]]] = {
    "postgres": {"asked: 503 database_unavailable", "looked: 503 database_unavailable"},
    "valkey": {"asked: 202", "looked: 200"},
    "s3": {"asked: 202", "looked: 503 storage_unavailable"},
}
"""What is answered while something is down to who asks for a picture, and to who looks at one that is there."""


@pytest.mark.parametrize("fleet", ["many"], indirect=True)
@pytest.mark.parametrize("name", MEANWHILE)
async def test_an_outage_in_the_middle(
    fleet: Fleet,
    caller: Caller,
    provider: Provider,
    outside: Outside,
    name: str,
    chance: random.Random,
    figures: Figures,
) -> None:
    """Nothing is lost, whoever cannot be served is told so with a 503, and afterwards all is as it was before."""
    load = Load(caller=caller, mix=MIX, chance=chance)
    picture, digest = await _draw_one(load)
    server = getattr(outside, name)
    meanwhile = Counter[str]()
    down = 0.0
    async with load.running(CLIENTS):
        for _ in range(OUTAGES):
            await asyncio.sleep(chance.uniform(1.0, 2.0))
            await asyncio.to_thread(server.down)
            over = asyncio.Event()
            asking = asyncio.create_task(_ask_and_look(load, picture, over))
            seconds = chance.uniform(*DOWN_SECONDS)
            await asyncio.sleep(seconds)
            over.set()
            await asyncio.to_thread(server.up)
            meanwhile += await asking
            down += seconds
        await fleet.ready()
    after = await caller.send("GET", picture)
    books = await read_books(fleet, load, provider)
    figures.add(of=name, outages=OUTAGES, down=f"{down:.0f} s", answers=load.statuses())
    figures.add(meanwhile=meanwhile)
    figures.add_books(books)
    assert set(meanwhile) == MEANWHILE[name]
    assert hashlib.sha256(after.body).hexdigest() == digest
    assert None not in {asked.status for asked in load.asked}
    books.must_balance()


async def _draw_one(load: Load) -> tuple[str, str]:
    """The path of a picture, and its SHA-256."""
    drawing = replace(load, mix=Mix(), doors=("/v1/generate",))
    (image, *_) = (await drawing.post(drawing.draw())).json()["images"]
    link = urlsplit(image["url"])
    return f"{link.path}?{link.query}", image["sha256"]


async def _ask_and_look(load: Load, picture: str, over: asyncio.Event) -> Counter[str]:
    """How often somebody got which answer who asked for pictures, and looked at one, before it was over."""
    asking = replace(load, mix=Mix(), doors=("/v1/generations",))
    answers = Counter[str]()

    async def count(what: str, request: Awaitable[Answer]) -> None:
        answer = await request
        if not over.is_set():
            answers[f"{what}: {answer.status} {answer.code or ''}".strip()] += 1

    while not over.is_set():
        await count("asked", asking.post(asking.draw()))
        await count("looked", load.caller.send("GET", picture))
        await asyncio.sleep(PAUSE_SECONDS)
    return answers
