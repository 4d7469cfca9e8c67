"""Running a generation that was rung for: begun on record, once, in the order of their priorities."""

import asyncio
from dataclasses import replace

import pytest

from faults import LostAnswer
from generating import COST, PAID, PRICED, ask, calls, found, usage
from house import ANSWER, House, a_house
from imagegen.adapters.memory import MemoryProvider
from imagegen.domain.errors import DatabaseUnavailable
from imagegen.domain.generations import Outcome, Status
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
