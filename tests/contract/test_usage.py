"""What every store promises of usage."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from builders import NOW, failed, new_generation, new_id, new_key, new_user, succeeded
from imagegen.domain.errors import AlreadyExists, Billed
from imagegen.domain.identifiers import GenerationId
from imagegen.domain.ports import UnitOfWorkFactory
from imagegen.domain.usage import GroupBy, UsageBucket, UsageQuery, UsageRecord
from stores import exact, remember

MARCH = datetime(2026, 3, 1, tzinfo=UTC)
APRIL = datetime(2026, 4, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)
DAY = timedelta(days=1)
USER = new_user()
ONE_KEY, OTHER_KEY = new_key(USER), new_key(USER)
PLAIN = UsageRecord.of(succeeded(new_generation(USER)))


def used(finished_at: datetime, **changes: object) -> UsageRecord:
    """A record of one image for one cent, unless told otherwise."""
    plain = replace(PLAIN, generation_id=GenerationId(new_id()), finished_at=finished_at, cost_micros=10_000)
    return replace(plain, **changes)  # type: ignore[arg-type]  # replace checks the names at run time


RECORDS = [
    used(MARCH, api_key_id=ONE_KEY.id, images=4, cost_micros=40_001),
    used(MARCH + DAY - TICK, api_key_id=ONE_KEY.id, cost_micros=None),
    used(MARCH + DAY, api_key_id=OTHER_KEY.id, model="gpt-image-1", provider="openai", cost_micros=2**40),
    used(MARCH + DAY, api_key_id=OTHER_KEY.id, images=0, failed=True, billed=Billed.NO, cost_micros=0),
    used(APRIL - TICK, images=0, failed=True, billed=Billed.UNKNOWN, cost_micros=None),
]
OUTSIDE = [used(MARCH - TICK), used(APRIL)]


async def report(unit_of_work: UnitOfWorkFactory, group_by: GroupBy) -> Sequence[UsageBucket]:
    """The user's usage in March."""
    async with unit_of_work() as work:
        query = UsageQuery(user_id=USER.id, since=MARCH, until=APRIL, group_by=group_by)
        return list(await work.usage.report(query))


def bucket(name: object, *, requests: int, images: int, failures: int, cost: int, unknown: int) -> UsageBucket:
    """A bucket in few words."""
    return UsageBucket(
        bucket=name,  # type: ignore[arg-type]  # a date, a key, a model or none
        requests=requests,
        images=images,
        failures=failures,
        cost_micros=cost,
        unknown_costs=unknown,
    )


@pytest.mark.parametrize(
    ("group_by", "expected"),
    [
        (
            GroupBy.DAY,
            [
                bucket(date(2026, 3, 1), requests=2, images=5, failures=0, cost=40_001, unknown=1),
                bucket(date(2026, 3, 2), requests=2, images=1, failures=1, cost=2**40, unknown=0),
                bucket(date(2026, 3, 31), requests=1, images=0, failures=1, cost=0, unknown=1),
            ],
        ),
        (
            GroupBy.KEY,
            [
                bucket(OTHER_KEY.id, requests=2, images=1, failures=1, cost=2**40, unknown=0),
                bucket(ONE_KEY.id, requests=2, images=5, failures=0, cost=40_001, unknown=1),
                bucket(None, requests=1, images=0, failures=1, cost=0, unknown=1),
            ],
        ),
        (
            GroupBy.MODEL,
            [
                bucket("gpt-image-1", requests=1, images=1, failures=0, cost=2**40, unknown=0),
                bucket("sketch-1", requests=4, images=5, failures=2, cost=40_001, unknown=2),
            ],
        ),
    ],
)
async def test_usage_is_summed_exactly(
    unit_of_work: UnitOfWorkFactory, group_by: GroupBy, expected: list[UsageBucket]
) -> None:
    """A report sums the user's records from its beginning until before its end; unknown costs are counted apart."""
    other = new_user()
    others = replace(used(MARCH), user_id=other.id)
    await remember(unit_of_work, USER, other, ONE_KEY, OTHER_KEY, *RECORDS, *OUTSIDE, others)
    assert exact(await report(unit_of_work, group_by)) == exact(expected)


async def test_a_record_comes_back_in_the_sums(unit_of_work: UnitOfWorkFactory) -> None:
    """What a finished generation came to is what the report says of it."""
    done, lost = succeeded(new_generation(USER)), failed(new_generation(USER))
    await remember(unit_of_work, USER, UsageRecord.of(done), UsageRecord.of(lost))
    expected = bucket(NOW.date(), requests=2, images=1, failures=1, cost=39_000, unknown=0)
    assert exact(await report(unit_of_work, GroupBy.DAY)) == exact([expected])


@pytest.mark.parametrize("group_by", GroupBy)
async def test_no_usage_is_no_bucket(unit_of_work: UnitOfWorkFactory, group_by: GroupBy) -> None:
    """Where nothing was used, and where all of it was used at other times, there is nothing to report."""
    await remember(unit_of_work, USER, *OUTSIDE)
    assert await report(unit_of_work, group_by) == []


async def test_a_generation_is_counted_once(unit_of_work: UnitOfWorkFactory) -> None:
    """A second record of the same generation is refused by name, and the first one stays."""
    record = used(MARCH)
    await remember(unit_of_work, USER, record)
    with pytest.raises(AlreadyExists) as refusal:
        await remember(unit_of_work, replace(record, cost_micros=1, finished_at=APRIL))
    assert refusal.value.what == "usage_records.generation_id"
    assert [found.cost_micros for found in await report(unit_of_work, GroupBy.DAY)] == [10_000]
