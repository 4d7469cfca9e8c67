"""Settling a generation: its state, its calls, its images and its usage, all of it or nothing, and once."""

from dataclasses import replace

import pytest

from faults import Interrupted, LostAnswer
from generating import COST, PAID, PRICED, ask, found, run, usage
from house import ANSWER, EASEL, PICTURE, a_house
from imagegen.adapters.memory import MemoryDatabase
from imagegen.domain.errors import Billed, ContentBlocked
from imagegen.domain.generations import Status
from imagegen.domain.images import ImageRequest, Labels
from imagegen.domain.ports import ProviderAnswer, UnitOfWork
from imagegen.domain.prices import Price
from imagegen.domain.usage import UsageRecord


class Accounting(MemoryDatabase):
    """A database that shows the records of usage, of which a report tells only sums."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[UsageRecord] = []

    def unit_of_work(self) -> UnitOfWork:
        """A unit of work that lets its records be seen."""
        work = super().unit_of_work()
        work.usage.add = self.records.append  # type: ignore[method-assign,assignment]  # nobody else needs them here
        return work


@pytest.mark.parametrize(("sent", "told"), [(1, "fewer"), (3, "more")])
async def test_another_number_of_pictures_is_told(sent: int, told: str) -> None:
    """Every picture that was sent is kept, and a number that differs from the wish is explained."""
    twice = replace(EASEL, capabilities=replace(EASEL.capabilities, images_per_call=2))
    house = a_house(replace(ANSWER, pictures=(PICTURE,) * sent), models=(twice,))
    ended, _ = await run(house, await house.owner(), n=2)
    (adjustment,) = ended.adjustments
    assert (len(ended.images), adjustment.applied) == (sent, sent)
    assert told in adjustment.reason


async def test_a_failure_that_was_not_billed_costs_nothing() -> None:
    """Certainty that nothing was charged is a cost of 0, not an unknown one."""
    house = a_house(ContentBlocked(billed=Billed.NO), models=(PRICED,))
    ended, _ = await run(house, await house.owner())
    assert ended.cost_micros == 0


async def test_an_unknown_price_is_unknown() -> None:
    """Tokens without a price, or a price without tokens, make a cost of nobody knows, never of 0."""
    for answer, price in ((PAID, Price()), (ANSWER, PRICED.price)):
        house = a_house(answer, models=(replace(EASEL, price=price),))
        ended, _ = await run(house, await house.owner())
        assert ended.cost_micros is None


async def test_what_was_drawn_for_nothing_is_not_recorded_as_billed() -> None:
    """The record of usage says of a success what its calls say."""
    database = Accounting()
    house = a_house(replace(ANSWER, billed=Billed.NO), database=database)
    await run(house, await house.owner())
    assert [record.billed for record in database.records] == [Billed.NO]


async def test_relabeling_while_it_runs_loses_neither_labels_nor_picture() -> None:
    """A change of labels between start and end is kept, and so is the picture."""

    async def relabel(_: ImageRequest, __: int) -> ProviderAnswer:
        await house.application.relabel_generation(owner, generation.id, lambda _: Labels(title="relabeled"))
        return ANSWER

    house = a_house(relabel)
    owner = await house.owner()
    generation = await ask(house, owner)
    await house.application.run_generation(generation.id)
    ended = await found(house, owner, generation.id)
    assert (ended.status, ended.labels.title, len(ended.images)) == (Status.SUCCEEDED, "relabeled", 1)


async def test_a_paid_picture_waits_for_a_database_that_is_away() -> None:
    """However long the database does not take the end, it is tried again: nothing is lost, drawn or charged twice."""

    async def cut(_: ImageRequest, __: int) -> ProviderAnswer:
        database.away = 100
        return PAID

    database = Interrupted()
    house = a_house(cut, models=(PRICED,), database=database)
    owner = await house.owner()
    generation = await ask(house, owner)
    await house.application.run_generation(generation.id)
    ended = await found(house, owner, generation.id)
    assert (ended.status, len(ended.images), len(house.provider.calls)) == (Status.SUCCEEDED, 1, 1)
    assert (await usage(house, owner)).cost_micros == COST


async def test_a_commit_whose_answer_was_lost_is_not_repeated() -> None:
    """When the end was remembered and nobody said so, the second try finds it and tells whoever waits."""
    database = LostAnswer()
    house = a_house(PAID, models=(PRICED,), database=database)
    owner = await house.owner()
    generation = await ask(house, owner)
    await house.application.renew_lease()
    database.lost = 2  # the second commit from here is the end
    with house.events.watch(generation.id) as watch:
        await house.application.run_generation(generation.id)
        told = await watch.outcome(0)
    assert told is not None
    assert (told.status, len(told.images)) == (Status.SUCCEEDED, 1)
    assert (await usage(house, owner)).requests == 1
