"""What every store promises of the calls made for a generation."""

from dataclasses import replace
from datetime import timedelta

import pytest

from builders import NOW, new_attempt, new_generation, new_id, new_user
from imagegen.domain.attempts import Attempt, Outcome
from imagegen.domain.errors import (
    Billed,
    GenerationCanceled,
    NoImage,
    OutcomeUnknown,
    ProviderError,
    ProviderUnreachable,
    StaleWrite,
)
from imagegen.domain.identifiers import AttemptId, WorkerId
from imagegen.domain.ports import UnitOfWorkFactory
from stores import exact, remember

LATER = NOW + timedelta(seconds=3, microseconds=1)
USER = new_user()
PLAIN = new_generation(USER)
STARTED = new_attempt(PLAIN)
ATTEMPTS = {
    "started": STARTED,
    "succeeded": STARTED.succeed(cost_micros=2**40, request_id="req_🍌", billed=Billed.YES, now=LATER),
    "failed": STARTED.fail(NoImage(billed=Billed.YES, request_id="req_1"), LATER, cost_micros=7),
    "of unknown outcome": STARTED.fail(OutcomeUnknown(), LATER),
}


@pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=ATTEMPTS)
async def test_an_attempt_comes_back_whole(unit_of_work: UnitOfWorkFactory, attempt: Attempt) -> None:
    """A call is read as it was added, and as it was changed when it had ended."""
    await remember(unit_of_work, USER, PLAIN, STARTED)
    async with unit_of_work() as work:
        assert exact(list(await work.attempts.of_generation(PLAIN.id))) == exact([STARTED])
        work.attempts.update(attempt)
        await work.commit()
    async with unit_of_work() as work:
        assert exact(list(await work.attempts.of_generation(PLAIN.id))) == exact([attempt])
        assert exact(await work.attempts.get(attempt.id)) == exact(attempt)


async def test_no_attempt_is_none(unit_of_work: UnitOfWorkFactory) -> None:
    """A call that was never made, or whose generation is forgotten, is `None`."""
    other = new_generation(USER)
    kept, forgotten = new_attempt(PLAIN), new_attempt(other)
    await remember(unit_of_work, USER, PLAIN, other.cancel(NOW), kept, forgotten)
    async with unit_of_work() as work:
        work.generations.remove(other.id, USER.id)
        await work.commit()
    async with unit_of_work() as work:
        assert await work.attempts.get(AttemptId(new_id())) is None
        assert await work.attempts.get(forgotten.id) is None
        assert await work.attempts.get(kept.id) == kept


async def test_attempts_come_in_their_order(unit_of_work: UnitOfWorkFactory) -> None:
    """The calls of one generation come by their number, and those of others do not."""
    other = new_generation(USER)
    attempts = [new_attempt(PLAIN, number * 7 % 13) for number in range(1, 13)]
    await remember(unit_of_work, USER, PLAIN, other, new_attempt(other), *attempts)
    async with unit_of_work() as work:
        found = await work.attempts.of_generation(PLAIN.id)
    assert list(found) == sorted(attempts, key=lambda attempt: attempt.number)


async def test_an_attempt_that_is_gone_cannot_end(unit_of_work: UnitOfWorkFactory) -> None:
    """The end of a call whose generation was removed meanwhile is stale."""
    await remember(unit_of_work, USER, PLAIN)
    async with unit_of_work() as work:
        work.attempts.update(STARTED)
        with pytest.raises(StaleWrite):
            await work.commit()


async def test_the_latest_calls_of_a_worker(unit_of_work: UnitOfWorkFactory) -> None:
    """Those that have ended, the last begun first; not those under way, or of other workers, or older than it."""
    before = new_attempt(PLAIN)
    mine, yours = WorkerId(new_id()), WorkerId(new_id())
    one, two, other, waiting = (new_generation(USER) for _ in range(4))
    runs = [one.start(mine, NOW), two.start(mine, NOW), other.start(yours, NOW)]
    calls = [new_attempt(run, number) for number in (1, 2) for run in runs]
    begun = new_attempt(one, 3)
    await remember(
        unit_of_work, USER, *runs, waiting, replace(before, generation_id=one.id), *calls, begun, new_attempt(waiting)
    )
    ended = [call.fail(OutcomeUnknown(), LATER) for call in calls]
    async with unit_of_work() as work:
        for call in (*ended, replace(before, generation_id=one.id).fail(OutcomeUnknown(), LATER)):
            work.attempts.update(call)
        await work.commit()
    async with unit_of_work() as work:
        assert exact(list(await work.attempts.latest_of(mine))) == exact([ended[i] for i in (4, 3, 1, 0)])
        assert exact(list(await work.attempts.latest_of(yours))) == exact([ended[i] for i in (5, 2)])
        assert list(await work.attempts.latest_of(WorkerId(new_id()))) == []


async def test_the_latest_thousand_calls_are_told(unit_of_work: UnitOfWorkFactory) -> None:
    """However many a worker made."""
    worker = WorkerId(new_id())
    run = PLAIN.start(worker, NOW)
    calls = [new_attempt(run, number) for number in range(1, 1003)]
    await remember(unit_of_work, USER, run, *calls)
    async with unit_of_work() as work:
        work.attempts.end_open(run.id, OutcomeUnknown(), LATER)
        await work.commit()
    async with unit_of_work() as work:
        found = [call.number for call in await work.attempts.latest_of(worker)]
    assert found == list(range(1002, 2, -1))


async def test_older_calls_than_the_latest_ten_thousand_are_not_told(unit_of_work: UnitOfWorkFactory) -> None:
    """However few of these the worker made, so that it takes as little in a long history as in a short one."""
    mine, yours = WorkerId(new_id()), WorkerId(new_id())
    run, other = PLAIN.start(mine, NOW), new_generation(USER).start(yours, NOW)
    calls = [new_attempt(run, 1), new_attempt(run, 2)]
    await remember(unit_of_work, USER, run, other, *calls, *(new_attempt(other, number) for number in range(9_999)))
    async with unit_of_work() as work:
        work.attempts.end_open(run.id, OutcomeUnknown(), LATER)
        await work.commit()
    async with unit_of_work() as work:
        assert [call.number for call in await work.attempts.latest_of(mine)] == [2]


ERRORS = [
    (GenerationCanceled(billed=Billed.NO), Outcome.FAILED, 0),
    (NoImage(billed=Billed.YES), Outcome.FAILED, None),
    (OutcomeUnknown(), Outcome.UNKNOWN, None),
]


@pytest.mark.parametrize(("error", "outcome", "cost"), ERRORS, ids=["not billed", "billed", "unknown"])
async def test_open_attempts_end_alike(
    unit_of_work: UnitOfWorkFactory, error: ProviderError, outcome: Outcome, cost: int | None
) -> None:
    """All calls of one generation that have no end get this one, which costs nothing if it was certainly not billed.

    Those that have ended, and other generations', stay as they are.
    """
    other = new_generation(USER)
    ended = [attempt for name, attempt in ATTEMPTS.items() if name != "started"]
    numbered = [replace(one, id=AttemptId(new_id()), number=number) for number, one in enumerate(ended, 3)]
    opened, others = [new_attempt(PLAIN), new_attempt(PLAIN, 2)], new_attempt(other)
    await remember(unit_of_work, USER, PLAIN, other, *opened, *map(at_start, numbered), others)
    async with unit_of_work() as work:
        for attempt in numbered:
            work.attempts.update(attempt)
        await work.commit()
    for now in (LATER, LATER + timedelta(seconds=1)):
        async with unit_of_work() as work:
            work.attempts.end_open(PLAIN.id, error, now)
            await work.commit()
        async with unit_of_work() as work:
            found = list(await work.attempts.of_generation(PLAIN.id))
            assert list(await work.attempts.of_generation(other.id)) == [others]
        assert exact(found) == exact([*(attempt.fail(error, LATER) for attempt in opened), *numbered])
        assert {(one.outcome, one.cost_micros) for one in found[:2]} == {(outcome, cost)}


def at_start(attempt: Attempt) -> Attempt:
    """The call before it ended."""
    return replace(STARTED, id=attempt.id, number=attempt.number)


@pytest.mark.parametrize("ended", [ATTEMPTS["succeeded"], ATTEMPTS["failed"]], ids=lambda attempt: attempt.outcome)
async def test_what_ends_by_itself_is_no_longer_open(unit_of_work: UnitOfWorkFactory, ended: Attempt) -> None:
    """A call whose own end was gathered before that of the open ones keeps it, though both are one commit."""
    other = new_attempt(PLAIN, 2)
    await remember(unit_of_work, USER, PLAIN, STARTED, other)
    error = ProviderUnreachable(billed=Billed.NO)
    async with unit_of_work() as work:
        work.attempts.update(ended)
        work.attempts.end_open(PLAIN.id, error, LATER)
        await work.commit()
    async with unit_of_work() as work:
        found = list(await work.attempts.of_generation(PLAIN.id))
    assert exact(found) == exact([ended, other.fail(error, LATER)])


async def test_where_nothing_is_open_nothing_ends(unit_of_work: UnitOfWorkFactory) -> None:
    """A generation without calls, or none at all, is nothing to complain of."""
    await remember(unit_of_work, USER, PLAIN)
    async with unit_of_work() as work:
        work.attempts.end_open(PLAIN.id, OutcomeUnknown(), NOW)
        work.attempts.end_open(new_generation(USER).id, OutcomeUnknown(), NOW)
        await work.commit()
    async with unit_of_work() as work:
        assert list(await work.attempts.of_generation(PLAIN.id)) == []


async def test_open_attempts_end_with_all_else_or_not_at_all(unit_of_work: UnitOfWorkFactory) -> None:
    """A commit that is refused ends none of them."""
    await remember(unit_of_work, USER, PLAIN, STARTED)
    async with unit_of_work() as work:
        work.attempts.end_open(PLAIN.id, OutcomeUnknown(), LATER)
        work.generations.update(PLAIN)
        with pytest.raises(StaleWrite):
            await work.commit()
    async with unit_of_work() as work:
        assert await work.attempts.get(STARTED.id) == STARTED
