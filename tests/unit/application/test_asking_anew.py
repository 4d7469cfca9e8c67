"""Asking for the same again after a generation failed or was canceled: its owner's decision, as a new one."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from generating import COST, PAID, PRICED, ask, found, history, run, usage
from house import ANSWER, House, a_house
from imagegen.adapters.memory import MemoryProvider
from imagegen.domain.errors import (
    IdempotencyKeyReused,
    IllegalTransition,
    NotFound,
    OutcomeUnknown,
    ScopeMissing,
    UnknownModel,
)
from imagegen.domain.generations import Generation, Priority, Status
from imagegen.domain.idempotency import Once
from imagegen.domain.images import Labels
from imagegen.domain.users import Principal, Scope

LABELS = Labels(title="A fox", tags=("red",), metadata={"a": "b"}, external_id="42")


ONCE = Once(key="key:again", fingerprint=b"a" * 32)


async def retry(house: House, owner: Principal, generation: Generation, once: Once | None = None) -> Generation:
    """What comes of asking for it anew."""
    return (await house.application.retry_generation(owner, generation.id, once=once)).generation


async def test_what_failed_is_asked_for_anew() -> None:
    """A new generation with the same request, labels and priority names the first, which stays as it is."""
    house = a_house(OutcomeUnknown(), PAID, models=(PRICED,))
    owner = await house.owner()
    first, _ = await run(house, owner, labels=LABELS, priority=Priority.HIGH, seed=7, quality="high")
    again = await retry(house, owner, first)
    assert (again.retry_of, again.requested, again.labels, again.priority) == (
        first.id,
        first.requested,
        LABELS,
        Priority.HIGH,
    )
    assert again.id != first.id
    await house.application.run_generation(again.id)
    assert (await found(house, owner, again.id)).status is Status.SUCCEEDED
    assert await found(house, owner, first.id) == first
    bucket = await usage(house, owner)
    assert (bucket.requests, bucket.failures, bucket.cost_micros, bucket.unknown_costs) == (2, 1, COST, 1)


async def test_what_was_canceled_is_asked_for_anew() -> None:
    """Its owner may think better of it."""
    house = a_house()
    owner = await house.owner()
    first = await ask(house, owner)
    await house.application.cancel_generation(owner, first.id)
    again = await retry(house, owner, first)
    assert (again.status, again.retry_of) == (Status.QUEUED, first.id)


@pytest.mark.parametrize("status", [Status.QUEUED, Status.SUCCEEDED])
async def test_what_goes_on_or_succeeded_is_not(status: Status) -> None:
    """There is nothing to make up for: another picture is another request."""
    house = a_house()
    owner = await house.owner()
    first = await ask(house, owner)
    if status is Status.SUCCEEDED:
        await house.application.run_generation(first.id)
    with pytest.raises(IllegalTransition, match=str(status)):
        await retry(house, owner, first)
    assert len(await history(house, owner)) == 1


async def test_each_time_is_a_new_one() -> None:
    """A retry that failed can be retried as well, and so can the first once more."""
    house = a_house(OutcomeUnknown())
    owner = await house.owner()
    first, _ = await run(house, owner)
    second = await retry(house, owner, first)
    await house.application.run_generation(second.id)
    third, fourth = await retry(house, owner, second), await retry(house, owner, first)
    assert (third.retry_of, fourth.retry_of) == (second.id, first.id)
    assert len({one.id for one in (first, second, third, fourth)}) == 4


async def test_only_the_owner_asks_anew_and_only_with_the_scope() -> None:
    """Somebody else's failure is as one that is not there; a key that may only read spends nothing."""
    house = a_house(OutcomeUnknown())
    owner, stranger = await house.owner(), await house.owner("stranger@example.com")
    first, _ = await run(house, owner)
    with pytest.raises(NotFound):
        await retry(house, stranger, first)
    _, plain = await house.application.issue_api_key(owner, scopes=frozenset({Scope.READ, Scope.WRITE}))
    with pytest.raises(ScopeMissing):
        await retry(house, await house.application.authenticate_key(plain.text), first)
    assert len(await history(house, owner)) == 1


async def test_what_could_not_be_asked_for_today_is_refused() -> None:
    """A model that is not known any more is no reason to draw with another one unasked."""
    house = a_house(OutcomeUnknown())
    owner = await house.owner()
    first, _ = await run(house, owner, model="easel-1")
    features: dict[str, Any] = {"models": (), "database": house.database, "clock": house.clock}
    later = House(provider=MemoryProvider("easel", ANSWER), **features)
    with pytest.raises(UnknownModel):
        await retry(later, owner, first)
    assert len(await history(house, owner)) == 1


async def test_it_has_as_long_to_start_as_the_first() -> None:
    """What was to start within half a minute still is, counted anew; what may wait for ever still may."""
    house = a_house(OutcomeUnknown())
    owner = await house.owner()
    hurried, _ = await run(house, owner, start_within=30.5)
    patient, _ = await run(house, owner)
    house.clock.advance(hours=1)
    again = await retry(house, owner, hurried)
    assert again.start_by == again.created_at + timedelta(seconds=30.5)
    assert (await retry(house, owner, patient)).start_by is None
    house.clock.advance(seconds=30.5)
    await house.application.give_up_overdue()
    assert (await found(house, owner, again.id)).status is Status.FAILED


async def test_the_same_key_is_asked_for_anew_once() -> None:
    """Whoever heard nothing and asks again gets what came of it, as often as that is; it names the first."""
    house = a_house(OutcomeUnknown(), PAID, models=(PRICED,))
    owner = await house.owner()
    first, _ = await run(house, owner)
    answers = [await house.application.retry_generation(owner, first.id, once=ONCE) for _ in range(3)]
    assert [answer.replayed for answer in answers] == [False, True, True]
    assert {answer.generation.id for answer in answers} == {answers[0].generation.id}
    assert answers[0].generation.retry_of == first.id
    await house.application.run_generation(answers[0].generation.id)
    assert await retry(house, owner, first, ONCE) == await found(house, owner, answers[0].generation.id)
    assert (len(await history(house, owner)), len(house.provider.calls)) == (2, 2)


async def test_the_same_key_for_something_else_is_refused() -> None:
    """A key under which another generation was asked for anew, or anything else at all, brings nothing new."""
    house = a_house(OutcomeUnknown())
    owner = await house.owner()
    first, _ = await run(house, owner)
    other, _ = await run(house, owner, once=replace(ONCE, key="key:first"))
    await retry(house, owner, first, ONCE)
    with pytest.raises(IdempotencyKeyReused):
        await retry(house, owner, other, replace(ONCE, fingerprint=b"o" * 32))
    with pytest.raises(IdempotencyKeyReused):
        await retry(house, owner, first, Once(key="key:first", fingerprint=b"f" * 32))
    assert len(await history(house, owner)) == 3


async def test_many_who_ask_anew_at_once_ask_once() -> None:
    """All of them get the one generation that comes of it."""
    house = a_house(OutcomeUnknown())
    owner = await house.owner()
    first, _ = await run(house, owner)
    answers = await asyncio.gather(*(retry(house, owner, first, ONCE) for _ in range(50)))
    assert len({answer.id for answer in answers}) == 1
    assert len(await history(house, owner)) == 2
