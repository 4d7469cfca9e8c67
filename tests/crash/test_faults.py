"""A provider with whom three calls in ten go wrong, in every way that it knows."""

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

REQUESTS: Final = scaled(200, 10_000)
AT_ONCE: Final = 64
MIX: Final = Mix(faults=0.3, seconds=(0.0, 0.05), slow=1.0)


async def test_faults_of_the_provider(
    fleet: Fleet, caller: Caller, provider: Provider, chance: random.Random, figures: Figures
) -> None:
    """Every request is answered, outcomes add up, charges equal successes, and nothing of the provider's is told."""
    load = Load(caller=caller, mix=MIX, chance=chance)
    await load.send(REQUESTS, at_once=AT_ONCE)
    books = await read_books(fleet, load, provider)
    figures.add(answers=load.statuses(), cost_usd=books.usage["cost_usd"])
    figures.add_books(books)
    assert len(load.acknowledged) == REQUESTS
    books.must_balance()
