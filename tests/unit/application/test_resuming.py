"""What a process that ended left behind."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from builders import NOW
from house import ANSWER, House, a_house
from imagegen.adapters.memory import MemoryDatabase
from imagegen.adapters.queues.in_process import InProcessQueue
from imagegen.application.resuming import ResumeStranded
from imagegen.domain.errors import Billed
from imagegen.domain.generations import Attempt, Generation, Outcome, Status
from imagegen.domain.identifiers import AttemptId, GenerationId
from imagegen.domain.images import ImageRequest, Labels
from imagegen.domain.ports import ProviderAnswer, UnitOfWork
from imagegen.domain.usage import GroupBy
from imagegen.domain.users import Principal

PATIENCE = timedelta(minutes=5)
"""What a house has: longer than any call may take."""


QUOTED = "a fox that nobody may read about"


class Damaged(MemoryDatabase):
    """A database with one row that cannot be read."""

    bad: GenerationId | None = None

    def unit_of_work(self) -> UnitOfWork:
        """A unit of work that stumbles over that row."""
        work = super().unit_of_work()
        find = work.generations.find

        async def stumble(generation_id: GenerationId) -> Generation | None:
            if generation_id == self.bad:
                raise ValueError(QUOTED)
            return await find(generation_id)

        work.generations.find = stumble  # type: ignore[method-assign]  # this is the fault that is played
        return work


class Bell(InProcessQueue):
    """A queue that remembers who rang."""

    def __init__(self) -> None:
        super().__init__()
        self.rung: list[GenerationId] = []

    async def submit(self, generation_id: GenerationId) -> None:
        """Remember it."""
        self.rung.append(generation_id)


def alone(house: House) -> ResumeStranded:
    """Picking up in a house that has no other."""
    return replace(house.application.resume_stranded, patience=timedelta(0))


async def ask(house: House, owner: Principal) -> Generation:
    """A generation that was asked for."""
    return await house.application.request_generation(owner, ImageRequest(prompt="fox"), labels=Labels())


async def begin(house: House, generation: Generation) -> None:
    """Start it as a worker does that is killed right afterwards."""
    attempt = Attempt(
        id=AttemptId(generation.id),
        generation_id=generation.id,
        number=1,
        provider="easel",
        model="easel-1",
        count=1,
        started_at=house.clock(),
    )
    async with house.database.unit_of_work() as work:
        work.generations.update(generation.start(house.clock()))
        work.attempts.add(attempt)
        await work.commit()


async def test_what_is_queued_rings_again() -> None:
    """A ring that was lost is repeated, for what was asked for before the given moment only."""
    bell = Bell()
    house = a_house(queue=bell)
    owner = await house.owner()
    old = await ask(house, owner)
    house.clock.advance(seconds=60)
    await ask(house, owner)
    bell.rung.clear()
    await house.application.resume_stranded(house.clock())
    assert bell.rung == [old.id]


async def test_what_is_drawn_now_is_left_in_peace() -> None:
    """A generation that has not been running for longer than any call may take is nobody's to settle."""
    house = a_house()
    owner = await house.owner()
    generation = await ask(house, owner)
    await begin(house, generation)
    house.clock.advance(seconds=PATIENCE.total_seconds() - 1)
    await house.application.resume_stranded(house.clock())
    assert (await house.application.read_generation(owner, generation.id)).status is Status.RUNNING


async def test_what_ran_too_long_is_settled_as_unknown_and_never_repeated() -> None:
    """It fails as `outcome_unknown`, with its attempt and one usage record, and whoever waits is told."""
    house = a_house(queue=(bell := Bell()))
    owner = await house.owner()
    generation = await ask(house, owner)
    await begin(house, generation)
    bell.rung.clear()
    house.clock.advance(seconds=PATIENCE.total_seconds())
    with house.events.watch(generation.id) as watch:
        for _ in range(2):
            await house.application.resume_stranded(house.clock())
        told = await watch.outcome(0)
    ended = await house.application.read_generation(owner, generation.id)
    assert told == ended
    assert ended.failure is not None
    assert (ended.failure.code, ended.failure.billed, ended.cost_micros) == ("outcome_unknown", Billed.UNKNOWN, None)
    (attempt,) = await house.application.list_attempts(owner, generation.id)
    assert (attempt.outcome, attempt.billed) == (Outcome.UNKNOWN, Billed.UNKNOWN)
    (bucket,) = await house.application.read_usage(owner, since=None, until=None, group_by=GroupBy.DAY)
    assert (bucket.requests, bucket.failures, bucket.unknown_costs) == (1, 1, 1)
    assert (bell.rung, house.provider.calls) == ([], [])


async def test_whoever_is_alone_need_not_be_patient() -> None:
    """Where there is no other process whatever runs was left behind, however recently it began."""
    house = a_house()
    owner = await house.owner()
    generation = await ask(house, owner)
    await begin(house, generation)
    house.clock.now = NOW + timedelta(seconds=1)
    await alone(house)(house.clock())
    assert (await house.application.read_generation(owner, generation.id)).status is Status.FAILED


@pytest.mark.parametrize("waited", [0, 2 * PATIENCE.total_seconds()])
async def test_what_is_at_work_here_is_left_in_peace(waited: float) -> None:
    """However long it takes, and even for whoever is alone: nobody settles what this process is working on."""

    async def look(_: ImageRequest, __: int) -> ProviderAnswer:
        house.clock.advance(seconds=1 + waited)
        await house.application.resume_stranded(house.clock())
        await alone(house)(house.clock())
        return ANSWER

    house = a_house(look)
    owner = await house.owner()
    generation = await ask(house, owner)
    await house.application.run_generation(generation.id)
    ended = await house.application.read_generation(owner, generation.id)
    assert (ended.status, len(ended.images)) == (Status.SUCCEEDED, 1)


async def test_what_was_given_up_here_is_at_work_no_longer() -> None:
    """A run that is canceled leaves its generation to whoever looks for the stranded."""
    drawing = asyncio.Event()

    async def forever(_: ImageRequest, __: int) -> ProviderAnswer:
        drawing.set()
        await asyncio.Event().wait()
        return ANSWER

    house = a_house(forever)
    owner = await house.owner()
    generation = await ask(house, owner)
    running = asyncio.create_task(house.application.run_generation(generation.id))
    await drawing.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    house.clock.advance(seconds=1)
    await alone(house)(house.clock())
    assert (await house.application.read_generation(owner, generation.id)).status is Status.FAILED


async def test_one_broken_row_does_not_hide_the_rest(caplog: pytest.LogCaptureFixture) -> None:
    """A row that cannot be read is told by its id and passed over, without the text of the error."""
    bell = Bell()
    database = Damaged()
    house = a_house(queue=bell, database=database)
    owner = await house.owner()
    bad, good = await ask(house, owner), await ask(house, owner)
    bell.rung.clear()
    database.bad = bad.id
    house.clock.advance(seconds=1)
    await house.application.resume_stranded(house.clock())
    assert bell.rung == [good.id]
    assert str(bad.id) in caplog.text
    assert "ValueError" in caplog.text
    assert QUOTED not in caplog.text


async def test_a_stranded_picture_is_drawn_by_the_next_process() -> None:
    """What was asked for while nobody was at work is drawn as soon as somebody is."""
    house = a_house()
    owner = await house.owner()
    generation = await ask(house, owner)
    later = House(provider=house.provider, database=house.database, clock=house.clock)
    house.clock.advance(seconds=1)
    with later.events.watch(generation.id) as watch:
        async with later.working():
            ended = await watch.outcome(60)
    assert ended is not None
    assert ended.status is Status.SUCCEEDED
