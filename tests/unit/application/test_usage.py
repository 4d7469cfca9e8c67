"""What was used and what it cost."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from builders import NOW
from generating import COST, PAID, PRICED, run
from house import House, a_house
from imagegen.domain.errors import Billed, InvalidRequest, NoImage, ScopeMissing
from imagegen.domain.usage import GroupBy, UsageBucket
from imagegen.domain.users import Principal, Scope


async def report(house: House, owner: Principal, by: GroupBy = GroupBy.DAY, **span: object) -> Sequence[UsageBucket]:
    """The buckets of a span, by default of the last 30 days."""
    whole = {"since": None, "until": None} | span
    return await house.application.read_usage(owner, group_by=by, **whole)  # type: ignore[arg-type]  # moments


async def test_usage_is_exact_under_concurrency() -> None:
    """Thirty generations that end at the same instant are thirty in the sum, to the micro."""
    house = a_house(PAID, models=(PRICED,))
    owner = await house.owner()
    await asyncio.gather(*(run(house, owner, n=2) for _ in range(30)))
    (bucket,) = await report(house, owner)
    assert (bucket.requests, bucket.images, bucket.cost_micros) == (30, 60, 60 * COST)
    assert (bucket.failures, bucket.unknown_costs) == (0, 0)


async def test_failures_and_unknown_costs_are_counted_apart() -> None:
    """A failure that may have been billed counts as unknown; one that was not adds nothing."""
    house = a_house(PAID, NoImage(billed=Billed.UNKNOWN), NoImage(billed=Billed.NO), models=(PRICED,))
    owner = await house.owner()
    for _ in range(3):
        await run(house, owner)
    (bucket,) = await report(house, owner)
    assert (bucket.requests, bucket.failures, bucket.unknown_costs, bucket.cost_micros) == (3, 2, 1, COST)


async def test_buckets_are_days_keys_or_models() -> None:
    """The same records can be summed by the day they ended, by the key that asked and by the model that drew."""
    house = a_house(PAID, models=(PRICED,))
    owner = await house.owner()
    key, plain = await house.application.issue_api_key(owner)
    await run(house, owner)
    house.clock.advance(days=1)
    await run(house, await house.application.authenticate_key(plain.text))
    assert [b.bucket for b in await report(house, owner)] == [NOW.date(), NOW.date() + timedelta(days=1)]
    assert {b.bucket for b in await report(house, owner, GroupBy.KEY)} == {None, key.id}
    assert [(b.bucket, b.requests) for b in await report(house, owner, GroupBy.MODEL)] == [("easel-1", 2)]


async def test_a_span_includes_its_beginning_and_not_its_end() -> None:
    """What ended at the first moment counts, what ended at the last does not; without a span it is the last 30 days."""
    house = a_house()
    owner = await house.owner()
    await run(house, owner)
    assert len(await report(house, owner, since=NOW, until=NOW + timedelta(seconds=1))) == 1
    assert len(await report(house, owner, since=NOW - timedelta(days=1), until=NOW)) == 0
    house.clock.advance(days=30)
    assert len(await report(house, owner)) == 0


async def test_a_span_that_ends_before_it_begins_is_refused() -> None:
    """A span the wrong way round is the caller's fault."""
    house = a_house()
    owner = await house.owner()
    with pytest.raises(InvalidRequest):
        await report(house, owner, since=NOW, until=NOW - timedelta(seconds=1))


async def test_a_span_may_end_when_the_calendar_begins() -> None:
    """A span whose beginning would lie before the first day there is begins on it."""
    house = a_house()
    owner = await house.owner()
    assert await report(house, owner, until=NOW.replace(year=1, month=1, day=1)) == []


async def test_clearing_the_history_does_not_change_the_usage() -> None:
    """What was used was used."""
    house = a_house(PAID, models=(PRICED,))
    owner = await house.owner()
    await run(house, owner)
    before = await report(house, owner)
    await house.application.clear_history(owner)
    assert await report(house, owner) == before


async def test_usage_is_the_owners_and_needs_the_scope() -> None:
    """Nobody sees somebody else's usage, and a key sees its owner's only when it may read."""
    house = a_house()
    owner, stranger = await house.owner(), await house.owner("stranger@example.com")
    await run(house, owner)
    assert await report(house, stranger) == []
    _, plain = await house.application.issue_api_key(owner, scopes=frozenset({Scope.GENERATE}))
    with pytest.raises(ScopeMissing):
        await report(house, await house.application.authenticate_key(plain.text))
