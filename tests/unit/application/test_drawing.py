"""Drawing a generation: as many calls as its pictures need, and what they come to together."""

from dataclasses import replace

from generating import COST, PAID, PRICED, run, usage
from house import ANSWER, PICTURE, a_house
from imagegen.domain.attempts import Outcome
from imagegen.domain.errors import Billed, ContentBlocked, OutcomeUnknown, ProviderBusy
from imagegen.domain.generations import Status
from imagegen.domain.images import ImageRequest
from imagegen.domain.ports import ProviderAnswer


async def test_n_pictures_are_as_many_calls_as_the_model_needs() -> None:
    """A model that draws two at a time is asked three times for five, and they come in order."""
    pair = replace(PRICED, capabilities=replace(PRICED.capabilities, images_per_call=2))

    async def answer(_: ImageRequest, count: int) -> ProviderAnswer:
        return replace(PAID, pictures=(PICTURE,) * count)

    house = a_house(answer, models=(pair,))
    ended, attempts = await run(house, await house.owner(), n=5)
    assert [call.count for call in house.provider.calls] == [2, 2, 1]
    assert [attempt.number for attempt in attempts] == [1, 2, 3]
    assert [image.position for image in ended.images] == [0, 1, 2, 3, 4]
    assert (ended.cost_micros, ended.adjustments) == (3 * COST, ())


async def test_calls_of_one_generation_count_the_seed_on() -> None:
    """Several calls with one seed would bring the same picture several times, each of them paid for."""
    house = a_house(ANSWER)
    await run(house, await house.owner(), n=3, seed=2**31 - 2)
    assert [call.request.seed for call in house.provider.calls] == [2**31 - 2, 2**31 - 1, 0]


async def test_the_pictures_there_are_count_when_others_fail() -> None:
    """When some of several calls fail, the rest is the result; the difference and the cost of all are told."""
    house = a_house(PAID, ContentBlocked(billed=Billed.NO), PAID, models=(PRICED,))
    owner = await house.owner()
    ended, attempts = await run(house, owner, n=3)
    assert (ended.status, len(ended.images), ended.cost_micros) == (Status.SUCCEEDED, 2, 2 * COST)
    (adjustment,) = ended.adjustments
    assert (adjustment.parameter, adjustment.asked, adjustment.applied) == ("n", 3, 2)
    assert adjustment.reason == ContentBlocked.title
    assert [attempt.outcome for attempt in attempts] == [Outcome.SUCCEEDED, Outcome.FAILED, Outcome.SUCCEEDED]
    assert (await usage(house, owner)).images == 2


async def test_when_every_call_fails_the_generation_does() -> None:
    """The first error speaks; if any of the calls may have been billed, that is what is said."""
    house = a_house(ProviderBusy(), OutcomeUnknown(), models=(PRICED,))
    owner = await house.owner()
    ended, attempts = await run(house, owner, n=2)
    assert ended.failure is not None
    assert (ended.status, ended.failure.code, ended.failure.billed) == (Status.FAILED, "provider_busy", Billed.UNKNOWN)
    assert ended.cost_micros is None
    assert [attempt.outcome for attempt in attempts] == [Outcome.FAILED, Outcome.UNKNOWN]
    bucket = await usage(house, owner)
    assert (bucket.failures, bucket.cost_micros, bucket.unknown_costs) == (1, 0, 1)
