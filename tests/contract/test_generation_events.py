"""The promises of `GenerationEvents`."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from uuid import uuid4

import pytest

from builders import new_generation, new_user
from imagegen.adapters.queues.in_process import InProcessEvents
from imagegen.adapters.queues.redis import RedisEvents, connect
from imagegen.domain.generations import Generation, Status
from imagegen.domain.ports import GenerationEvents

LONG = 60.0
"""Seconds that no test waits for: a limit against hanging."""


@pytest.fixture
def in_process_events() -> GenerationEvents:
    """Announcements within this process."""
    return InProcessEvents()


@pytest.fixture
async def redis_events(valkey_server: str) -> AsyncIterator[GenerationEvents]:
    """Announcements over a Valkey, on a channel of the test's own that is heard already."""
    events = RedisEvents(connect(valkey_server), namespace=uuid4().hex)
    async with events.listening():
        with events.watch(ended().id) as watch:
            assert await watch.change(LONG)  # as everybody is told who may have missed something before
        yield events


@pytest.fixture(params=["in_process", "redis"])
def events(request: pytest.FixtureRequest) -> GenerationEvents:
    """Announcements that nobody watches yet, of each kind in turn."""
    adapter: GenerationEvents = request.getfixturevalue(f"{request.param}_events")
    return adapter


def ended(status: Status = Status.CANCELED) -> Generation:
    """A generation that has ended."""
    return replace(new_generation(new_user()), status=status)


def running() -> Generation:
    """A generation that has not."""
    return ended(Status.RUNNING)


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


async def test_only_an_end_is_an_outcome(events: GenerationEvents) -> None:
    """That it began is a change to whoever watches, and no outcome to whoever waits for one."""
    generation = running()
    with events.watch(generation.id) as watch:
        await events.announce(generation)
        assert await watch.outcome(0) is None
        assert await watch.change(0)


async def test_a_change_is_told_once(events: GenerationEvents) -> None:
    """Each call is about what came since the last one; several announcements may come as one."""
    generation = running()
    with events.watch(generation.id) as watch:
        assert not await watch.change(0)
        assert not await watch.change(0.01)
        await events.announce(generation)
        await events.announce(generation)
        assert await watch.change(LONG)
        assert not await watch.change(0)
        waiting = asyncio.create_task(watch.change(LONG))
        await asyncio.sleep(0)
        await events.announce(replace(generation, status=Status.SUCCEEDED))
        assert await waiting
        assert not await watch.change(0)


async def test_what_was_told_as_a_change_is_told_as_an_outcome(events: GenerationEvents) -> None:
    """Both are asked of the same watch, and neither takes anything from the other."""
    generation = ended()
    with events.watch(generation.id) as watch:
        await events.announce(generation)
        assert await watch.change(LONG)
        assert await watch.outcome(LONG) == generation


async def test_cancellations_are_heard_from_the_first_step_on(events: GenerationEvents) -> None:
    """Everybody who iterates hears of each, in their order, and of nothing else."""
    before, *canceled = (ended() for _ in range(3))
    await events.announce(before)
    listeners = [events.cancellations() for _ in range(2)]
    first = [asyncio.ensure_future(anext(listener)) for listener in listeners]
    await asyncio.sleep(0)
    await events.announce(running())
    await events.announce(ended(Status.SUCCEEDED))
    for generation in canceled:
        await events.announce(generation)
    assert [await step for step in first] == [canceled[0].id] * 2
    assert [await anext(listener) for listener in listeners] == [canceled[1].id] * 2


async def test_who_waits_is_released_when_nothing_will_be_announced(events: GenerationEvents) -> None:
    """A service that stops keeps nobody waiting, neither those who wait nor those who come late."""
    generation = ended()
    with events.watch(generation.id) as early, events.watch(generation.id) as curious:
        waiting = asyncio.create_task(early.outcome(LONG)), asyncio.create_task(curious.change(LONG))
        await asyncio.sleep(0)
        closed = [early.closed]
        events.release()
        assert await waiting[0] is None
        assert await waiting[1]
        assert [*closed, early.closed] == [False, True]
    with events.watch(generation.id) as late:
        assert late.closed
        assert await late.outcome(LONG) is None
        assert await late.change(LONG)


async def test_what_had_ended_before_the_release_is_still_told(events: GenerationEvents) -> None:
    """Whoever asks only then is not sent to the row for what is known."""
    generation = ended()
    with events.watch(generation.id) as watch:
        await events.announce(generation)
        events.release()
        assert await watch.outcome(LONG) == generation
