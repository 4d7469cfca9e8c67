"""A process that was taken for dead and is not: whoever wrote first is right, and it changes nothing."""

import asyncio

import pytest

from generating import COST, PAID, PRICED, Held, ask, calls, found, pictures, receipts, usage
from house import House
from imagegen.application.leasing import LIFETIME
from imagegen.domain.attempts import Outcome
from imagegen.domain.blob_keys import is_receipt_key
from imagegen.domain.errors import NoImage, ProviderBusy
from imagegen.domain.generations import Generation, Status
from imagegen.domain.retries import RetryPolicy
from imagegen.domain.users import Principal
from no_time import in_no_time
from processes import Ground, until

LAPSE = LIFETIME.total_seconds()


async def settled_elsewhere(ground: Ground, owner: Principal, generation: Generation) -> Generation:
    """How another process settles a generation whose own one has been silent for long."""
    alive = ground.process(PAID, models=(PRICED,))
    await ground.pass_time(2 * LAPSE, alive)
    await alive.application.settle_stranded()
    return await found(alive, owner, generation.id)


async def refused_on_record(house: House, owner: Principal, generation: Generation) -> bool:
    """Whether the end of its first call is written down."""
    return [call.outcome for call in await calls(house, owner, generation.id)] == [Outcome.FAILED]


async def test_an_answer_that_comes_late_changes_nothing() -> None:
    """Its pictures and its receipt are removed; state, attempt and usage are as the other one wrote them."""
    ground, held = Ground(), Held(PAID)
    frozen = ground.process(held, models=(PRICED,))
    owner = await frozen.owner()
    generation = await ask(frozen, owner)
    task = asyncio.create_task(frozen.application.run_generation(generation.id))
    await held.begun.acquire()
    ended = await settled_elsewhere(ground, owner, generation)
    before = await calls(frozen, owner, generation.id)
    assert (ended.status, [call.outcome for call in before]) == (Status.FAILED, [Outcome.UNKNOWN])
    held.may_end.set()
    await task
    assert await found(frozen, owner, generation.id) == ended
    assert await calls(frozen, owner, generation.id) == before
    await frozen.application.remove_receipts()
    assert (await pictures(frozen), await receipts(frozen)) == (set(), set())
    bucket = await usage(frozen, owner)
    assert (bucket.requests, bucket.failures, bucket.images, bucket.cost_micros) == (1, 1, 0, 0)


async def test_pictures_that_the_winner_shows_are_not_removed_by_the_loser() -> None:
    """Both speak of the same bytes: a process that wakes after its receipt was read leaves them alone."""
    ground = Ground()
    written, awake = asyncio.Event(), asyncio.Event()

    async def freeze(key: str) -> None:
        if is_receipt_key(key):
            written.set()
            await awake.wait()

    ground.store.given = freeze
    frozen = ground.process(PAID, models=(PRICED,))
    owner = await frozen.owner()
    generation = await ask(frozen, owner)
    task = asyncio.create_task(frozen.application.run_generation(generation.id))
    await written.wait()
    ended = await settled_elsewhere(ground, owner, generation)
    assert (ended.status, ended.cost_micros) == (Status.SUCCEEDED, COST)
    awake.set()
    await task
    assert await found(frozen, owner, generation.id) == ended
    assert await pictures(frozen) == {image.location for image in ended.images}
    assert await receipts(frozen) == set()
    assert (await usage(frozen, owner)).cost_micros == COST


async def test_whoever_waits_at_the_loser_is_told_what_the_winner_wrote() -> None:
    """A caller is never told of an end that is not on record."""
    ground, held = Ground(), Held(PAID)
    frozen = ground.process(held, models=(PRICED,))
    owner = await frozen.owner()
    generation = await ask(frozen, owner)
    with frozen.events.watch(generation.id) as watch:
        task = asyncio.create_task(frozen.application.run_generation(generation.id))
        await held.begun.acquire()
        ended = await settled_elsewhere(ground, owner, generation)
        held.may_end.set()
        await task
        assert await watch.outcome(0) == ended


@in_no_time
async def test_whoever_wakes_between_two_calls_makes_no_other() -> None:
    """A process that was to try again, and whose generation was settled meanwhile, leaves the provider alone."""
    ground = Ground()
    frozen = ground.process(ProviderBusy(), PAID, models=(PRICED,), policy=RetryPolicy())
    owner = await frozen.owner()
    generation = await ask(frozen, owner)
    task = asyncio.create_task(frozen.application.run_generation(generation.id))
    await until(lambda: refused_on_record(frozen, owner, generation))
    ended = await settled_elsewhere(ground, owner, generation)
    await task
    assert ended.status is Status.FAILED
    assert await found(frozen, owner, generation.id) == ended
    assert len(frozen.provider.calls) == 1


@pytest.mark.parametrize("answer", [PAID, NoImage()], ids=["drawn", "failed"])
async def test_an_account_that_is_deleted_meanwhile_leaves_nothing(answer: object) -> None:
    """Neither a row nor bytes come back for somebody who is gone."""
    ground = Ground()
    house: House

    async def late(_: object, __: int) -> object:
        await house.application.delete_account(owner, "securepassword123")
        if isinstance(answer, Exception):
            raise answer
        return answer

    house = ground.process(late, models=(PRICED,))
    owner = await house.owner()
    generation = await ask(house, owner)
    await house.application.run_generation(generation.id)
    async with ground.database.unit_of_work() as work:
        assert await work.generations.find(generation.id) is None
    await house.application.remove_receipts()
    assert (await pictures(house), await receipts(house)) == (set(), set())
