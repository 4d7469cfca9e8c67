"""Trying again: the same call after a pause, or another provider, and only what was certainly not billed."""

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from faults import Interrupted, LostAnswer
from generating import COST, PAID, PRICED, Held, ask, calls, found, pictures, run, usage
from house import ANSWER, PASSWORD, House, a_house
from imagegen.adapters.memory import MemoryProvider
from imagegen.domain.attempts import Outcome
from imagegen.domain.errors import (
    Billed,
    ContentBlocked,
    DeadlineExceeded,
    NoImage,
    NotFound,
    OutcomeUnknown,
    ProviderAccount,
    ProviderBusy,
    ProviderMisbehaved,
    ProviderUnreachable,
)
from imagegen.domain.generations import Adjustment, Generation, Status
from imagegen.domain.images import Background, ImageRequest
from imagegen.domain.ports import ProviderAnswer
from imagegen.domain.prices import Price
from imagegen.domain.retries import RetryPolicy
from imagegen.domain.users import Principal
from no_time import in_no_time, loop_time
from processes import until
from wire.pictures import draw

QUAD = replace(PRICED, capabilities=replace(PRICED.capabilities, images_per_call=4))
BRUSH = replace(
    PRICED,
    id="brush-1",
    provider="brush",
    aliases=(),
    price=Price(output_image=Decimal(10)),
    capabilities=replace(PRICED.capabilities, qualities=frozenset(), transparent=False),
)
CHEAP = 10_000
"""Micros that a picture of the brush costs."""
REFUSED = ProviderAccount()
"""What makes a request move at once."""


def patient(*answers: Any, jitter: float = 0.0, **features: Any) -> House:
    """A house that tries again as the service does, by the time of the loop."""
    house = a_house(*answers, **{"models": (PRICED,), "policy": RetryPolicy()} | features)
    run = house.application.run_generation
    call = replace(run.draw.call, seconds=loop_time, jitter=lambda: jitter)
    house.application = replace(house.application, run_generation=replace(run, draw=replace(run.draw, call=call)))
    return house


def with_brush(*answers: Any, brush: tuple[Any, ...] = (PAID,), **features: Any) -> tuple[House, MemoryProvider]:
    """The same with a second provider, who is asked when the first one is away."""
    other = MemoryProvider("brush", *brush)
    models = (features.pop("model", PRICED), BRUSH)
    return patient(*answers, others=(other,), models=models, **features), other


@in_no_time
async def test_what_was_busy_is_asked_again() -> None:
    """After a pause the same is asked for once more; both calls are on record, and only the second one costs."""
    house = patient(ProviderBusy(), PAID)
    owner = await house.owner()
    ended, attempts = await run(house, owner)
    assert (ended.status, ended.cost_micros, ended.adjustments) == (Status.SUCCEEDED, COST, ())
    assert [(a.number, a.outcome, a.billed, a.cost_micros, a.error_code) for a in attempts] == [
        (1, Outcome.FAILED, Billed.NO, 0, "provider_busy"),
        (2, Outcome.SUCCEEDED, Billed.YES, COST, None),
    ]
    assert house.provider.calls[0].request == house.provider.calls[1].request
    assert loop_time() == 1.0
    bucket = await usage(house, owner)
    assert (bucket.requests, bucket.failures, bucket.cost_micros) == (1, 0, COST)


@in_no_time
async def test_what_the_provider_asks_to_wait_is_waited() -> None:
    """Its `Retry-After` is kept to the second, where it is longer than our own pause."""
    house = patient(ProviderBusy(retry_after=20), PAID)
    ended, _ = await run(house, await house.owner())
    assert (ended.status, loop_time()) == (Status.SUCCEEDED, 20.0)


@in_no_time
async def test_the_pauses_grow_and_end() -> None:
    """Each is twice as long and a little apart from the others'; after the fourth call the last error is the end."""
    house = patient(ProviderBusy(), jitter=0.5)
    ended, attempts = await run(house, await house.owner())
    assert ended.failure is not None
    assert (ended.failure.code, ended.failure.billed, ended.cost_micros) == ("provider_busy", Billed.NO, 0)
    assert [attempt.outcome for attempt in attempts] == [Outcome.FAILED] * 4
    assert loop_time() == (1 + 2 + 4) * 1.5


@in_no_time
async def test_the_next_call_is_on_record_before_it_is_made() -> None:
    """And so is the end of the one before it."""
    seen: list[list[Outcome]] = []

    async def look(_: ImageRequest, __: int) -> ProviderAnswer:
        seen.append([attempt.outcome for attempt in await calls(house, owner, generation.id)])
        return ANSWER

    house = patient(ProviderBusy(), look)
    owner = await house.owner()
    generation = await ask(house, owner)
    await house.application.run_generation(generation.id)
    assert seen == [[Outcome.FAILED, Outcome.STARTED]]


@in_no_time
async def test_what_is_refused_moves_to_the_next_provider() -> None:
    """The generation is the other one's: its provider, model, parameters and price, with every difference told."""
    house, brush = with_brush(REFUSED)
    ended, attempts = await run(house, await house.owner(), quality="high")
    assert (ended.provider, ended.model, ended.cost_micros) == ("brush", "brush-1", CHEAP)
    assert (ended.applied.provider, ended.applied.model, ended.applied.quality) == ("brush", "brush-1", None)
    assert ended.requested == ImageRequest(prompt="fox", quality="high")  # type: ignore[arg-type]  # as a client says it
    move, quality = ended.adjustments
    assert move == Adjustment("provider", None, "brush", f"easel: {ProviderAccount.title}.")
    assert (quality.parameter, quality.applied) == ("quality", None)
    assert [(a.provider, a.model, a.outcome) for a in attempts] == [
        ("easel", "easel-1", Outcome.FAILED),
        ("brush", "brush-1", Outcome.SUCCEEDED),
    ]
    assert brush.calls[0].request == ended.applied
    assert loop_time() == 0.0


@in_no_time
async def test_a_model_that_was_asked_for_is_told_to_have_been_another() -> None:
    """Whoever names a model, and does not insist, is told of the move as one of the model."""
    house, _ = with_brush(REFUSED)
    ended, _ = await run(house, await house.owner(), model="easel-1")
    assert [(a.parameter, a.asked, a.applied) for a in ended.adjustments] == [("model", "easel-1", "brush-1")]


@pytest.mark.parametrize("wishes", [{"provider": "easel"}, {"model": "easel-1", "strict": True}])
@in_no_time
async def test_whoever_insists_is_not_moved(wishes: dict[str, Any]) -> None:
    """A provider that was named, or a model of a strict request, draws it or nobody does."""
    house, brush = with_brush(REFUSED)
    ended, _ = await run(house, await house.owner(), **wishes)
    assert (ended.status, ended.provider, brush.calls) == (Status.FAILED, "easel", [])


@in_no_time
async def test_who_is_busy_for_long_is_left_for_another() -> None:
    """Where somebody else could draw at once, only short pauses are waited."""
    house, brush = with_brush(ProviderBusy(retry_after=20))
    ended, attempts = await run(house, await house.owner())
    assert (ended.provider, len(attempts), len(brush.calls), loop_time()) == ("brush", 2, 1, 0.0)


@in_no_time
async def test_many_pictures_of_one_call_may_become_many_calls() -> None:
    """A call for four that moves to a model which draws one at a time brings four, each of them on record."""
    house, brush = with_brush(REFUSED, model=QUAD)
    ended, attempts = await run(house, await house.owner(), n=4, seed=7)
    assert [(a.number, a.provider, a.count) for a in attempts] == [
        (1, "easel", 4),
        *((number, "brush", 1) for number in (2, 3, 4, 5)),
    ]
    assert [image.position for image in ended.images] == [0, 1, 2, 3]
    assert [adjustment.parameter for adjustment in ended.adjustments] == ["provider"]
    assert ended.cost_micros == 4 * CHEAP
    assert [call.request.seed for call in brush.calls] == [7, 8, 9, 10]


@pytest.mark.parametrize("answers", [(PAID, REFUSED, PAID), (REFUSED, PAID, PAID)], ids=["a later", "the first"])
@in_no_time
async def test_of_many_pictures_some_may_move(answers: tuple[Any, ...]) -> None:
    """It stays with the model that drew as asked; what differs for the others is told, and each costs its own price."""
    house, _ = with_brush(*answers)
    owner = await house.owner()
    ended, attempts = await run(house, owner, n=3, quality="high")
    assert (ended.provider, ended.model, len(ended.images)) == ("easel", "easel-1", 3)
    assert (ended.applied.provider, ended.applied.quality) == ("easel", "high")
    assert ended.adjustments == (
        Adjustment("provider", None, "brush", f"For 1 of 3 pictures: easel: {ProviderAccount.title}."),
        Adjustment("quality", "high", None, "For 1 of 3 pictures: brush-1 has no such setting."),
    )
    assert ended.cost_micros == sum(call.cost_micros or 0 for call in attempts) == 2 * COST + CHEAP
    assert sorted((call.provider, call.outcome) for call in attempts) == [
        ("brush", Outcome.SUCCEEDED),
        ("easel", Outcome.FAILED),
        *[("easel", Outcome.SUCCEEDED)] * 2,
    ]
    by_attempt = {call.id: call.provider for call in attempts}
    drew = [by_attempt[image.attempt_id] for image in ended.images if image.attempt_id is not None]
    assert [image.position for image in ended.images] == [0, 1, 2]
    assert drew == ["brush" if answer is REFUSED else "easel" for answer in answers]
    bucket = await usage(house, owner)
    assert (bucket.requests, bucket.images, bucket.cost_micros) == (1, 3, ended.cost_micros)


@in_no_time
async def test_what_some_pictures_were_not_asked_for_is_no_failed_conversion() -> None:
    """A model that draws on no clear ground is not asked for a format that has one, and may bring what it likes."""
    plain = replace(PAID, pictures=(draw(64, 48, "jpeg"),))
    house, _ = with_brush(PAID, REFUSED, brush=(plain,))
    ended, _ = await run(house, await house.owner(), n=2, background=Background.TRANSPARENT)
    assert [image.format for image in ended.images] == ["png", "jpeg"]
    assert [adjustment.parameter for adjustment in ended.adjustments] == ["provider", "background"]


@in_no_time
async def test_when_nobody_is_left_the_last_one_speaks() -> None:
    """Every provider is asked once at most in turn, and the end is that of the last call."""
    house, brush = with_brush(REFUSED, brush=(ContentBlocked(billed=Billed.NO),))
    ended, attempts = await run(house, await house.owner())
    assert ended.failure is not None
    assert (ended.provider, ended.failure.code, ended.cost_micros) == ("brush", "content_blocked", 0)
    assert [attempt.error_code for attempt in attempts] == ["provider_account", "content_blocked"]
    assert (len(house.provider.calls), len(brush.calls)) == (1, 1)


@pytest.mark.parametrize(
    "error",
    [
        ContentBlocked(billed=Billed.NO),
        ContentBlocked(billed=Billed.YES),
        NoImage(billed=Billed.NO),
        ProviderMisbehaved(billed=Billed.NO),
        DeadlineExceeded(),
        OutcomeUnknown(),
        ProviderUnreachable(),
        ProviderBusy(billed=Billed.UNKNOWN),
        ValueError("a defect"),
    ],
    ids=repr,
)
@in_no_time
async def test_what_is_final_or_ambiguous_goes_nowhere_else(error: Exception) -> None:
    """A safety refusal, a useless answer, and whatever may have been billed make one call, and nobody else is asked."""

    async def fail(_: ImageRequest, __: int) -> ProviderAnswer:
        raise error

    house, brush = with_brush(fail)
    ended, attempts = await run(house, await house.owner())
    assert (ended.status, len(attempts), len(house.provider.calls)) == (Status.FAILED, 1, 1)
    assert (brush.calls, loop_time()) == ([], 0.0)


@in_no_time
async def test_only_the_call_that_failed_is_made_again() -> None:
    """Pictures that are here already are not drawn twice, and each call keeps its seed however often it is made."""
    house = patient(PAID, ProviderBusy(), PAID)
    ended, attempts = await run(house, await house.owner(), n=3, seed=7)
    assert (len(ended.images), ended.cost_micros, ended.adjustments) == (3, 3 * COST, ())
    assert [(a.number, a.outcome) for a in attempts] == [
        (1, Outcome.SUCCEEDED),
        (2, Outcome.FAILED),
        (3, Outcome.SUCCEEDED),
        (4, Outcome.SUCCEEDED),
    ]
    assert [call.request.seed for call in house.provider.calls] == [7, 8, 9, 8]


@in_no_time
async def test_a_picture_that_was_asked_for_again_has_the_seed_that_is_told() -> None:
    """Whoever draws it once more from the seed of the generation gets the same."""
    house = patient(ProviderBusy(), PAID)
    ended, _ = await run(house, await house.owner(), seed=7)
    assert ended.applied.seed == 7
    assert [call.request.seed for call in house.provider.calls] == [7, 7]


@in_no_time
async def test_one_deadline_bounds_everything() -> None:
    """Each call has what the ones before it and the pauses left of the model's deadline."""

    async def slow(_: ImageRequest, __: int) -> ProviderAnswer:
        await asyncio.sleep(10)
        raise ProviderBusy

    house = patient(slow, models=(replace(PRICED, deadline=60.0),))
    ended, _ = await run(house, await house.owner())
    assert [call.deadline for call in house.provider.calls] == [60.0, 49.0, 37.0]
    assert loop_time() == 10 + 1 + 10 + 2 + 10  # a fourth call would have 23 seconds, in which hardly any picture comes
    assert ended.failure is not None
    assert ended.failure.code == "provider_busy"


@in_no_time
async def test_no_pause_outlasts_the_deadline() -> None:
    """Who asks for longer than there is time is not waited for."""
    house = patient(ProviderBusy(retry_after=200), PAID)
    ended, attempts = await run(house, await house.owner())
    assert (ended.status, len(attempts), loop_time()) == (Status.FAILED, 1, 0.0)


async def refused(house: House, owner: Principal, generation: Generation) -> None:
    """Wait until the end of its first call is written down: it pauses."""

    async def on_record() -> bool:
        return [call.outcome for call in await calls(house, owner, generation.id)] == [Outcome.FAILED]

    await until(on_record)


@in_no_time
async def test_what_is_canceled_in_a_pause_is_not_asked_again() -> None:
    """The pause is cut short, no further call is made, and the cancellation is the end."""
    house = patient(ProviderBusy(retry_after=20), PAID)
    owner = await house.owner()
    generation = await ask(house, owner)
    running = asyncio.create_task(house.application.run_generation(generation.id))
    await refused(house, owner, generation)
    canceled = await house.application.cancel_generation(owner, generation.id)
    await running
    assert await found(house, owner, generation.id) == canceled
    assert (canceled.status, len(house.provider.calls), loop_time()) == (Status.CANCELED, 1, 0.0)
    assert [call.outcome for call in await calls(house, owner, generation.id)] == [Outcome.FAILED]
    assert canceled.failure is not None
    assert (canceled.failure.billed, canceled.cost_micros) == (Billed.NO, 0)  # nobody was being asked
    bucket = await usage(house, owner)
    assert (bucket.requests, bucket.cost_micros, bucket.unknown_costs) == (1, 0, 0)


@in_no_time
async def test_what_is_canceled_while_it_is_asked_again_may_have_been_billed() -> None:
    """The pause is over and a call under way: what that costs nobody knows, whatever the one before it did."""
    held = Held(PAID)
    house = patient(ProviderBusy(), held)
    owner = await house.owner()
    generation = await ask(house, owner)
    running = asyncio.create_task(house.application.run_generation(generation.id))
    await held.begun.acquire()
    canceled = await house.application.cancel_generation(owner, generation.id)
    await running
    assert await found(house, owner, generation.id) == canceled
    assert canceled.failure is not None
    assert (canceled.failure.billed, canceled.cost_micros) == (Billed.UNKNOWN, None)
    attempts = await calls(house, owner, generation.id)
    assert [(call.outcome, call.cost_micros) for call in attempts] == [(Outcome.FAILED, 0), (Outcome.UNKNOWN, None)]


UNHEARD = {
    "after none": ((), Status.FAILED),
    "after pictures of others": ((PAID,), Status.SUCCEEDED),
    "after others that may have been billed": ((OutcomeUnknown(),), Status.FAILED),
}


@pytest.mark.parametrize(("before", "status"), UNHEARD.values(), ids=UNHEARD)
@in_no_time
async def test_what_was_put_on_record_unheard_is_not_made_and_ends(before: tuple[Any, ...], status: Status) -> None:
    """A call whose commit was not answered ends with the generation, however that ends, as one that cost nothing."""
    database = LostAnswer()

    async def refuse(_: ImageRequest, __: int) -> ProviderAnswer:
        database.lost = 2  # the end of this call is put on record first
        raise ProviderBusy

    house = patient(*before, refuse, PAID, database=database)
    ended, attempts = await run(house, await house.owner(), n=len(before) + 1)
    assert (ended.status, len(attempts), len(house.provider.calls)) == (status, len(before) + 2, len(before) + 1)
    assert {call.finished_at is None for call in attempts} == {False}
    made, unheard = attempts[-2:]
    assert (made.outcome, made.billed, made.error_code) == (Outcome.FAILED, Billed.NO, "provider_busy")
    assert (unheard.outcome, unheard.billed, unheard.cost_micros) == (Outcome.FAILED, Billed.NO, 0)
    assert unheard.error_code == "provider_unreachable"


@in_no_time
async def test_nothing_is_asked_again_for_somebody_who_is_gone() -> None:
    """An account that is deleted in a pause costs no further call, and nothing of it comes back."""
    house = patient(ProviderBusy(retry_after=20), PAID)
    owner = await house.owner()
    generation = await ask(house, owner)
    running = asyncio.create_task(house.application.run_generation(generation.id))
    await refused(house, owner, generation)
    await house.application.delete_account(owner, PASSWORD)
    await running
    assert (len(house.provider.calls), await pictures(house)) == (1, set())
    with pytest.raises(NotFound):
        await found(house, owner, generation.id)


@in_no_time
async def test_what_cannot_be_put_on_record_is_not_asked() -> None:
    """While the database is away nothing is tried again: nobody could tell later that a call was made."""

    async def cut(_: ImageRequest, __: int) -> ProviderAnswer:
        database.away = 3
        raise ProviderBusy

    database = Interrupted()
    house = patient(cut, PAID, database=database)
    ended, attempts = await run(house, await house.owner())
    assert (ended.status, len(attempts), len(house.provider.calls)) == (Status.FAILED, 1, 1)
    assert (attempts[0].outcome, ended.cost_micros) == (Outcome.FAILED, 0)


@in_no_time
async def test_who_failed_too_often_is_not_called() -> None:
    """A call through an open circuit is on record as refused and was never made; after a while one is let through."""
    house = patient(*[ProviderBusy()] * 5, PAID, policy=RetryPolicy(most_repeats=0))
    owner = await house.owner()
    for _ in range(5):
        await run(house, owner)
    ended, (attempt,) = await run(house, owner)
    assert ended.failure is not None
    assert (ended.failure.code, ended.failure.billed, ended.cost_micros) == ("provider_busy", Billed.NO, 0)
    assert (attempt.outcome, attempt.billed, len(house.provider.calls)) == (Outcome.FAILED, Billed.NO, 5)
    assert ended.failure.retry_after is not None
    await asyncio.sleep(ended.failure.retry_after)
    ended, _ = await run(house, owner)
    assert (ended.status, len(house.provider.calls)) == (Status.SUCCEEDED, 6)


@in_no_time
async def test_who_is_not_called_is_left_for_another() -> None:
    """Behind an open circuit the request moves at once, without a call that would fail."""
    house, brush = with_brush(ProviderUnreachable(billed=Billed.NO), policy=RetryPolicy(most_repeats=0))
    owner = await house.owner()
    for _ in range(5):
        await run(house, owner)
    ended, attempts = await run(house, owner)
    assert (ended.provider, len(house.provider.calls), len(brush.calls)) == ("brush", 5, 6)
    assert [(a.provider, a.outcome) for a in attempts] == [("easel", Outcome.FAILED), ("brush", Outcome.SUCCEEDED)]
