"""What a fleet of many shares goes down in the middle of the work, and comes back."""

import asyncio
import random
from typing import Final

import pytest

from crash.caller import Caller
from crash.fates import Mix
from crash.figures import Figures
from crash.fleet import Fleet
from crash.load import Load
from crash.outside import Outside
from crash.provider import Provider
from crash.reading import read_books
from crash.scale import scaled

OUTAGES: Final = scaled(1, 5)
CLIENTS: Final = 8
MIX: Final = Mix(faults=0.1, seconds=(0.0, 1.0), slow=2.0)
DOWN_SECONDS: Final = (0.5, scaled(4, 10))
"""In a long run up to longer than a worker's lease."""


@pytest.mark.parametrize("fleet", ["many"], indirect=True)
@pytest.mark.parametrize("name", ["postgres", "valkey", "s3"])
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
    server = getattr(outside, name)
    down = 0.0
    async with load.running(CLIENTS):
        for _ in range(OUTAGES):
            await asyncio.sleep(chance.uniform(1.0, 2.0))
            await asyncio.to_thread(server.down)
            seconds = chance.uniform(*DOWN_SECONDS)
            await asyncio.sleep(seconds)
            await asyncio.to_thread(server.up)
            down += seconds
        await fleet.ready()
    books = await read_books(fleet, load, provider)
    figures.add(of=name, outages=OUTAGES, down=f"{down:.0f} s", answers=load.statuses())
    figures.add_books(books)
    assert None not in {asked.status for asked in load.asked}
    books.must_balance()
