"""What is queued and was perhaps not heard: rung for again, or given up when it was to start by now."""

import asyncio

import pytest

from builders import SettableClock
from faults import Damaged
from generating import ask, calls, found, usage
from house import House, a_house
from imagegen.adapters.queues.in_process import InProcessQueue
from imagegen.domain.errors import Billed, Unavailable
from imagegen.domain.generations import Status
from imagegen.domain.identifiers import GenerationId


class Bell(InProcessQueue):
    """A queue that remembers who rang; while it is `broken` it takes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.rung: list[GenerationId] = []
        self.broken = False

    async def submit(self, generation_id: GenerationId, *, batched: bool = False) -> None:
        """Remember it."""
        if self.broken:
            raise Unavailable
        self.rung.append(generation_id)


async def test_what_is_queued_rings_again() -> None:
    """A ring that was lost is repeated, whenever it was, by whatever clock."""
    bell = Bell()
    house = a_house(queue=bell)
    owner = await house.owner()
    left = [await ask(house, owner)]
    house.clock.advance(seconds=-60)
    left.append(await ask(house, owner))
    bell.rung.clear()
    await house.application.ring_again()
    assert bell.rung == [generation.id for generation in left]


async def test_what_is_not_queued_any_more_does_not_ring() -> None:
    """Neither what has ended nor what was canceled before it began."""
    bell = Bell()
    house = a_house(queue=bell)
    owner = await house.owner()
    drawn, canceled = await ask(house, owner), await ask(house, owner)
    await house.application.run_generation(drawn.id)
    await house.application.cancel_generation(owner, canceled.id)
    bell.rung.clear()
    house.clock.advance(seconds=1)
    await house.application.ring_again()
    assert bell.rung == []


async def test_what_was_to_start_by_now_is_given_up() -> None:
    """It fails as `deadline_exceeded`, costs nothing, is told to whoever waits, and does not ring."""
    bell = Bell()
    house = a_house(queue=bell)
    owner = await house.owner()
    generation = await ask(house, owner, start_within=30)
    bell.rung.clear()
    house.clock.advance(seconds=30)
    with house.events.watch(generation.id) as watch:
        await house.application.give_up_overdue()
        told = await watch.outcome(0)
    ended = await found(house, owner, generation.id)
    assert told == ended
    assert ended.failure is not None
    assert (ended.failure.code, ended.failure.billed, ended.cost_micros) == ("deadline_exceeded", Billed.NO, 0)
    assert (bell.rung, house.provider.calls, await calls(house, owner, generation.id)) == ([], [], [])
    assert (await usage(house, owner)).failures == 1


async def test_what_may_still_start_is_not_given_up() -> None:
    """Up to the last moment it rings like everything else."""
    bell = Bell()
    house = a_house(queue=bell)
    owner = await house.owner()
    generation = await ask(house, owner, start_within=30)
    bell.rung.clear()
    house.clock.advance(seconds=29.999)
    await house.application.ring_again()
    assert bell.rung == [generation.id]
    assert (await found(house, owner, generation.id)).status is Status.QUEUED


async def test_giving_up_and_beginning_at_the_same_moment_have_one_end() -> None:
    """Whoever is first is right: it is drawn or given up, once, and nothing is raised."""
    house = a_house()
    owner = await house.owner()
    for head_start in range(8):
        generation = await ask(house, owner, start_within=30)
        begun = asyncio.create_task(house.application.run_generation(generation.id))
        for _ in range(head_start):
            await asyncio.sleep(0)
        house.clock.advance(seconds=30)
        await house.application.give_up_overdue()
        await begun
        made = len(await calls(house, owner, generation.id))
        ended = await found(house, owner, generation.id)
        assert (ended.status, made) in {(Status.SUCCEEDED, 1), (Status.FAILED, 0)}
    assert (await usage(house, owner)).requests == 8


async def test_a_queue_that_is_away_is_told() -> None:
    """So that the sweep is put off and taken again."""
    bell = Bell()
    house = a_house(queue=bell)
    await ask(house, await house.owner())
    bell.broken = True
    house.clock.advance(seconds=1)
    with pytest.raises(Unavailable):
        await house.application.ring_again()


async def test_one_broken_row_does_not_hide_the_rest(caplog: pytest.LogCaptureFixture) -> None:
    """A row that cannot be read is told by its id and passed over, without the text of the error."""
    database = Damaged(clock := SettableClock())
    house = a_house(database=database, clock=clock)
    owner = await house.owner()
    bad, good = await ask(house, owner, start_within=1), await ask(house, owner, start_within=1)
    database.bad = bad.id
    house.clock.advance(seconds=1)
    await house.application.give_up_overdue()
    assert (await found(house, owner, good.id)).status is Status.FAILED
    assert str(bad.id) in caplog.text
    assert "ValueError" in caplog.text
    assert database.quoted not in caplog.text


async def test_what_was_left_queued_is_drawn_by_the_next_process() -> None:
    """What was asked for while nobody was at work is drawn as soon as somebody is."""
    house = a_house()
    owner = await house.owner()
    generation = await ask(house, owner)
    later = House(provider=house.provider, database=house.database, clock=house.clock)
    house.clock.advance(seconds=1)
    with later.events.watch(generation.id) as watch:
        async with later.working():
            ended = await watch.outcome(60)
    assert ended is not None
    assert ended.status is Status.SUCCEEDED
