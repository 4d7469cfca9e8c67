"""The promises of `GenerationEvents`."""

import asyncio
import gc
import weakref
from contextlib import suppress
from dataclasses import replace

import pytest

from builders import new_generation, new_user
from imagegen.adapters.queues.in_process import InProcessEvents
from imagegen.domain.generations import Generation, Status
from imagegen.domain.ports import GenerationEvents

LONG = 60.0
"""Seconds that no test waits for: a limit against hanging."""


@pytest.fixture(params=[InProcessEvents])
def events(request: pytest.FixtureRequest) -> GenerationEvents:
    """Announcements that nobody watches yet, of each kind in turn."""
    adapter: type[GenerationEvents] = request.param
    return adapter()


def ended() -> Generation:
    """A generation that has ended."""
    return replace(new_generation(new_user()), status=Status.CANCELED)


async def test_who_waits_is_woken(events: GenerationEvents) -> None:
    """An announcement ends the wait, with the generation as it was announced."""
    generation = ended()
    with events.watch(generation.id) as watch:
        waiting = asyncio.create_task(watch.outcome(LONG))
        await asyncio.sleep(0)
        assert not waiting.done()
        await events.announce(generation)
        assert await waiting == generation


async def test_nothing_announced_after_the_watch_began_is_missed(events: GenerationEvents) -> None:
    """What ended between looking at the row and waiting is told at once, and as often as it is asked."""
    generation = ended()
    with events.watch(generation.id) as watch:
        await events.announce(generation)
        assert await watch.outcome(LONG) == generation
        assert await watch.outcome(0) == generation


async def test_a_wait_that_is_over_is_none(events: GenerationEvents) -> None:
    """When the time is over nothing is told; a second wait is told what came meanwhile."""
    generation = ended()
    with events.watch(generation.id) as watch:
        assert await watch.outcome(0) is None
        assert await watch.outcome(0.01) is None
        await events.announce(generation)
        assert await watch.outcome(LONG) == generation


async def test_only_its_own_generation_is_told(events: GenerationEvents) -> None:
    """Other generations, and ones that nobody watches, wake nobody."""
    mine, other, nobodys = ended(), ended(), ended()
    with events.watch(mine.id) as watch, events.watch(other.id) as others:
        await events.announce(nobodys)
        await events.announce(other)
        assert await watch.outcome(0) is None
        assert await others.outcome(LONG) == other


async def test_everybody_who_watches_is_told(events: GenerationEvents) -> None:
    """Several may wait for the same generation, and one that gives up takes nothing from the rest."""
    generation = ended()
    with events.watch(generation.id) as one, events.watch(generation.id) as other:
        with events.watch(generation.id) as hasty:
            assert await hasty.outcome(0) is None
        impatient = asyncio.create_task(one.outcome(LONG))
        await asyncio.sleep(0)
        impatient.cancel()
        await asyncio.wait([impatient])
        await events.announce(generation)
        assert await one.outcome(LONG) == await other.outcome(LONG) == generation


async def test_thousands_watch_at_once(events: GenerationEvents) -> None:
    """Each of thousands is told of its own."""
    generations = [ended() for _ in range(3000)]

    async def wait_for(generation: Generation) -> Generation | None:
        with events.watch(generation.id) as watch:
            return await watch.outcome(LONG)

    waiting = [asyncio.create_task(wait_for(generation)) for generation in generations]
    await asyncio.sleep(0)
    for generation in generations:
        await events.announce(generation)
    assert [await task for task in waiting] == generations


async def test_nothing_is_left_of_a_watch(events: GenerationEvents) -> None:
    """Told, given up or broken off by an error: afterwards neither the watch nor its generation is held."""

    async def watched(*, told: bool, broken: bool) -> list[weakref.ref[object]]:
        generation = ended()
        with suppress(LookupError), events.watch(generation.id) as watch:
            references: list[weakref.ref[object]] = [weakref.ref(generation.id), weakref.ref(watch)]
            if told:
                await events.announce(generation)
            await watch.outcome(0)
            if broken:
                raise LookupError
        return references

    references = [await watched(told=told, broken=broken) for told in (True, False) for broken in (True, False)]
    gc.collect()
    assert [reference() for pair in references for reference in pair] == [None] * 8


async def test_who_waits_is_released_when_nothing_will_be_announced() -> None:
    """A service that stops keeps nobody waiting, neither those who wait nor those who come late."""
    events, generation = InProcessEvents(), ended()
    with events.watch(generation.id) as early:
        waiting = asyncio.create_task(early.outcome(LONG))
        await asyncio.sleep(0)
        events.release()
        assert await waiting is None
    with events.watch(generation.id) as late:
        assert await late.outcome(LONG) is None
