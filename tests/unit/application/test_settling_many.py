"""A process that died with its hands full: what it left is settled many at a time, and none is waited for alone."""

import asyncio
from math import inf

import pytest

from faults import Late
from generating import PAID, PRICED, Held, ask, calls, found, history
from house import House
from imagegen.application.leasing import LIFETIME
from imagegen.application.stranded import AT_ONCE
from imagegen.domain.attempts import Outcome
from imagegen.domain.errors import Billed, ProviderBusy, StorageUnavailable
from imagegen.domain.generations import Generation, Status
from imagegen.domain.retries import RetryPolicy
from imagegen.domain.users import Principal
from processes import Ground, kill, until

LAPSE = LIFETIME.total_seconds()
MANY = 2 * AT_ONCE + 3


async def left_calling(ground: Ground) -> tuple[House, Principal]:
    """What a dead process left whose calls were all under way, with a living one."""
    held = Held(PAID)
    dying, alive = ground.process(held, models=(PRICED,)), ground.process(models=(PRICED,))
    owner = await dying.owner()
    running = [asyncio.create_task(dying.application.run_generation((await ask(dying, owner)).id)) for _ in range(MANY)]
    for _ in running:
        await held.begun.acquire()
    for task in running:
        await kill(task)
    await ground.pass_time(2 * LAPSE, alive)
    return alive, owner


async def left_pausing(ground: Ground, owner: Principal) -> list[Generation]:
    """What a dead process left between two calls."""
    dying = ground.process(ProviderBusy(), models=(PRICED,), policy=RetryPolicy(first_pause=60.0))
    generations = [await ask(dying, owner) for _ in range(3)]
    running = [asyncio.create_task(dying.application.run_generation(one.id)) for one in generations]

    async def all_pause() -> bool:
        made = [await calls(dying, owner, one.id) for one in generations]
        return [[call.outcome for call in some] for some in made] == [[Outcome.FAILED]] * len(made)

    await until(all_pause)
    for task in running:
        await kill(task)
    return generations


async def statuses(house: House, owner: Principal) -> set[Status]:
    """How everything stands."""
    return {one.status for one in await history(house, owner)}


async def test_many_are_settled_at_the_same_time() -> None:
    """While the store takes its time with some, others are under way: as many as are settled at once, and no more."""
    ground = Ground()
    ground.store = store = Late(ground.clock)
    alive, owner = await left_calling(ground)
    store.wait = inf
    settling = asyncio.create_task(alive.application.settle_stranded())
    for _ in range(AT_ONCE):
        await store.asked.acquire()
    for _ in range(100):  # whoever else would ask has asked by then
        await asyncio.sleep(0)
    assert store.asked.locked()
    store.may_ask.set()
    await settling
    assert await statuses(alive, owner) == {Status.FAILED}


async def test_a_store_that_is_away_is_waited_for_once() -> None:
    """What needs it is left for the next look, and what died between two calls is settled without it."""
    ground = Ground()
    ground.store = store = Late(ground.clock)
    alive, owner = await left_calling(ground)
    pausing = await left_pausing(ground, owner)
    await ground.pass_time(2 * LAPSE, alive)
    store.failure, store.wait = StorageUnavailable(), inf
    store.may_ask.set()
    with pytest.raises(StorageUnavailable):
        await alive.application.settle_stranded()
    asked = 0
    while not store.asked.locked():
        await store.asked.acquire()
        asked += 1
    assert 0 < asked <= AT_ONCE  # at the same time, so that is one wait
    ended = [await found(alive, owner, one.id) for one in pausing]
    assert [(one.status, one.cost_micros) for one in ended] == [(Status.FAILED, 0)] * len(pausing)
    assert {one.failure and one.failure.billed for one in ended} == {Billed.NO}
    standing = [one.status for one in await history(alive, owner)]
    assert standing.count(Status.RUNNING) == MANY
    store.failure, store.wait = None, 0
    await alive.application.settle_stranded()
    assert await statuses(alive, owner) == {Status.FAILED}
