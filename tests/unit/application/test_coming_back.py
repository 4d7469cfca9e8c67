"""A process that was taken for dead and comes back: what it runs is its own again, unless it has been settled."""

import asyncio
from math import inf

import pytest

from faults import Halted, Late
from generating import COST, PAID, PRICED, Held, ask, calls, found, history, pictures, receipts, usage
from house import House
from imagegen.application.leasing import LIFETIME
from imagegen.application.stranded import AT_ONCE
from imagegen.domain.attempts import Outcome
from imagegen.domain.errors import Billed, ProviderBusy
from imagegen.domain.generations import Generation, Status
from imagegen.domain.retries import RetryPolicy
from imagegen.domain.users import Principal
from no_time import in_no_time
from processes import Ground, until

LAPSE = LIFETIME.total_seconds()
MANY = 2 * AT_ONCE + 3


async def outcomes(house: House, owner: Principal, generation: Generation) -> list[Outcome]:
    """How the calls made for it ended."""
    return [call.outcome for call in await calls(house, owner, generation.id)]


async def test_whoever_comes_back_keeps_all_that_was_not_settled_yet(caplog: pytest.LogCaptureFixture) -> None:
    """A list of the stranded is true for a moment: whoever works it off touches nothing whose process lives again."""
    ground, held = Ground(), Held(PAID)
    ground.store = store = Late(ground.clock)
    frozen, looking = ground.process(held, models=(PRICED,)), ground.process()
    owner = await frozen.owner()
    generations = [await ask(frozen, owner) for _ in range(MANY)]
    running = [asyncio.create_task(frozen.application.run_generation(one.id)) for one in generations]
    for _ in running:
        await held.begun.acquire()
    await ground.pass_time(2 * LAPSE, looking)
    store.wait = inf
    settling = asyncio.create_task(looking.application.settle_stranded())
    for _ in range(AT_ONCE):
        await store.asked.acquire()
    await frozen.application.renew_lease()
    store.may_ask.set()
    await settling
    assert {one.status for one in await history(frozen, owner)} == {Status.RUNNING}
    assert "stranded" not in caplog.text
    held.may_end.set()
    await asyncio.gather(*running)
    ended = await history(frozen, owner)
    assert [(one.status, one.cost_micros) for one in ended] == [(Status.SUCCEEDED, COST)] * MANY
    assert await pictures(frozen) == {image.location for one in ended for image in one.images}
    await frozen.application.remove_receipts()
    assert await receipts(frozen) == set()


@in_no_time
async def test_a_call_that_begins_meanwhile_is_not_overlooked() -> None:
    """Who found it between two calls does not say that nothing was billed when another one has begun since.

    Not even when its process is silent again by then: whoever looks next finds the call.
    """
    ground, held = Ground(), Held(PAID)
    ground.database = database = Halted(ground.clock)
    frozen = ground.process(ProviderBusy(), held, models=(PRICED,), policy=RetryPolicy(first_pause=25.0))
    looking = ground.process(models=(PRICED,))
    owner = await frozen.owner()
    generation = await ask(frozen, owner)
    running = asyncio.create_task(frozen.application.run_generation(generation.id))

    async def pauses() -> bool:
        return await outcomes(frozen, owner, generation) == [Outcome.FAILED]

    await until(pauses)
    await ground.pass_time(2 * LAPSE, looking)
    database.halt()
    settling = asyncio.create_task(looking.application.settle_stranded())
    await database.reached.wait()
    await frozen.application.renew_lease()
    await held.begun.acquire()
    ground.clock.advance(seconds=2 * LAPSE)
    database.go_on.set()
    await settling
    assert (await found(looking, owner, generation.id)).status is Status.RUNNING
    assert await outcomes(looking, owner, generation) == [Outcome.FAILED, Outcome.STARTED]
    held.may_end.set()
    await running
    ended = await found(looking, owner, generation.id)
    assert (ended.status, ended.cost_micros) == (Status.SUCCEEDED, COST)
    assert await outcomes(looking, owner, generation) == [Outcome.FAILED, Outcome.SUCCEEDED]


async def stopped_after_its_commit(ground: Ground) -> tuple[House, Principal, Generation, "asyncio.Task[None]"]:
    """A process that has begun a generation on record, and whose lease ran out before it could call."""
    ground.database = database = Halted(ground.clock, after=True)
    frozen = ground.process(PAID, models=(PRICED,))
    owner = await frozen.owner()
    generation = await ask(frozen, owner)
    await frozen.application.renew_lease()
    database.halt()
    running = asyncio.create_task(frozen.application.run_generation(generation.id))
    await database.reached.wait()
    ground.clock.advance(seconds=2 * LAPSE)
    return frozen, owner, generation, running


async def test_whoever_wakes_after_its_generation_was_settled_calls_nobody() -> None:
    """What began on record and was settled since is not drawn: the provider is not asked, and the end stays."""
    ground = Ground()
    frozen, owner, generation, running = await stopped_after_its_commit(ground)
    looking = ground.process(PAID, models=(PRICED,))
    await ground.pass_time(2 * LAPSE, looking)
    await looking.application.settle_stranded()
    ended, before = await found(looking, owner, generation.id), await calls(looking, owner, generation.id)
    assert (ended.status, [call.outcome for call in before]) == (Status.FAILED, [Outcome.UNKNOWN])
    frozen.database.go_on.set()  # type: ignore[attr-defined]  # it is halted
    await running
    assert frozen.provider.calls == []
    assert await found(looking, owner, generation.id) == ended
    assert await calls(looking, owner, generation.id) == before
    assert (await usage(looking, owner)).requests == 1


async def test_whoever_wakes_before_anybody_settled_it_draws_it() -> None:
    """It renews its lease first, so that nobody settles what it draws."""
    ground = Ground()
    frozen, owner, generation, running = await stopped_after_its_commit(ground)
    assert await frozen.application.count_workers() == 0
    frozen.database.go_on.set()  # type: ignore[attr-defined]  # it is halted
    await running
    assert await frozen.application.count_workers() == 1
    ended = await found(frozen, owner, generation.id)
    assert (ended.status, ended.cost_micros, len(frozen.provider.calls)) == (Status.SUCCEEDED, COST, 1)


async def test_whoever_wakes_and_cannot_say_so_calls_nobody() -> None:
    """Without the database nobody can tell that it lives: the call is not made, and certainly not billed."""
    ground = Ground()
    frozen, owner, generation, running = await stopped_after_its_commit(ground)
    frozen.database.away = 1  # type: ignore[attr-defined]  # it can be taken away
    frozen.database.go_on.set()  # type: ignore[attr-defined]  # it is halted
    await running
    ended = await found(frozen, owner, generation.id)
    assert ended.failure is not None
    assert (ended.failure.code, ended.failure.billed, ended.cost_micros) == ("provider_unreachable", Billed.NO, 0)
    assert frozen.provider.calls == []
    assert await outcomes(frozen, owner, generation) == [Outcome.FAILED]
