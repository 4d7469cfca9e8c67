"""Batches on every store: many who do the same at once, at two services that share it."""

import asyncio
from datetime import UTC, datetime
from hashlib import sha256

import pytest

from builders import new_webhook
from generating import Held
from house import House, a_house
from imagegen.adapters.queues.in_process import InProcessQueue
from imagegen.application.fitting import Wish
from imagegen.domain.batches import BatchCounts, BatchStatus
from imagegen.domain.idempotency import Once
from imagegen.domain.images import ImageRequest, Labels
from imagegen.domain.pages import PageRequest
from imagegen.domain.ports import GenerationFilter, UnitOfWorkFactory
from imagegen.domain.usage import GroupBy
from imagegen.domain.users import Principal
from stores import remember

WISHES = [Wish(request=ImageRequest(prompt=f"fox {n}"), labels=Labels(external_id=str(n))) for n in range(150)]
EVER = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2126, 1, 1, tzinfo=UTC))
ONCE = Once(key="key:order-42", fingerprint=sha256(b"batch").digest())


@pytest.fixture
def houses(unit_of_work: UnitOfWorkFactory) -> list[House]:
    """Two services on one store."""
    return [a_house(unit_of_work=unit_of_work, queue=InProcessQueue(concurrency=8, grace=0)) for _ in range(2)]


async def requests(house: House, owner: Principal) -> int:
    """How many generations are in the usage, whichever clock they went by."""
    buckets = await house.application.read_usage(owner, since=EVER[0], until=EVER[1], group_by=GroupBy.MODEL)
    return sum(bucket.requests for bucket in buckets)


async def test_many_at_the_same_time_are_one(houses: list[House]) -> None:
    """Of those that arrive together, wherever that is, one is taken with all of its generations."""
    owner = await houses[0].owner()
    submitted = await asyncio.gather(
        *(houses[n % 2].application.submit_batch(owner, WISHES[:20], once=ONCE) for n in range(20))
    )
    assert len({one.batch.id for one in submitted}) == 1
    assert [one.replayed for one in submitted].count(False) == 1
    found = await houses[0].application.list_generations(owner, GenerationFilter(), PageRequest(limit=100))
    assert sorted(generation.batch_index or 0 for generation in found.items) == list(range(20))


async def test_one_end_and_one_message(houses: list[House], unit_of_work: UnitOfWorkFactory) -> None:
    """However many find at the same time that all of it has ended, one says so and its owner is told once."""
    owner = await houses[0].owner()
    async with unit_of_work() as work:
        user = await work.users.get(owner.user_id)
    assert user is not None
    await remember(unit_of_work, webhook := new_webhook(user))
    batch = (await houses[0].application.submit_batch(owner, WISHES[:3])).batch
    async with unit_of_work() as work:
        items = await work.batches.left(batch.id, limit=3)
    for item in items:
        await houses[0].application.cancel_generation(owner, item.id)
    await asyncio.gather(*(houses[n % 2].application.finish_batches() for n in range(8)))
    ended = await houses[0].application.read_batch(owner, batch.id)
    assert (ended.status, ended.version) == (BatchStatus.FINISHED, 2)
    async with unit_of_work() as work:
        told = (await work.webhook_deliveries.page(webhook.id, owner.user_id, PageRequest())).items
    assert sorted(delivery.type for delivery in told) == ["batch.finished", *["generation.canceled"] * 3]


async def test_taking_back_while_others_begin_it(unit_of_work: UnitOfWorkFactory) -> None:
    """A batch that two services take back while one draws it has ended when either answers, each generation once."""
    held = Held()
    drawing = a_house(held, unit_of_work=unit_of_work, queue=InProcessQueue(concurrency=64, grace=0))
    other = a_house(unit_of_work=unit_of_work)
    owner = await drawing.owner()
    async with drawing.working():
        batch = (await drawing.application.submit_batch(owner, WISHES)).batch
        await held.begun.acquire()
        ended = await asyncio.gather(
            *(house.application.cancel_batch(owner, batch.id) for house in (drawing, other, drawing, other))
        )
        assert {(one.status, one.counts) for one in ended} == {(BatchStatus.CANCELED, BatchCounts(canceled=150))}
        held.may_end.set()
    assert await requests(other, owner) == 150
    results = [one async for one in await other.application.read_results(owner, batch.id)]
    assert [one.labels.external_id for one in results] == [wish.labels.external_id for wish in WISHES]
