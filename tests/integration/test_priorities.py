"""Priorities where several places come free together: in one process, and in two that share Redis and the table."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Final
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from builders import new_id
from generating import ask
from house import ANSWER, House, a_house
from imagegen.adapters.queues.in_process import InProcessQueue
from imagegen.adapters.queues.redis import SaqQueue, connect
from imagegen.application.leasing import Lease
from imagegen.domain.generations import Priority
from imagegen.domain.identifiers import WorkerId
from imagegen.domain.images import ImageRequest
from imagegen.domain.ports import GenerationQueue, ProviderAnswer, UnitOfWorkFactory
from ringing import LONG, stop

CONCURRENCY: Final = 4
PLACES: Final = 3
"""Of these; the others are for batches."""


class Waves:
    """Draws for many processes: whatever has begun is held until all of it is let go at the same moment."""

    def __init__(self) -> None:
        self._begun: asyncio.Queue[str] = asyncio.Queue()
        self._may_end = asyncio.Event()

    async def __call__(self, request: ImageRequest, _: int) -> ProviderAnswer:
        """Answer with the others of its wave."""
        self._begun.put_nowait(request.prompt)
        await self._may_end.wait()
        return ANSWER

    async def begun(self, count: int) -> list[str]:
        """The next so many prompts that began."""
        async with asyncio.timeout(LONG):
            return [await self._begun.get() for _ in range(count)]

    def let_go(self) -> None:
        """End all that has begun; what begins from now on is held again."""
        self._may_end.set()
        self._may_end = asyncio.Event()


@pytest.fixture
def waves() -> Waves:
    """What draws in every house."""
    return Waves()


@pytest.fixture(params=["in process", "redis"])
async def queues(request: pytest.FixtureRequest) -> AsyncIterator[list[GenerationQueue]]:
    """The queue of one process, and those of two that share a Valkey."""
    if request.param == "in process":
        yield [InProcessQueue(concurrency=CONCURRENCY, grace=1)]
        return
    url, namespace = request.getfixturevalue("valkey_server"), uuid4().hex
    shared = [SaqQueue(connect(url), concurrency=CONCURRENCY, grace=1, namespace=namespace) for _ in range(2)]
    yield list(shared)
    for queue in shared:
        await queue.close()
    async with Redis.from_url(url) as client:
        async for key in client.scan_iter(f"*{namespace}*"):
            await client.delete(key)


@pytest.fixture
async def houses(
    unit_of_work: UnitOfWorkFactory, queues: list[GenerationQueue], waves: Waves
) -> AsyncIterator[list[House]]:
    """Processes on one store that draw."""
    async with AsyncExitStack() as stack:
        houses = [
            a_house(waves, unit_of_work=unit_of_work, queue=queue, lease=Lease(worker_id=WorkerId(new_id())))
            for queue in queues
        ]
        for house in houses:
            await house.application.renew_lease()
            stack.push_async_callback(stop, asyncio.create_task(house.queue.consume(house.application.run_generation)))
        yield houses
        waves.let_go()


async def test_whoever_gets_the_places_that_come_free_together_has_the_highest_priority(
    houses: list[House], waves: Waves
) -> None:
    """Of those that wait the high ones take all places until none is left, as the positions said that were told."""
    places = PLACES * len(houses)
    house = houses[0]
    owner = await house.owner()
    for _ in range(places):
        await ask(house, owner, prompt="first")
    await waves.begun(places)
    low, high = [
        [await ask(house, owner, prompt=priority, priority=priority) for _ in range(2 * places)]
        for priority in (Priority.LOW, Priority.HIGH)
    ]
    positions = [await house.application.read_position(generation) for generation in (*high, *low)]
    assert positions == list(range(4 * places))
    for priority in (Priority.HIGH, Priority.HIGH, Priority.LOW, Priority.LOW):
        waves.let_go()
        assert await waves.begun(places) == [priority] * places
