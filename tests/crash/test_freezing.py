"""A process that stands still for longer than anybody waits for it, and then goes on as if nothing had been."""

import asyncio
import random
import signal
from typing import Any, Final

import pytest

from crash.books import FINAL
from crash.caller import Caller
from crash.fates import Mix
from crash.figures import Figures
from crash.fleet import Fleet
from crash.load import Load
from crash.provider import Provider
from crash.reading import read_books
from crash.scale import scaled

FREEZES: Final = scaled(1, 10)
CLIENTS: Final = scaled(4, 8)
FROZEN_SECONDS: Final = 9.0
"""Longer than the 6 s of a worker's lease and the sweep after it."""
AWAKE_SECONDS: Final = 3.0
"""Enough for whatever it would still have done."""


@pytest.mark.parametrize("fleet", ["many"], indirect=True)
async def test_frozen_past_its_lease(
    fleet: Fleet, caller: Caller, provider: Provider, chance: random.Random, figures: Figures
) -> None:
    """What others ended meanwhile stays as they ended it, and everything else ends as it should."""
    load = Load(caller=caller, mix=Mix(seconds=(0.0, 2.0)), chance=chance)
    changed: dict[str, tuple[Any, Any]] = {}
    ended = 0
    async with load.running(CLIENTS):
        for _ in range(FREEZES):
            await asyncio.sleep(chance.uniform(1.0, 2.0))
            member = chance.choice(fleet.workers)
            member.signal(signal.SIGSTOP)
            await asyncio.sleep(FROZEN_SECONDS)
            before = await _ended(caller)
            member.signal(signal.SIGCONT)
            await asyncio.sleep(AWAKE_SECONDS)
            after = await _ended(caller)
            changed |= {name: (end, after[name]) for name, end in before.items() if after[name] != end}
            ended += len(before)
    books = await read_books(fleet, load, provider, killed=True)
    figures.add(freezes=FREEZES, ended_meanwhile=ended)
    figures.add_books(books)
    assert changed == {}
    books.must_balance()


async def _ended(caller: Caller) -> dict[str, Any]:
    """Everything that has ended, without the links, which are new each time."""
    rows = await caller.everything("/v1/generations")
    for image in (image for row in rows for image in row["images"]):
        del image["url"]
    return {row["id"]: row | {"url": None} for row in rows if row["status"] in FINAL}
