"""Watching a generation, and its place in the queue."""

import asyncio
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from typing import Final

import pytest

from builders import new_id
from house import ANSWER, House, a_house
from imagegen.adapters.memory import MemoryDatabase
from imagegen.adapters.queues.in_process import InProcessEvents
from imagegen.application.watching import ReadPosition, WatchGeneration
from imagegen.domain.errors import DatabaseUnavailable, NotFound, ScopeMissing
from imagegen.domain.generations import Generation, Priority, Status
from imagegen.domain.identifiers import GenerationId
from imagegen.domain.images import ImageRequest, Labels
from imagegen.domain.ports import ProviderAnswer, UnitOfWork, Watch
from imagegen.domain.snapshots import Snapshot
from imagegen.domain.users import Principal, Scope

LONG: Final = 60.0
"""Seconds that no test waits for: a limit against hanging."""
SOON: Final = 0.01


class Counted(InProcessEvents):
    """Counts who watches."""

    watching = 0

    @contextmanager
    def watch(self, generation_id: GenerationId) -> Iterator[Watch]:
        """Watch, and be counted."""
        self.watching += 1
        try:
            with super().watch(generation_id) as watch:
                yield watch
        finally:
            self.watching -= 1


class Fitful(MemoryDatabase):
    """Is away for as many units of work as it is told to be."""

    absences = 0

    def unit_of_work(self) -> UnitOfWork:
        """A unit of work, if it is there."""
        if self.absences:
            self.absences -= 1
            raise DatabaseUnavailable
        return super().unit_of_work()


@pytest.fixture
def database() -> Fitful:
    """A database that is there so far."""
    return Fitful()


@pytest.fixture
def house(database: Fitful) -> House:
    """A house whose worker is not at work."""
    return a_house(database=database)


@pytest.fixture
async def owner(house: House) -> Principal:
    """Somebody logged in."""
    return await house.owner()


async def ask(house: House, owner: Principal, priority: Priority = Priority.NORMAL) -> Generation:
    """A generation that was asked for and waits."""
    fox = ImageRequest(prompt="fox")
    return (await house.application.request_generation(owner, fox, labels=Labels(), priority=priority)).generation


def hearing(house: House) -> WatchGeneration:
    """One that hears of every change, and does not look at the row by itself."""
    return WatchGeneration(unit_of_work=house.database.unit_of_work, events=house.events, look_again=LONG)


def deaf(house: House) -> WatchGeneration:
    """One that no word of a change ever reaches."""
    return WatchGeneration(unit_of_work=house.database.unit_of_work, events=InProcessEvents(), look_again=SOON)


async def test_a_generation_is_followed_to_its_end(house: House, owner: Principal) -> None:
    """It is given as it stands, and after every word of a change; the last one is as it ended."""
    generation = await ask(house, owner)
    watching = hearing(house)(owner, generation.id)
    assert await anext(watching) == Snapshot(generation, 0)
    drawing = asyncio.create_task(house.application.run_generation(generation.id))
    seen = [snapshot async for snapshot in watching]
    await drawing
    assert seen[-1] == Snapshot(await house.application.read_generation(owner, generation.id))
    assert seen[-1].generation.status is Status.SUCCEEDED


async def test_that_it_begins_is_heard_before_it_ends() -> None:
    """Whoever watches a queued generation is told when it begins to run."""
    enough = asyncio.Event()

    async def slow(_: ImageRequest, __: int) -> ProviderAnswer:
        await enough.wait()
        return ANSWER

    house = a_house(slow)
    owner = await house.owner()
    generation = await ask(house, owner)
    watching = hearing(house)(owner, generation.id)
    await anext(watching)
    drawing = asyncio.create_task(house.application.run_generation(generation.id))
    assert (await anext(watching)).generation.status is Status.RUNNING
    enough.set()
    assert (await anext(watching)).generation.status is Status.SUCCEEDED
    await drawing


async def test_what_has_ended_is_given_once(house: House, owner: Principal) -> None:
    """There is nothing to wait for."""
    generation = await house.application.cancel_generation(owner, (await ask(house, owner)).id)
    assert [snapshot async for snapshot in hearing(house)(owner, generation.id)] == [Snapshot(generation)]


async def test_word_that_got_lost_costs_no_more_than_time(house: House, owner: Principal) -> None:
    """The row is looked at again and again without a word, and so is its place in the queue."""
    first, second = await ask(house, owner), await ask(house, owner)
    watching = deaf(house)(owner, second.id)
    assert [(await anext(watching)).queue_position for _ in range(3)] == [1, 1, 1]
    await house.application.cancel_generation(owner, first.id)
    assert (await anext(watching)).queue_position == 0
    await house.application.run_generation(second.id)
    assert [snapshot.generation.status async for snapshot in watching] == [Status.SUCCEEDED]


async def test_only_the_owner_may_watch(house: House, owner: Principal) -> None:
    """Nobody else's generation can be watched, nor one that is not there, nor without the right to read."""
    generation = await ask(house, owner)
    stranger = await house.owner("stranger@example.com")
    blind = Principal(user_id=owner.user_id, role=owner.role, scopes=frozenset({Scope.GENERATE}))
    for principal, generation_id, error in (
        (stranger, generation.id, NotFound),
        (owner, GenerationId(new_id()), NotFound),
        (blind, generation.id, ScopeMissing),
    ):
        with pytest.raises(error):
            await anext(hearing(house)(principal, generation_id))


async def test_what_is_deleted_meanwhile_is_not_watched_any_more(house: House, owner: Principal) -> None:
    """The watching ends without another word."""
    generation = await ask(house, owner)
    watching = deaf(house)(owner, generation.id)
    await anext(watching)
    await house.application.cancel_generation(owner, generation.id)
    await house.application.delete_generation(owner, generation.id)
    assert [snapshot async for snapshot in watching] == []


async def test_an_outage_of_the_database_is_sat_out(house: House, owner: Principal, database: Fitful) -> None:
    """Who watches already is told nothing meanwhile, and everything afterwards; who comes then is refused."""
    generation = await ask(house, owner)
    watching = deaf(house)(owner, generation.id)
    await anext(watching)
    canceled = await house.application.cancel_generation(owner, generation.id)
    database.absences = 3
    assert await anext(watching) == Snapshot(canceled)
    assert database.absences == 0
    database.absences = 1
    with pytest.raises(DatabaseUnavailable):
        await anext(hearing(house)(owner, generation.id))


async def test_a_process_that_stops_lets_go_of_who_watches(house: House, owner: Principal, database: Fitful) -> None:
    """They are given the generation as it stands then, if it can be read, and nothing more; so are those who come."""
    left, ended = await ask(house, owner), await ask(house, owner)
    early, late, unlucky = (hearing(house)(owner, each.id) for each in (left, ended, left))
    assert await anext(early) == await anext(unlucky) == Snapshot(left, 0)
    assert await anext(late) == Snapshot(ended, 1)
    canceled = await house.application.cancel_generation(owner, ended.id)
    house.events.release()
    assert [snapshot async for snapshot in early] == [Snapshot(left, 0)]
    assert [snapshot async for snapshot in late] == [Snapshot(canceled)]
    database.absences = 1
    assert [snapshot async for snapshot in unlucky] == []
    assert {snapshot async for snapshot in hearing(house)(owner, left.id)} == {Snapshot(left, 0)}


async def test_nothing_is_left_of_who_stops_watching(house: House, owner: Principal) -> None:
    """Closed, or canceled while waiting: afterwards nobody watches."""
    events = Counted()
    watch = WatchGeneration(unit_of_work=house.database.unit_of_work, events=events, look_again=LONG)
    generation = await ask(house, owner)
    async with aclosing(watch(owner, generation.id)) as watching:
        await anext(watching)
        assert events.watching == 1
    assert events.watching == 0
    canceled = watch(owner, generation.id)
    await anext(canceled)
    waiting = asyncio.ensure_future(anext(canceled))
    await asyncio.sleep(0)
    assert events.watching == 1
    waiting.cancel()
    await asyncio.wait([waiting])
    assert events.watching == 0


async def test_the_position_is_how_many_go_first(house: House, owner: Principal, database: Fitful) -> None:
    """Those of a higher priority and, of the same, the older ones; for what does not wait there is none.

    Nor is there while the database is away.
    """
    position = ReadPosition(unit_of_work=database.unit_of_work)
    first, second = await ask(house, owner), await ask(house, owner)
    urgent, idle = await ask(house, owner, Priority.HIGH), await ask(house, owner, Priority.LOW)
    assert [await position(each) for each in (urgent, first, second, idle)] == [0, 1, 2, 3]
    await house.application.run_generation(urgent.id)
    drawn = await house.application.read_generation(owner, urgent.id)
    assert [await position(each) for each in (drawn, first, second, idle)] == [None, 0, 1, 2]
    database.absences = 1
    assert await position(first) is None
