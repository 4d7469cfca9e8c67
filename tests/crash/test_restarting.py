"""Stopping with SIGTERM and starting again, in turn and under load."""

import asyncio
import random
from typing import Final

from crash.caller import Caller
from crash.fates import Mix
from crash.figures import Figures
from crash.fleet import Fleet
from crash.load import Load
from crash.provider import Provider
from crash.reading import read_books
from crash.scale import scaled

TURNS: Final = scaled(1, 10)
CLIENTS: Final = scaled(6, 16)
MIX: Final = Mix(faults=0.1, seconds=(0.0, 1.0), slow=2.0)


async def test_restart_in_turn(
    fleet: Fleet, caller: Caller, provider: Provider, chance: random.Random, figures: Figures
) -> None:
    """Whatever was taken is answered, and no call is given up; where there are two to ask, no request fails at all."""
    load = Load(caller=caller, mix=MIX, chance=chance)
    async with load.running(CLIENTS):
        for _ in range(TURNS):
            for member in fleet.members:
                caller.urls = [url for url in fleet.urls if url != member.url] or fleet.urls
                await asyncio.sleep(chance.uniform(0, 1.0))
                assert await member.stop() == 0
                member.start()
                await member.ready()
                caller.urls = fleet.urls
    books = await read_books(fleet, load, provider)
    figures.add(restarts=TURNS * len(fleet.members), answers=load.statuses())
    figures.add_books(books)
    unheard = {asked.prompt for asked in load.asked if asked.generation is None}
    assert unheard.isdisjoint(row["prompt"] for row in books.told.values())
    assert not unheard or len(fleet.urls) == 1
    books.must_balance()
