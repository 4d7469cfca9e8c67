"""What every store promises of the generations that wait: which go first, and which have waited too long."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from builders import NOW, WORKER, failed, new_batch, new_generation, new_items, new_user, succeeded
from imagegen.domain.generations import Generation, Priority
from imagegen.domain.ports import UnitOfWorkFactory
from stores import remember

LATER = NOW + timedelta(seconds=3, microseconds=1)
USER, OTHER = new_user(), new_user()
HIGH, NORMAL, LOW = Priority.HIGH, Priority.NORMAL, Priority.LOW


def queued(*priorities: Priority) -> list[Generation]:
    """Generations of these priorities, by two users in turn and each a microsecond younger than the one before."""
    return [
        replace(new_generation((USER, OTHER)[place % 2], now=NOW + timedelta(microseconds=place)), priority=priority)
        for place, priority in enumerate(priorities)
    ]


def begun(*priorities: Priority) -> list[Generation]:
    """One generation in each state that follows on waiting, of each of these priorities."""
    return [
        begin(generation)
        for begin in (lambda g: g.start(WORKER, LATER), succeeded, failed, lambda g: g.cancel(LATER))
        for generation in queued(*priorities)
    ]


async def waiting(unit_of_work: UnitOfWorkFactory) -> Sequence[object]:
    """The identifiers of those that wait."""
    async with unit_of_work() as work:
        return list(await work.generations.waiting())


async def first_above(unit_of_work: UnitOfWorkFactory, limit: int = 1) -> list[list[object]]:
    """Which go first of those above low, above normal and above high."""
    async with unit_of_work() as work:
        return [list(await work.generations.first_above(priority, limit)) for priority in (LOW, NORMAL, HIGH)]


async def test_the_highest_and_then_the_oldest_go_first(unit_of_work: UnitOfWorkFactory) -> None:
    """Anybody's queued generations come by their priority, and by age among equals, whatever order they came in."""
    generations = queued(LOW, NORMAL, HIGH, LOW, HIGH, NORMAL)
    await remember(unit_of_work, USER, OTHER, *reversed(generations), *begun(LOW, HIGH))
    expected = [generations[place].id for place in (2, 4, 1, 5, 0, 3)]
    assert await waiting(unit_of_work) == expected


async def test_a_thousand_that_wait_are_told(unit_of_work: UnitOfWorkFactory) -> None:
    """Of more than a thousand those that go first are told."""
    generations = queued(*[LOW] * 500, *[NORMAL] * 502)
    await remember(unit_of_work, USER, OTHER, *generations)
    expected = [generation.id for generation in (*generations[500:], *generations[:498])]
    assert await waiting(unit_of_work) == expected


async def test_its_turn_is_known(unit_of_work: UnitOfWorkFactory) -> None:
    """Ahead of one that waits are those of a higher priority, and the older ones of its own."""
    generations = queued(LOW, NORMAL, HIGH, LOW, HIGH, NORMAL)
    await remember(unit_of_work, USER, OTHER, *generations, *begun(LOW, NORMAL, HIGH))
    async with unit_of_work() as work:
        assert [await work.generations.ahead(generation) for generation in generations] == [4, 2, 0, 5, 1, 3]


@pytest.mark.parametrize(
    ("priorities", "first"),
    [
        ([], [None, None, None]),
        ([LOW], [None, None, None]),
        ([LOW, NORMAL, NORMAL], [1, None, None]),
        ([NORMAL, LOW, HIGH, HIGH], [2, 2, None]),
    ],
)
async def test_what_overtakes_is_found(
    unit_of_work: UnitOfWorkFactory, priorities: list[Priority], first: list[int | None]
) -> None:
    """Above a priority goes first the oldest of the highest that waits; equals overtake nobody."""
    generations = queued(*priorities)
    await remember(unit_of_work, USER, OTHER, *reversed(generations), *begun(HIGH))
    expected = [[] if place is None else [generations[place].id] for place in first]
    assert await first_above(unit_of_work) == expected


@pytest.mark.parametrize(
    ("limit", "above_low", "above_normal"),
    [(1, [2], [2]), (2, [2, 4], [2, 4]), (3, [2, 4, 1], [2, 4]), (9, [2, 4, 1, 5], [2, 4])],
)
async def test_of_those_that_overtake_as_many_are_found_as_wanted(
    unit_of_work: UnitOfWorkFactory, limit: int, above_low: list[int], above_normal: list[int]
) -> None:
    """In the order in which they go, from the highest priority down."""
    generations = queued(LOW, NORMAL, HIGH, LOW, HIGH, NORMAL)
    await remember(unit_of_work, USER, OTHER, *reversed(generations), *begun(HIGH))
    expected = [[generations[place].id for place in places] for places in (above_low, above_normal, [])]
    assert await first_above(unit_of_work, limit) == expected


async def test_what_began_waits_no_more(unit_of_work: UnitOfWorkFactory) -> None:
    """A generation that a worker starts leaves every queue in the same commit."""
    first, second = queued(HIGH, HIGH)
    await remember(unit_of_work, USER, OTHER, first, second)
    assert await first_above(unit_of_work) == [[first.id], [first.id], []]
    async with unit_of_work() as work:
        work.generations.update(first.start(WORKER, LATER))
        await work.commit()
    assert await first_above(unit_of_work) == [[second.id], [second.id], []]
    assert await waiting(unit_of_work) == [second.id]
    async with unit_of_work() as work:
        assert await work.generations.ahead(second) == 0


async def test_what_was_to_start_by_now_is_overdue(unit_of_work: UnitOfWorkFactory) -> None:
    """Anybody's queued generations are overdue from the very moment by which they were to start."""
    moments = [NOW, LATER, LATER + timedelta(microseconds=1), None]
    generations = [
        replace(generation, start_by=moment)
        for generation, moment in zip(queued(HIGH, LOW, NORMAL, HIGH), moments, strict=True)
    ]
    late = [replace(generation, start_by=NOW) for generation in begun(NORMAL)]
    await remember(unit_of_work, USER, OTHER, *generations, *late)
    async with unit_of_work() as work:
        assert set(await work.generations.overdue(LATER)) == {generation.id for generation in generations[:2]}
        assert list(await work.generations.overdue(NOW - timedelta(microseconds=1))) == []


async def test_a_thousand_that_are_overdue_are_told(unit_of_work: UnitOfWorkFactory) -> None:
    """Of more than a thousand some thousand are told, each once."""
    generations = [replace(generation, start_by=NOW) for generation in queued(*[NORMAL] * 1002)]
    await remember(unit_of_work, USER, OTHER, *generations)
    async with unit_of_work() as work:
        found = await work.generations.overdue(LATER)
    assert len(found) == len(set(found)) == 1000
    assert set(found) <= {generation.id for generation in generations}


async def test_batches_wait_in_a_line_of_their_own(unit_of_work: UnitOfWorkFactory) -> None:
    """What belongs to a batch is neither ahead of the others nor overtakes them, and so it is the other way round."""
    batch = new_batch(USER, 4)
    priorities = (LOW, HIGH, NORMAL, HIGH)
    items = [
        replace(item, priority=priority) for item, priority in zip(new_items(USER, batch), priorities, strict=True)
    ]
    singles = queued(*priorities)
    await remember(unit_of_work, USER, OTHER, batch, *singles, *items)
    for line, batched in ((singles, False), (items, True)):
        in_order = [line[place].id for place in (1, 3, 2, 0)]
        async with unit_of_work() as work:
            assert list(await work.generations.waiting(batched=batched)) == in_order
            assert [await work.generations.ahead(generation) for generation in line] == [3, 0, 2, 1]
            assert await work.generations.first_above(LOW, batched=batched) == [line[1].id]
            work.generations.update(line[1].start(WORKER, LATER))
            work.generations.update(line[3].start(WORKER, LATER))
            await work.commit()
        async with unit_of_work() as work:
            assert await work.generations.first_above(LOW, batched=batched) == [line[2].id]
            assert await work.generations.first_above(NORMAL, batched=batched) == []
