"""kill -9 at random instants under load."""

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
from crash.scale import ROUNDS, scaled

CLIENTS: Final = scaled(8, 16)
MIX: Final = Mix(faults=0.2, seconds=(0.0, 0.3), slow=1.0)
LONGEST_LIFE: Final = 1.0
"""Seconds between being ready and being killed, at most."""


async def test_kill_at_random_instants(
    fleet: Fleet, caller: Caller, provider: Provider, chance: random.Random, figures: Figures
) -> None:
    """Whatever is killed, whenever: nothing acknowledged is lost, stuck or paid for twice, and all are soon ready."""
    load = Load(caller=caller, mix=MIX, chance=chance)
    async with load.running(CLIENTS):
        for _ in range(ROUNDS):
            await asyncio.sleep(chance.uniform(0, LONGEST_LIFE))
            await fleet.kill_some(chance)
    books = await read_books(fleet, load, provider, killed=True)
    figures.add(rounds=ROUNDS, answers=load.statuses())
    figures.add_books(books)
    books.must_balance()
