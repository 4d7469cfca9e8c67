"""The same request many times: once is enough."""

import asyncio
import random
from collections import Counter
from typing import Final

from crash.caller import Caller
from crash.fates import Mix
from crash.figures import Figures
from crash.fleet import Fleet
from crash.load import Load
from crash.provider import Provider
from crash.reading import read_books
from crash.scale import ROUNDS, scaled

DUPLICATES: Final = scaled(100, 1_000)
CLIENTS: Final = scaled(4, 8)
REPLAYED: Final = "idempotent-replayed"


async def test_duplicates_at_the_same_instant(
    fleet: Fleet, caller: Caller, provider: Provider, chance: random.Random, figures: Figures
) -> None:
    """One key, one body, a thousand senders: one generation for all of them, and one call to the provider."""
    load = Load(caller=caller, mix=Mix(seconds=(0.5, 0.5)), chance=chance)
    first = load.draw()
    answers = await asyncio.gather(*(load.post(first, **{"idempotency-key": first.name}) for _ in range(DUPLICATES)))
    books = await read_books(fleet, load, provider)
    figures.add(duplicates=DUPLICATES, answers=Counter(answer.status for answer in answers))
    figures.add_books(books)
    assert {answer.status for answer in answers} <= {201, 202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum(answer.headers.get(REPLAYED) == "true" for answer in answers) == DUPLICATES - 1
    assert len(provider.calls()) == 1
    books.must_balance()


async def test_who_repeats_until_the_answer_comes_pays_once(
    fleet: Fleet, caller: Caller, provider: Provider, chance: random.Random, figures: Figures
) -> None:
    """With a key a client may repeat whatever broke off, through any number of kills: it gets one generation for it."""
    load = Load(caller=caller, mix=Mix(faults=0.2, seconds=(0.0, 0.3)), chance=chance, insistent=True)
    async with load.running(CLIENTS):
        for _ in range(ROUNDS):
            await asyncio.sleep(chance.uniform(0, 1.0))
            await fleet.kill_some(chance)
    books = await read_books(fleet, load, provider, killed=True)
    figures.add(rounds=ROUNDS, repeated=sum(asked.tries > 1 for asked in load.asked))
    figures.add_books(books)
    assert len(load.acknowledged) == len(load.asked) == len(books.told)
    books.must_balance()
