"""The worker: it draws, whatever becomes of its sweeps."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from house import House, a_house
from imagegen.adapters.memory import MemoryDatabase
from imagegen.application.retrying import Backoff
from imagegen.domain.errors import DatabaseUnavailable, Unavailable
from imagegen.domain.generations import Status
from imagegen.domain.images import ImageRequest, Labels
from imagegen.domain.ports import UnitOfWork
from imagegen.worker import Worker

FAILURES = pytest.mark.parametrize("failure", [DatabaseUnavailable(), ValueError("a defect")], ids=repr)


class Reluctant(MemoryDatabase):
    """A database that answers no sweep while `failure` is set, and says when it was asked."""

    failure: Exception | None = None

    def __init__(self) -> None:
        super().__init__()
        self.swept = asyncio.Semaphore(0)

    def unit_of_work(self) -> UnitOfWork:
        """A unit of work that fails to list the unfinished."""
        work = super().unit_of_work()
        unfinished = work.generations.unfinished

        async def reluctant(before: object) -> object:
            self.swept.release()
            if self.failure is not None:
                raise self.failure
            return await unfinished(before)  # type: ignore[arg-type]  # handed on as it came

        work.generations.unfinished = reluctant  # type: ignore[method-assign,assignment]  # the fault that is played
        return work


@asynccontextmanager
async def working(house: House, *, sweep_seconds: float) -> AsyncIterator[Worker]:
    """A house whose worker looks again at once when its first look fails, and then as often as told."""
    worker = Worker(
        application=house.application,
        queue=house.queue,
        clock=house.clock,
        backoff=Backoff(first=0),
        sweep_seconds=sweep_seconds,
    )
    task = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def drawn(house: House) -> Status:
    """How a picture ends that is asked for now."""
    owner = await house.owner()
    generation = await house.application.request_generation(owner, ImageRequest(prompt="fox"), labels=Labels(), wait=60)
    return generation.status


@FAILURES
async def test_a_first_look_that_fails_keeps_nobody_from_drawing(failure: Exception) -> None:
    """What is asked for is drawn, however often looking for the stranded fails."""
    database = Reluctant()
    database.failure = failure
    house = a_house(database=database)
    async with working(house, sweep_seconds=60) as worker:
        for _ in range(3):
            await database.swept.acquire()
        assert await drawn(house) is Status.SUCCEEDED
        await worker.check()


@FAILURES
async def test_the_first_look_is_taken_until_it_succeeds(failure: Exception) -> None:
    """What was left queued is drawn once the look for it goes through, without waiting for the next sweep."""
    database = Reluctant()
    database.failure = failure
    house = a_house(database=database)
    left = await house.application.request_generation(await house.owner(), ImageRequest(prompt="fox"), labels=Labels())
    later = House(provider=house.provider, database=database, clock=house.clock)
    later.clock.advance(seconds=1)
    with later.events.watch(left.id) as watch:
        async with working(later, sweep_seconds=3600):
            await database.swept.acquire()
            database.failure = None
            ended = await watch.outcome(60)
    assert ended is not None
    assert ended.status is Status.SUCCEEDED


@FAILURES
async def test_a_sweep_that_fails_keeps_nobody_from_drawing(failure: Exception) -> None:
    """After a sweep that failed the worker goes on drawing, and sweeps again."""
    database = Reluctant()
    house = a_house(database=database)
    async with working(house, sweep_seconds=0.001) as worker:
        await database.swept.acquire()
        database.failure = failure
        for _ in range(3):
            await database.swept.acquire()
        assert await drawn(house) is Status.SUCCEEDED
        await worker.check()


async def test_a_worker_that_does_not_work_says_so() -> None:
    """Before it runs and after it was canceled a check of it fails."""
    house = a_house()
    async with working(house, sweep_seconds=60) as worker:
        with pytest.raises(Unavailable):
            await worker.check()
        await drawn(house)
        await worker.check()
    with pytest.raises(Unavailable):
        await worker.check()
