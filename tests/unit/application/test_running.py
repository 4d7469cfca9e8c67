"""Running a generation that was rung for: begun on record, once, in the order of their priorities."""

import asyncio
from dataclasses import replace

import pytest

from faults import Damaged, LostAnswer
from generating import COST, PAID, PRICED, Held, ask, calls, found, history, usage
from house import ANSWER, House, a_house
from imagegen.adapters.memory import MemoryProvider
from imagegen.domain.attempts import Outcome
from imagegen.domain.errors import Billed, DatabaseUnavailable
from imagegen.domain.generations import Priority, Status
from imagegen.domain.images import ImageRequest
from imagegen.domain.ports import ProviderAnswer


async def test_the_call_is_on_record_before_it_is_made() -> None:
    """When the provider is asked, the generation is already running and its attempt already written."""
    seen: list[tuple[Status, Outcome]] = []

    async def look(_: ImageRequest, __: int) -> ProviderAnswer:
        (attempt,) = await calls(house, owner, generation.id)
        seen.append(((await found(house, owner, generation.id)).status, attempt.outcome))
        return ANSWER

    house = a_house(look)
    owner = await house.owner()
    generation = await ask(house, owner)
    await house.application.run_generation(generation.id)
    assert seen == [(Status.RUNNING, Outcome.STARTED)]


async def test_one_generation_is_run_once_however_often_it_rings() -> None:
    """Deliveries at the same instant and later ones make a single call and a single charge."""
    house = a_house(PAID, models=(PRICED,))
    owner = await house.owner()
    generation = await ask(house, owner)
    await asyncio.gather(*(house.application.run_generation(generation.id) for _ in range(5)))
    await house.application.run_generation(generation.id)
    assert len(house.provider.calls) == 1
    assert (await usage(house, owner)).cost_micros == COST


async def test_relabeling_while_it_begins_does_not_keep_it_waiting() -> None:
    """However relabeling and starting interleave, the generation is drawn and the labels are kept."""
    house = a_house()
    owner = await house.owner()
    generation = await ask(house, owner)
    relabeling = (
        house.application.relabel_generation(owner, generation.id, lambda old: replace(old, title="relabeled"))
        for _ in range(3)
    )
    await asyncio.gather(house.application.run_generation(generation.id), *relabeling)
    ended = await found(house, owner, generation.id)
    assert (ended.status, ended.labels.title) == (Status.SUCCEEDED, "relabeled")


@pytest.mark.parametrize("away", [0, 3])
async def test_a_beginning_whose_answer_was_lost_goes_on(away: int) -> None:
    """When the start was remembered and nobody said so, it is read again, once it can be, and drawn."""
    database = LostAnswer()
    house = a_house(PAID, models=(PRICED,), database=database)
    owner = await house.owner()
    generation = await ask(house, owner)
    await house.application.renew_lease()
    database.lost, database.away_after = 1, away
    await house.application.run_generation(generation.id)
    ended = await found(house, owner, generation.id)
    assert (ended.status, len(ended.images), len(house.provider.calls)) == (Status.SUCCEEDED, 1, 1)


async def test_a_beginning_that_was_not_remembered_draws_nothing() -> None:
    """When the database took nothing, the generation stays queued for the next ring, and no call is made."""
    database = LostAnswer()
    house = a_house(PAID, models=(PRICED,), database=database)
    owner = await house.owner()
    generation = await ask(house, owner)
    await house.application.renew_lease()
    database.lost, database.forgetful = 1, True
    with pytest.raises(DatabaseUnavailable):
        await house.application.run_generation(generation.id)
    assert not house.provider.calls
    await house.application.run_generation(generation.id)
    assert (await found(house, owner, generation.id)).status is Status.SUCCEEDED


async def test_a_provider_that_left_fails_what_it_was_asked_for() -> None:
    """A generation whose provider is not configured any more when its turn comes fails without a cost, and says so."""
    house = a_house()
    owner = await house.owner()
    generation = await ask(house, owner)
    moved = House(provider=MemoryProvider("other", ANSWER), database=house.database)
    await moved.application.run_generation(generation.id)
    ended = await found(house, owner, generation.id)
    assert ended.failure is not None
    assert (ended.status, ended.failure.code, ended.cost_micros) == (Status.FAILED, "provider_account", 0)


async def test_what_was_to_start_by_now_is_given_up() -> None:
    """Rung for too late it fails as `deadline_exceeded`: it costs nothing, and whoever waits is told."""
    house = a_house()
    owner = await house.owner()
    generation = await ask(house, owner, start_within=30)
    house.clock.advance(seconds=30)
    with house.events.watch(generation.id) as watch:
        await house.application.run_generation(generation.id)
        told = await watch.outcome(0)
    ended = await found(house, owner, generation.id)
    assert told == ended
    assert ended.failure is not None
    assert (ended.failure.code, ended.failure.billed, ended.cost_micros) == ("deadline_exceeded", Billed.NO, 0)
    assert (house.provider.calls, await calls(house, owner, generation.id)) == ([], [])


async def test_what_has_started_in_time_is_finished() -> None:
    """The moment is for the start: what is drawn by then goes on to its end."""

    async def slowly(_: ImageRequest, __: int) -> ProviderAnswer:
        house.clock.advance(hours=1)
        return ANSWER

    house = a_house(slowly)
    owner = await house.owner()
    generation = await ask(house, owner, start_within=30)
    house.clock.advance(seconds=29.999)
    await house.application.run_generation(generation.id)
    assert (await found(house, owner, generation.id)).status is Status.SUCCEEDED


async def test_the_better_ones_go_first() -> None:
    """Whatever rings, those of a higher priority are drawn before it, the oldest of the highest first."""
    house = a_house()
    owner = await house.owner()
    priorities = [Priority.LOW, Priority.NORMAL, Priority.HIGH, Priority.NORMAL, Priority.HIGH]
    for place, priority in enumerate(priorities):
        await ask(house, owner, prompt=f"{place}", priority=priority)
    (low,) = [one for one in await history(house, owner) if one.priority is Priority.LOW]
    await house.application.run_generation(low.id)
    assert [call.request.prompt for call in house.provider.calls] == ["2", "4", "1", "3", "0"]


@pytest.mark.parametrize("places", [2, 5, 40])
async def test_the_better_ones_go_first_where_places_come_free_together(places: int) -> None:
    """Rings that are answered at the same moment begin as many of the higher priority, each another one."""
    held = Held()
    house = a_house(held)
    owner = await house.owner()
    low = [await ask(house, owner, prompt=f"low {n}", priority=Priority.LOW) for n in range(places)]
    better = [Priority.HIGH] * (places // 2) + [Priority.NORMAL] * places
    for place, priority in enumerate(better):
        await ask(house, owner, prompt=f"{place}", priority=priority)
    running = [asyncio.create_task(house.application.run_generation(one.id)) for one in low]
    for _ in low:
        await held.begun.acquire()
    assert sorted(call.request.prompt for call in house.provider.calls) == sorted(map(str, range(places)))
    held.may_end.set()
    await asyncio.gather(*running)
    drawn = [call.request.prompt for call in house.provider.calls]
    assert sorted(drawn[: len(better)]) == sorted(map(str, range(len(better))))
    assert sorted(drawn[len(better) :]) == sorted(one.requested.prompt for one in low)


async def test_a_better_one_that_is_broken_does_not_hide_the_rest(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever is rung for is drawn, after the better ones that can be; the broken one is reported, and not quoted."""
    database = Damaged()
    house = a_house(database=database)
    owner = await house.owner()
    low, broken, high = [
        await ask(house, owner, prompt=priority, priority=priority)
        for priority in (Priority.LOW, Priority.HIGH, Priority.HIGH)
    ]
    database.bad = broken.id
    await house.application.run_generation(low.id)
    assert [call.request.prompt for call in house.provider.calls] == [Priority.HIGH, Priority.LOW]
    for generation in (high, low):
        assert (await found(house, owner, generation.id)).status is Status.SUCCEEDED
    assert [str(broken.id) in record.getMessage() for record in caplog.records] == [True]
    assert Damaged.quoted not in caplog.text


async def test_equals_go_as_they_are_rung_for() -> None:
    """Where nothing better waits the one that was rung for is drawn, and nothing else."""
    house = a_house()
    owner = await house.owner()
    first, second = await ask(house, owner, prompt="first"), await ask(house, owner, prompt="second")
    await ask(house, owner, prompt="low", priority=Priority.LOW)
    await house.application.run_generation(second.id)
    assert [call.request.prompt for call in house.provider.calls] == ["second"]
    assert (await found(house, owner, first.id)).status is Status.QUEUED


async def test_many_rings_draw_everything_once() -> None:
    """However rings of all priorities interleave, each generation is drawn once."""
    house = a_house(PAID, models=(PRICED,))
    owner = await house.owner()
    generations = [await ask(house, owner, priority=list(Priority)[place % 3]) for place in range(30)]
    await asyncio.gather(*(house.application.run_generation(one.id) for one in generations))
    assert {one.status for one in await history(house, owner)} == {Status.SUCCEEDED}
    assert (len(house.provider.calls), (await usage(house, owner)).cost_micros) == (30, 30 * COST)


async def test_nothing_begins_without_a_lease() -> None:
    """A process that was silent for too long says that it is alive before it begins, or does not begin."""
    database = LostAnswer()
    house = a_house(database=database)
    owner = await house.owner()
    generation = await ask(house, owner)
    database.lost, database.forgetful = 1, True
    with pytest.raises(DatabaseUnavailable):
        await house.application.run_generation(generation.id)
    assert (await found(house, owner, generation.id)).status is Status.QUEUED
    await house.application.run_generation(generation.id)
    assert house.lease.held
    assert (await found(house, owner, generation.id)).worker_id == house.lease.worker_id
