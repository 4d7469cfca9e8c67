"""The end of a batch: by itself, by its owner, and across processes."""

import asyncio
import json
from math import inf

import pytest

from builders import new_webhook
from faults import LostAnswer
from generating import Held, calls, found, usage
from house import ANSWER, House, a_house
from imagegen.adapters.queues.in_process import InProcessQueue
from imagegen.application.fitting import Wish
from imagegen.domain.batches import Batch, BatchCounts, BatchStatus
from imagegen.domain.deliveries import WebhookDelivery
from imagegen.domain.errors import Billed, DatabaseUnavailable, NoImage
from imagegen.domain.generations import Generation, Status
from imagegen.domain.identifiers import BATCH, UserId, external
from imagegen.domain.images import ImageRequest, Labels
from imagegen.domain.pages import PageRequest
from imagegen.domain.ports import ProviderAnswer
from imagegen.domain.users import Principal
from imagegen.domain.webhooks import EventType, WebhookEndpoint
from ringing import LONG
from stores import remember


async def submit(house: House, owner: Principal, count: int) -> tuple[Batch, list[Generation]]:
    """A batch of so many, and its generations."""
    wishes = [Wish(request=ImageRequest(prompt=f"fox {n}"), labels=Labels()) for n in range(count)]
    batch = (await house.application.submit_batch(owner, wishes)).batch
    async with house.database.unit_of_work() as work:
        return batch, list((await work.batches.left(batch.id, limit=count))[::-1])


async def read(house: House, owner: Principal, batch: Batch) -> Batch:
    """The batch as it stands."""
    return await house.application.read_batch(owner, batch.id)


async def listen(house: House, owner: Principal) -> WebhookEndpoint:
    """A webhook of the owner's that is told of batches."""
    async with house.database.unit_of_work() as work:
        user = await work.users.get(UserId(owner.user_id))
    assert user is not None
    endpoint = new_webhook(user, events=frozenset({EventType.BATCH_FINISHED}))
    await remember(house.database.unit_of_work, endpoint)
    return endpoint


async def told(house: House, endpoint: WebhookEndpoint) -> list[WebhookDelivery]:
    """What the webhook is to be told."""
    async with house.database.unit_of_work() as work:
        return list((await work.webhook_deliveries.page(endpoint.id, endpoint.user_id, PageRequest())).items)


async def finished(house: House, owner: Principal, batch: Batch) -> Batch:
    """The batch when it is finished."""
    async with asyncio.timeout(LONG):
        while (now := await read(house, owner, batch)).finished_at is None:  # noqa: ASYNC110 - no event tells it here
            await asyncio.sleep(0)
    return now


async def test_the_last_generation_ends_the_batch() -> None:
    """With its end the batch is finished, whether it succeeded or not, and its owner is told, once."""
    house = a_house(ANSWER, NoImage(billed=Billed.NO), ANSWER)
    owner = await house.owner()
    endpoint = await listen(house, owner)
    batch, generations = await submit(house, owner, 3)
    for generation in generations[:2]:
        await house.application.run_generation(generation.id)
    assert ((await read(house, owner, batch)).status, await told(house, endpoint)) == (BatchStatus.RUNNING, [])
    house.clock.advance(seconds=7)
    await house.application.run_generation(generations[2].id)
    ended = await read(house, owner, batch)
    assert (ended.status, ended.finished_at) == (BatchStatus.FINISHED, house.clock())
    assert ended.counts == BatchCounts(succeeded=2, failed=1)
    await house.application.finish_batches()
    (delivery,) = await told(house, endpoint)
    assert json.loads(delivery.payload)["data"] == {
        "id": external(BATCH, batch.id),
        "status": "finished",
        "total": 3,
        "counts": {"queued": 0, "running": 0, "succeeded": 2, "failed": 1, "canceled": 0},
    }


async def test_all_that_end_at_once_end_it_once() -> None:
    """However many end at the same time, there is one end and one message."""
    held = Held()
    house = a_house(held)
    owner = await house.owner()
    endpoint = await listen(house, owner)
    batch, _ = await submit(house, owner, 16)
    async with house.working():
        for _ in range(16):
            await held.begun.acquire()
        held.may_end.set()
        ended = await finished(house, owner, batch)
        await asyncio.gather(*(house.application.finish_batches() for _ in range(3)))
    assert ended.counts == BatchCounts(succeeded=16)
    assert (await read(house, owner, batch)).version == 2
    assert len(await told(house, endpoint)) == 1


async def test_what_ended_elsewhere_is_found_by_a_sweep() -> None:
    """A batch whose last generation was canceled by itself is finished by the next look."""
    house = a_house()
    owner = await house.owner()
    endpoint = await listen(house, owner)
    batch, (generation,) = await submit(house, owner, 1)
    other, _ = await submit(house, owner, 1)
    await house.application.cancel_generation(owner, generation.id)
    assert (await read(house, owner, batch)).status is BatchStatus.RUNNING
    await house.application.finish_batches()
    assert (await read(house, owner, batch)).status is BatchStatus.FINISHED
    assert (await read(house, owner, other)).status is BatchStatus.QUEUED
    assert len(await told(house, endpoint)) == 1


async def test_a_database_that_goes_away_at_the_end_costs_only_time() -> None:
    """The pictures are kept, and the batch is finished as soon as somebody looks again."""
    database = LostAnswer()
    house = a_house(database=database)
    owner = await house.owner()
    batch, (generation,) = await submit(house, owner, 1)
    database.lost, database.forgetful = 4, True  # after the lease, the beginning and the end of the generation
    await house.application.run_generation(generation.id)
    left = await read(house, owner, batch)
    assert (left.status, left.counts) == (BatchStatus.RUNNING, BatchCounts(succeeded=1))
    await house.application.finish_batches()
    assert (await read(house, owner, batch)).status is BatchStatus.FINISHED


async def test_taking_back_ends_all_of_it() -> None:
    """What waits never starts, what runs is abandoned, what has ended stays; nothing is left when it is answered."""
    held = Held()

    async def draw(request: ImageRequest, count: int) -> ProviderAnswer:
        return ANSWER if request.prompt == "fox 0" else await held(request, count)

    house = a_house(draw, queue=InProcessQueue(concurrency=8, grace=0))
    owner = await house.owner()
    endpoint = await listen(house, owner)
    async with house.working():
        batch, generations = await submit(house, owner, 250)
        for _ in range(2):
            await held.begun.acquire()
        canceled = await house.application.cancel_batch(owner, batch.id)
        assert (canceled.status, canceled.counts) == (BatchStatus.CANCELED, BatchCounts(succeeded=1, canceled=249))
        assert canceled.finished_at is not None
        held.may_end.set()
        await asyncio.sleep(0)
    assert len(house.provider.calls) == 3
    assert [call.billed for call in await calls(house, owner, generations[1].id)] == [Billed.UNKNOWN]
    waited = await found(house, owner, generations[249].id)
    assert (waited.status, waited.cost_micros, waited.started_at) == (Status.CANCELED, 0, None)
    assert (await usage(house, owner)).requests == 250
    (delivery,) = await told(house, endpoint)
    assert json.loads(delivery.payload)["data"]["status"] == "canceled"


async def test_taking_back_twice_changes_nothing() -> None:
    """A batch that was taken back, or has ended, is returned as it is."""
    house = a_house()
    owner = await house.owner()
    endpoint = await listen(house, owner)
    batch, _ = await submit(house, owner, 2)
    other, (generation,) = await submit(house, owner, 1)
    await house.application.run_generation(generation.id)
    for one, status in ((batch, BatchStatus.CANCELED), (other, BatchStatus.FINISHED)):
        first = await house.application.cancel_batch(owner, one.id)
        house.clock.advance(seconds=1)
        assert await house.application.cancel_batch(owner, one.id) == first
        assert first.status is status
    assert len(await told(house, endpoint)) == 2


async def test_what_has_ended_by_itself_was_not_taken_back() -> None:
    """A batch with nothing left to cancel is finished, even when nobody has said so before."""
    house = a_house()
    owner = await house.owner()
    batch, (generation,) = await submit(house, owner, 1)
    await house.application.cancel_generation(owner, generation.id)
    assert (await house.application.cancel_batch(owner, batch.id)).status is BatchStatus.FINISHED


async def test_many_that_take_it_back_at_once_agree() -> None:
    """Each gets the same end, and each generation has one."""
    house = a_house()
    owner = await house.owner()
    batch, _ = await submit(house, owner, 150)
    ended = await asyncio.gather(*(house.application.cancel_batch(owner, batch.id) for _ in range(5)))
    assert {(one.status, one.counts) for one in ended} == {(BatchStatus.CANCELED, BatchCounts(canceled=150))}
    assert (await usage(house, owner)).requests == 150


async def test_a_process_that_dies_while_it_takes_back_starts_nothing() -> None:
    """What of a canceled batch still waits is canceled by whoever is rung for it, and the batch is finished."""
    database = LostAnswer()
    house = a_house(database=database)
    owner = await house.owner()
    batch, generations = await submit(house, owner, 3)
    database.lost, database.away_after = 1, inf
    with pytest.raises(DatabaseUnavailable):
        await house.application.cancel_batch(owner, batch.id)
    database.away = 0
    left = await read(house, owner, batch)
    assert (left.status, left.counts) == (BatchStatus.CANCELED, BatchCounts(queued=3))
    later = House(provider=house.provider, database=database, clock=house.clock)
    later.clock.advance(seconds=1)
    async with later.working():
        ended = await finished(later, owner, batch)
    assert (ended.status, ended.counts) == (BatchStatus.CANCELED, BatchCounts(canceled=3))
    assert house.provider.calls == []
    assert (await found(later, owner, generations[0].id)).cost_micros == 0


async def test_a_batch_survives_a_restart() -> None:
    """What of it waited is drawn by the next process, what ran is settled, and then it is finished."""
    held = Held()
    house = a_house(held, queue=InProcessQueue(concurrency=8, grace=0))
    owner = await house.owner()
    batch, _ = await submit(house, owner, 10)
    async with house.working():
        for _ in range(2):
            await held.begun.acquire()
    assert (await read(house, owner, batch)).counts == BatchCounts(queued=8, running=2)
    later = a_house(database=house.database, clock=house.clock)
    endpoint = await listen(later, owner)
    later.clock.advance(seconds=1)
    async with later.working():
        ended = await finished(later, owner, batch)
    assert (ended.status, ended.counts) == (BatchStatus.FINISHED, BatchCounts(succeeded=8, failed=2))
    assert len(await told(later, endpoint)) == 1
