"""A batch that outlives the processes that draw it."""

import asyncio
import json
import random
from collections import Counter
from typing import Any, Final

from crash.caller import Caller
from crash.fates import Mix
from crash.figures import Figures
from crash.fleet import Fleet
from crash.load import MODEL, Load
from crash.provider import Provider
from crash.reading import GIVING_UP_SECONDS, LOOK_SECONDS, read_books
from crash.scale import scaled

REQUESTS: Final = scaled(200, 1_000)
"""More than are drawn at once of what belongs to batches."""
KILLS: Final = scaled(1, 10)
MIX: Final = Mix(faults=0.2, seconds=(0.5, 1.5), slow=2.0)
LONGEST_LIFE: Final = 1.0
"""Seconds between being ready and being killed, at most."""


async def test_batch_outlives_kills(
    fleet: Fleet, caller: Caller, provider: Provider, chance: random.Random, figures: Figures
) -> None:
    """All of it ends, each request once, and is told in its place; it is finished when the last one has ended."""
    load = Load(caller=caller, mix=MIX, chance=chance)
    asked = [load.draw() for _ in range(REQUESTS)]
    requests = [{"prompt": one.prompt, "model": MODEL, "n": one.count, "external_id": one.name} for one in asked]
    batch = (await caller.send("POST", "/v1/batches", {"requests": requests})).json()
    for _ in range(KILLS):
        await asyncio.sleep(chance.uniform(0, LONGEST_LIFE))
        await fleet.kill_some(chance)
    finished = await _finished(caller, batch["id"])
    answer = await caller.send("GET", f"/v1/batches/{batch['id']}/results")
    results = [json.loads(line) for line in answer.body.splitlines()]
    for one, result in zip(asked, results, strict=True):
        one.generation = result["generation"]["id"]
    assert [result["index"] for result in results] == list(range(REQUESTS))
    assert [result["external_id"] for result in results] == [one.name for one in asked]
    counted = {state: number for state, number in finished["counts"].items() if number}
    assert counted == Counter(result["generation"]["status"] for result in results)
    books = await read_books(fleet, load, provider, killed=True)
    figures.add(kills=KILLS, requests=REQUESTS, counts=counted)
    figures.add_books(books)
    books.must_balance()


async def _finished(caller: Caller, batch: str) -> Any:
    """The batch when it is finished."""
    async with asyncio.timeout(GIVING_UP_SECONDS):
        while (found := await caller.get(f"/v1/batches/{batch}"))["finished_at"] is None:  # noqa: ASYNC110 - a client
            await asyncio.sleep(LOOK_SECONDS)
    return found
