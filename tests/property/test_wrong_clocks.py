"""Whatever the clocks of the machines show, what was to start by a moment has as long as was asked for."""

import asyncio
from datetime import timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from builders import NOW, SettableClock
from generating import ask, found, history
from house import House, a_house
from imagegen.adapters.memory import MemoryDatabase
from imagegen.application.fitting import Wish
from imagegen.domain.generations import Status
from imagegen.domain.images import ImageRequest, Labels

SKEWS = st.timedeltas(timedelta(days=-400), timedelta(days=400))
WITHIN = 30.0
PASSED = st.floats(0.0, 60.0)
DAY = timedelta(days=1)


def machines(*skews: timedelta) -> tuple[SettableClock, list[House]]:
    """The clock of the database, and houses on it whose own clocks are off by so much."""
    shared = SettableClock()
    database = MemoryDatabase(shared)
    return shared, [a_house(clock=SettableClock(NOW + skew), database=database) for skew in skews]


@given(accepting=SKEWS, judging=SKEWS, passed=PASSED, batched=st.booleans())
@example(accepting=-DAY, judging=DAY, passed=WITHIN - 0.001, batched=False)
@example(accepting=DAY, judging=-DAY, passed=WITHIN, batched=True)
def test_it_is_given_up_when_its_time_is_over(
    accepting: timedelta, judging: timedelta, passed: float, batched: bool
) -> None:
    """One machine takes it, another judges it."""

    async def judge() -> None:
        shared, (first, second) = machines(accepting, judging)
        owner = await first.owner()
        if batched:
            wish = Wish(request=ImageRequest(prompt="fox"), labels=Labels(), start_within=WITHIN)
            await first.application.submit_batch(owner, [wish])
        else:
            await ask(first, owner, start_within=WITHIN)
        shared.advance(seconds=passed)
        await second.application.give_up_overdue()
        (only,) = await history(first, owner)
        assert (only.status is Status.FAILED) == (timedelta(seconds=passed) >= timedelta(seconds=WITHIN))

    asyncio.run(judge())


@given(accepting=SKEWS, running=SKEWS, passed=PASSED)
@example(accepting=-DAY, running=DAY, passed=WITHIN - 0.001)
@example(accepting=DAY, running=-DAY, passed=WITHIN)
def test_it_begins_only_in_time(accepting: timedelta, running: timedelta, passed: float) -> None:
    """One machine takes it, another is to draw it: in time it does, and afterwards nobody is called."""

    async def draw() -> None:
        shared, (first, second) = machines(accepting, running)
        owner = await first.owner()
        generation = await ask(first, owner, start_within=WITHIN)
        shared.advance(seconds=passed)
        await second.application.run_generation(generation.id)
        ended = await found(first, owner, generation.id)
        late = timedelta(seconds=passed) >= timedelta(seconds=WITHIN)
        assert (ended.status, len(second.provider.calls)) == ((Status.FAILED, 0) if late else (Status.SUCCEEDED, 1))

    asyncio.run(draw())
