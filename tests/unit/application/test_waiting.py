"""Waiting for the pictures: woken by word of the end, and by a look at the row where that word is lost."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf

import pytest

from faults import Interrupted
from generating import Held, ask, found, history
from house import ANSWER, House, a_house
from imagegen.adapters.queues.in_process import InProcessEvents, InProcessQueue
from imagegen.application.requesting import BREATH, LOOK_AGAIN
from imagegen.domain.errors import NoImage, NotFound, UnknownModel
from imagegen.domain.generations import Generation, Status
from imagegen.domain.identifiers import GenerationId
from imagegen.domain.ports import Watch
from imagegen.domain.users import Principal
from no_time import in_no_time, loop_time
from processes import a_lease, until


class Severing(InProcessQueue):
    """A queue at whose ring the database goes away."""

    def __init__(self, database: Interrupted) -> None:
        super().__init__()
        self._database = database

    async def submit(self, generation_id: GenerationId, *, batched: bool = False) -> None:
        """Take the database away."""
        self._database.away = inf


class Counted(InProcessEvents):
    """Events that know how many are watching."""

    watching = 0

    @contextmanager
    def watch(self, generation_id: GenerationId) -> Iterator[Watch]:
        """Count one more, until the end."""
        with super().watch(generation_id) as watch:
            self.watching += 1
            try:
                yield watch
            finally:
                self.watching -= 1


class Mute(InProcessEvents):
    """Events of which no word arrives."""

    async def announce(self, generation: Generation) -> None:
        """Tell nobody."""


class Terse(InProcessEvents):
    """Events that tell no more than that there is news, as those of another process do."""

    async def announce(self, generation: Generation) -> None:
        """Tell that it changed: the row tells how."""
        self._watches.tell(generation.id, generation.status)

    def look(self) -> None:
        """Tell everybody that something may have been missed."""
        self._watches.look()


async def test_waiting_returns_the_finished_generation() -> None:
    """With a wait the pictures come with the answer."""
    house = a_house()
    owner = await house.owner()
    async with house.working():
        generation = await ask(house, owner, wait=60)
    assert generation.status is Status.SUCCEEDED
    assert len(generation.images) == 1


@in_no_time
async def test_waiting_too_short_returns_it_as_it_stands() -> None:
    """When the time is over, and not sooner, the generation is returned as it is then, and goes on to its end."""
    held = Held()
    house = a_house(held, lease=a_lease(loop_time))
    owner = await house.owner()
    async with house.working():
        begun = loop_time()
        generation = await ask(house, owner, wait=100)
        assert (generation.status, loop_time() - begun) == (Status.RUNNING, 100)
        with house.events.watch(generation.id) as watch:
            held.may_end.set()
            ended = await watch.outcome(60)
    assert ended is not None
    assert ended.status is Status.SUCCEEDED


@in_no_time
async def test_word_that_was_lost_costs_seconds() -> None:
    """Who is told nothing looks at the row now and then, and returns with the picture long before the time is over."""
    house = a_house(lease=a_lease(loop_time), events=Mute())
    owner = await house.owner()
    async with house.working():
        begun = loop_time()
        generation = await ask(house, owner, wait=100)
    assert generation.status is Status.SUCCEEDED
    assert loop_time() - begun == LOOK_AGAIN


async def waits_at(house: House, owner: Principal, wait: float) -> tuple[Generation, "asyncio.Task[Generation]"]:
    """A generation that nobody draws, and somebody who waits for it."""
    waiting = asyncio.create_task(ask(house, owner, wait=wait))

    async def accepted() -> bool:
        return bool(await history(house, owner))

    await until(accepted)
    return (await history(house, owner))[0], waiting


WAITS = pytest.mark.parametrize("wait", [1.25, 10, 100])


@WAITS
@in_no_time
async def test_an_end_that_was_heard_and_cannot_be_read_is_waited_for(wait: float) -> None:
    """While the database is away the row is looked at now and then, to the end of the time and not longer."""
    database = Interrupted()
    house = a_house(database=database, events=Terse(), lease=a_lease(loop_time))
    owner = await house.owner()
    generation, waiting = await waits_at(house, owner, wait)
    database.away = most = 10_000
    await house.events.announce(generation.cancel(house.clock()))
    assert await waiting == generation
    assert loop_time() == wait
    assert most - database.away <= wait / BREATH + 2


@WAITS
@in_no_time
async def test_an_end_that_was_heard_is_read_as_soon_as_it_can_be(wait: float) -> None:
    """A database that is away for a moment costs no more than that moment and a breath."""
    database = Interrupted()
    house = a_house(database=database, events=Terse(), lease=a_lease(loop_time))
    owner = await house.owner()
    generation, waiting = await waits_at(house, owner, wait)
    elsewhere = House(provider=house.provider, database=database, clock=house.clock)
    canceled = await elsewhere.application.cancel_generation(owner, generation.id)
    database.away = 2
    await house.events.announce(canceled)
    assert await waiting == canceled
    assert loop_time() == 2 * BREATH


@WAITS
@in_no_time
async def test_a_look_that_finds_no_end_ends_no_wait(wait: float) -> None:
    """Who is told that something may have been missed looks, and waits on for as long as there is time."""
    house = a_house(events=(events := Terse()), lease=a_lease(loop_time))
    owner = await house.owner()
    generation, waiting = await waits_at(house, owner, wait)
    events.look()
    assert await waiting == generation
    assert loop_time() == wait


@in_no_time
async def test_a_process_that_stops_keeps_nobody() -> None:
    """Whoever waits when it does is answered at once with the generation as it stands."""
    held = Held()
    house = a_house(held, lease=a_lease(loop_time))
    owner = await house.owner()
    async with house.working():
        waiting = asyncio.create_task(ask(house, owner, wait=100))
        await held.begun.acquire()
        stopped = loop_time()
        house.events.release()
        assert (await waiting).status is Status.RUNNING
        assert loop_time() == stopped
        assert (await ask(house, owner, wait=100)).status is Status.RUNNING
        assert loop_time() == stopped
        held.may_end.set()


async def test_a_database_that_is_away_when_the_wait_is_over_hides_nothing() -> None:
    """From the commit on the caller hears of the generation, though nobody can tell how it stands."""
    database = Interrupted()
    house = a_house(database=database, queue=Severing(database))
    owner = await house.owner()
    generation = await ask(house, owner, wait=0.01)
    database.away = 0
    assert generation == await found(house, owner, generation.id)


@in_no_time
async def test_what_was_deleted_meanwhile_is_not_found() -> None:
    """A generation that is canceled and deleted while somebody waits is not there any more."""
    held = Held()
    house = a_house(held, events=Mute(), lease=a_lease(loop_time))
    owner = await house.owner()
    async with house.working():
        waiting = asyncio.create_task(ask(house, owner, wait=100))
        await held.begun.acquire()
        (generation,) = await history(house, owner)
        await house.application.cancel_generation(owner, generation.id)
        await house.application.delete_generation(owner, generation.id)
        with pytest.raises(NotFound):
            await waiting


async def test_a_caller_that_goes_away_loses_nothing() -> None:
    """A request that is canceled while it waits is in the history all the same, with its picture."""
    held = Held()
    house = a_house(held)
    owner = await house.owner()
    async with house.working():
        asked = asyncio.create_task(ask(house, owner, wait=60))
        await held.begun.acquire()
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        (running,) = await history(house, owner)
        with house.events.watch(running.id) as watch:
            held.may_end.set()
            ended = await watch.outcome(60)
    assert ended is not None
    assert ended.status is Status.SUCCEEDED


async def test_waiting_leaves_nothing_behind() -> None:
    """However a wait ends, by an outcome, by time, by going away or by an error, nobody is watching afterwards."""
    events = Counted()
    house = a_house(ANSWER, NoImage(), ANSWER, events=events)
    owner = await house.owner()
    async with house.working():
        await ask(house, owner, wait=60)
        await ask(house, owner, wait=60)
    await ask(house, owner, wait=0.01)
    gone = asyncio.create_task(ask(house, owner, wait=60))
    await asyncio.sleep(0.01)
    assert events.watching == 1
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    with pytest.raises(UnknownModel):
        await ask(house, owner, model="unknown", wait=60)
    assert events.watching == 0
