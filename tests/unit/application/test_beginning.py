"""Beginning in the accepting commit: where there is a place what is accepted runs at once, once it is on record."""

import asyncio
from contextlib import suppress
from math import inf

import pytest

from faults import Halted, LostAnswer
from generating import COST, PAID, PRICED, Held, ask, calls, found, history, usage
from house import House, a_house
from imagegen.adapters.queues.in_process import InProcessQueue
from imagegen.application.leasing import LIFETIME
from imagegen.domain.attempts import Outcome
from imagegen.domain.errors import DatabaseUnavailable
from imagegen.domain.generations import Generation, Status
from imagegen.domain.users import Principal
from processes import Ground, a_place, until


async def ended(house: House, owner: Principal) -> Generation:
    """The only generation, once it has ended."""

    async def final() -> bool:
        return all(generation.status.final for generation in await history(house, owner))

    await until(final)
    (generation,) = await history(house, owner)
    return generation


async def test_what_is_accepted_is_running_with_its_calls() -> None:
    """One commit accepts and begins it: who asked is told so, and each of its calls is on record."""
    held = Held()
    house = a_house(held)
    owner = await house.owner()
    async with house.working():
        await a_place(house)
        generation = await ask(house, owner, n=2)
        assert (generation.status, generation.worker_id) == (Status.RUNNING, house.lease.worker_id)
        assert await found(house, owner, generation.id) == generation
        attempts = await calls(house, owner, generation.id)
        assert [(call.number, call.outcome) for call in attempts] == [(1, Outcome.STARTED), (2, Outcome.STARTED)]
        held.may_end.set()
        assert (await ended(house, owner)).status is Status.SUCCEEDED
    assert len(house.provider.calls) == 2


async def test_nothing_is_called_before_it_is_on_record() -> None:
    """While the commit is under way the provider hears nothing."""
    database = Halted()
    house = a_house(database=database)
    owner = await house.owner()
    async with house.working():
        await a_place(house)
        database.halt()
        asked = asyncio.create_task(ask(house, owner, wait=60))
        await database.reached.wait()
        assert house.provider.calls == []
        database.go_on.set()
        assert (await asked).status is Status.SUCCEEDED


async def test_a_caller_that_goes_away_during_the_commit_loses_nothing() -> None:
    """Once its row is on the way to the database nothing takes it back: it is drawn."""
    database = Halted()
    house = a_house(PAID, models=(PRICED,), database=database)
    owner = await house.owner()
    async with house.working():
        await a_place(house)
        database.halt()
        asked = asyncio.create_task(ask(house, owner, wait=60))
        await database.reached.wait()
        asked.cancel()
        with suppress(asyncio.CancelledError):
            await asked
        database.go_on.set()
        await until(lambda: remembered(house, owner))
        generation = await ended(house, owner)
    assert (generation.status, generation.cost_micros) == (Status.SUCCEEDED, COST)


async def remembered(house: House, owner: Principal) -> bool:
    """Whether something is."""
    return bool(await history(house, owner))


@pytest.mark.parametrize("away", [0, 3])
async def test_a_beginning_whose_answer_was_lost_is_drawn(away: int) -> None:
    """The caller is told that the database is away; what it did remember is drawn as soon as that is known."""
    database = LostAnswer()
    house = a_house(PAID, models=(PRICED,), database=database)
    owner = await house.owner()
    async with house.working():
        await a_place(house)
        database.lost, database.away_after = 1, away
        with pytest.raises(DatabaseUnavailable):
            await ask(house, owner, wait=60)
        database.away = 0
        generation = await ended(house, owner)
    assert (generation.status, len(house.provider.calls)) == (Status.SUCCEEDED, 1)
    assert (await usage(house, owner)).cost_micros == COST


async def test_a_beginning_that_was_not_remembered_is_not_drawn() -> None:
    """When the database took nothing there is no generation, no call and no charge, and the place is free again."""
    database = LostAnswer()
    house = a_house(PAID, models=(PRICED,), database=database, queue=InProcessQueue(concurrency=2, grace=1.0))
    owner = await house.owner()
    async with house.working():
        await a_place(house)
        database.lost, database.forgetful = 1, True
        with pytest.raises(DatabaseUnavailable):
            await ask(house, owner, wait=60)
        await a_place(house)
        assert (await history(house, owner), house.provider.calls) == ([], [])
        assert (await ask(house, owner, wait=60)).status is Status.SUCCEEDED


async def test_what_was_canceled_before_its_beginning_was_confirmed_is_not_drawn() -> None:
    """A generation that was remembered, then canceled, and only then known here to have begun, is left alone."""
    database = LostAnswer()
    house = a_house(PAID, database=database, queue=InProcessQueue(concurrency=2, grace=1.0))
    elsewhere = a_house(database=database, unit_of_work=database.always)
    owner = await house.owner()
    async with house.working():
        await a_place(house)
        database.lost, database.away_after = 1, inf
        with pytest.raises(DatabaseUnavailable):
            await ask(house, owner)
        (generation,) = await history(elsewhere, owner)
        canceled = await elsewhere.application.cancel_generation(owner, generation.id)
        database.away = 0
        await a_place(house)
    assert house.provider.calls == []
    assert await found(house, owner, generation.id) == canceled


async def test_what_is_canceled_before_its_beginning_is_known_here_is_not_drawn() -> None:
    """Word of a cancellation that comes between the commit and its answer is not lost."""
    database = Halted(after=True)
    house = a_house(PAID, database=database, queue=InProcessQueue(concurrency=2, grace=1.0))
    owner = await house.owner()
    async with house.working():
        await a_place(house)
        database.halt()
        asked = asyncio.create_task(ask(house, owner))
        await database.reached.wait()
        (generation,) = await history(house, owner)
        canceled = await house.application.cancel_generation(owner, generation.id)
        database.go_on.set()
        await asked
        await a_place(house)
    assert house.provider.calls == []
    assert await found(house, owner, generation.id) == canceled


async def test_a_process_that_stops_during_the_commit_keeps_nobody_waiting() -> None:
    """A caller whose commit is still under way when the grace is over is told so, and does not wait for ever."""
    database = Halted()
    house = a_house(database=database, queue=InProcessQueue(grace=0.01))
    owner = await house.owner()
    async with house.working():
        await a_place(house)
        database.halt()
        asked = asyncio.create_task(ask(house, owner))
        await database.reached.wait()
    with pytest.raises(DatabaseUnavailable):
        await asked


async def test_without_a_place_it_is_queued_and_rung_for() -> None:
    """When all places are taken it waits for its turn like everything else."""
    held = Held()
    house = a_house(held, queue=InProcessQueue(concurrency=2, grace=1.0))
    owner = await house.owner()
    async with house.working():
        await a_place(house)
        first, second = await ask(house, owner), await ask(house, owner)
        assert (first.status, second.status) == (Status.RUNNING, Status.QUEUED)
        held.may_end.set()
        with house.events.watch(second.id) as watch:
            assert await watch.outcome(60)
    assert {generation.status for generation in await history(house, owner)} == {Status.SUCCEEDED}


async def test_without_a_lease_it_is_queued_and_rung_for() -> None:
    """What began at a process that is not known to be alive would be settled by another one at once."""
    ground = Ground()
    house = ground.process(PAID, models=(PRICED,))
    owner = await house.owner()
    async with house.working():
        await a_place(house)
        ground.clock.advance(seconds=LIFETIME.total_seconds())
        generation = await ask(house, owner)
        assert generation.status is Status.QUEUED
        with house.events.watch(generation.id) as watch:
            drawn = await watch.outcome(60)
        assert house.lease.held  # it was renewed before anything began
    assert drawn is not None
    assert drawn.status is Status.SUCCEEDED
