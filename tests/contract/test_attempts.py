"""What every store promises of the calls made for a generation."""

from datetime import timedelta

import pytest

from builders import NOW, new_attempt, new_generation, new_user
from imagegen.domain.errors import Billed, NoImage, OutcomeUnknown, StaleWrite
from imagegen.domain.generations import Attempt
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
