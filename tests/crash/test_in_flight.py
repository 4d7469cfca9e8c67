"""Thousands of generations at once, at a provider that takes its time."""

import asyncio
import random
import time
from typing import Final

from crash.caller import Caller
from crash.fates import Mix
from crash.figures import Figures
from crash.fleet import Fleet, is_ready
from crash.load import Load
from crash.provider import Provider
from crash.reading import read_books
from crash.scale import scaled

IN_FLIGHT: Final = scaled(200, 2_000)
MIX: Final = Mix(seconds=(2.0, 2.0))
LOOK_SECONDS: Final = 0.1
WARM_UP: Final = 32
"""As many at once before, so that every process has loaded and opened what it needs for any number of them."""
MOST_KIB: Final = 256
"""Memory for a generation in flight beside its pictures, in all processes that have to do with it."""


async def test_many_in_flight(
    fleet: Fleet, caller: Caller, provider: Provider, chance: random.Random, figures: Figures
) -> None:
    """All are answered with their pictures, in bounded memory; whoever asks for the health is answered throughout."""
    load = Load(caller=caller, mix=MIX, chance=chance, doors=("/v1/generate",))
    await load.send(WARM_UP, at_once=WARM_UP)
    before = {member.name: member.forget_peak() for member in fleet.members}
    begun = time.monotonic()
    sending = asyncio.create_task(load.send(IN_FLIGHT, at_once=IN_FLIGHT))
    looks = await _health_meanwhile(fleet, sending)
    await sending
    took = time.monotonic() - begun
    figures.add(in_flight=IN_FLIGHT, all_answered_in=f"{took:.1f} s")
    figures.add(health_looks=len(looks), slowest_look=f"{max(looks, default=0):.2f} s")
    peaks = {member.name: member.peak_mib() for member in fleet.members}
    each = sum(peaks[name] - before[name] for name in peaks) * 1024 / IN_FLIGHT
    figures.add(peak_MiB={name: round(peak) for name, peak in peaks.items()})
    figures.add(before={name: round(peak) for name, peak in before.items()}, each=f"{each:.0f} KiB")
    books = await read_books(fleet, load, provider)
    figures.add_books(books)
    assert load.statuses() == {"201": WARM_UP + IN_FLIGHT}
    assert each <= MOST_KIB
    books.must_balance()


async def _health_meanwhile(fleet: Fleet, sending: asyncio.Task[None]) -> list[float]:
    """The seconds that each look at the health of all took, every one of them good."""
    looks = []
    while not sending.done():
        begun = time.monotonic()
        assert all([await is_ready(url) for url in fleet.urls])
        looks.append(time.monotonic() - begun)
        await asyncio.sleep(LOOK_SECONDS)
    return looks
