"""Taking a generation back: it has one end, and what that says of the money is true."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generating import COST, PAID, PRICED, Held, ask, calls, found, history, pictures, receipts, run, usage
from house import House, a_house
from imagegen.adapters.queues.in_process import InProcessQueue
from imagegen.domain.attempts import Outcome
from imagegen.domain.errors import Billed, NoImage, NotFound, ScopeMissing
from imagegen.domain.generations import Generation, Status
from imagegen.domain.users import Principal, Scope
from processes import a_place


async def cancel(house: House, owner: Principal, generation: Generation) -> Generation:
    """What comes of canceling it."""
    return await house.application.cancel_generation(owner, generation.id)


async def test_what_is_queued_never_starts() -> None:
    """It costs nothing, was certainly not billed, and a ring that comes later finds nothing to do."""
    house = a_house(PAID, models=(PRICED,))
    owner = await house.owner()
    generation = await ask(house, owner)
    canceled = await cancel(house, owner, generation)
    assert canceled.failure is not None
    assert (canceled.status, canceled.cost_micros, canceled.failure.billed) == (Status.CANCELED, 0, Billed.NO)
    await house.application.run_generation(generation.id)
    assert await found(house, owner, generation.id) == canceled
    assert (house.provider.calls, await calls(house, owner, generation.id)) == ([], [])
    bucket = await usage(house, owner)
    assert (bucket.requests, bucket.failures, bucket.cost_micros, bucket.unknown_costs) == (1, 0, 0, 0)


async def test_the_call_of_what_runs_is_abandoned() -> None:
    """It is cut short; the provider may have billed it, and that is what is said of it and of the generation."""
    abandoned = asyncio.Event()

    async def draw(_: object, __: int) -> Any:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            abandoned.set()

    begun = asyncio.Event()
    house = a_house(draw, models=(PRICED,))
    owner = await house.owner()
    generation = await ask(house, owner)
    running = asyncio.create_task(house.application.run_generation(generation.id))
    await begun.wait()
    canceled = await cancel(house, owner, generation)
    await running
    assert abandoned.is_set()
    assert canceled.failure is not None
    assert (canceled.status, canceled.cost_micros, canceled.failure.billed) == (Status.CANCELED, None, Billed.UNKNOWN)
    assert await found(house, owner, generation.id) == canceled
    (attempt,) = await calls(house, owner, generation.id)
    assert (attempt.outcome, attempt.billed, attempt.cost_micros) == (Outcome.UNKNOWN, Billed.UNKNOWN, None)
    assert attempt.error_code == "canceled"
    bucket = await usage(house, owner)
    assert (bucket.requests, bucket.failures, bucket.unknown_costs) == (1, 0, 1)


async def test_all_calls_of_what_runs_are_abandoned() -> None:
    """Several pictures are several calls, and none of them goes on."""
    held = Held(PAID)
    house = a_house(held, models=(PRICED,))
    owner = await house.owner()
    generation = await ask(house, owner, n=3)
    running = asyncio.create_task(house.application.run_generation(generation.id))
    for _ in range(3):
        await held.begun.acquire()
    await cancel(house, owner, generation)
    await running
    assert [call.outcome for call in await calls(house, owner, generation.id)] == [Outcome.UNKNOWN] * 3


async def test_other_generations_go_on() -> None:
    """Only the one that was named is cut short."""
    held = Held()
    house = a_house(held)
    owner = await house.owner()
    one, other = await ask(house, owner), await ask(house, owner)
    running = [asyncio.create_task(house.application.run_generation(each.id)) for each in (one, other)]
    for _ in running:
        await held.begun.acquire()
    await cancel(house, owner, one)
    held.may_end.set()
    await asyncio.gather(*running)
    assert (await found(house, owner, other.id)).status is Status.SUCCEEDED


async def test_a_picture_that_arrives_all_the_same_is_not_kept() -> None:
    """A call that cannot be cut short brings nothing that stays: no row speaks of its picture, and no bytes do."""

    async def stubborn(_: object, __: int) -> Any:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return PAID

    begun = asyncio.Event()
    house = a_house(stubborn, models=(PRICED,))
    owner = await house.owner()
    generation = await ask(house, owner)
    running = asyncio.create_task(house.application.run_generation(generation.id))
    await begun.wait()
    canceled = await cancel(house, owner, generation)
    await running
    assert await found(house, owner, generation.id) == canceled
    await house.application.remove_receipts()
    assert (await pictures(house), await receipts(house)) == (set(), set())


@pytest.mark.parametrize("answer", [PAID, NoImage()], ids=["succeeded", "failed"])
async def test_what_has_ended_stays_as_it_is(answer: Any) -> None:
    """Canceling a final state is no error and changes nothing, and canceling twice is canceling once."""
    house = a_house(answer, models=(PRICED,))
    owner = await house.owner()
    ended, attempts = await run(house, owner)
    assert await cancel(house, owner, ended) == ended
    assert (await found(house, owner, ended.id), await calls(house, owner, ended.id)) == (ended, attempts)
    queued = await ask(house, owner)
    assert await cancel(house, owner, queued) == await cancel(house, owner, queued)
    assert (await usage(house, owner)).requests == 2


async def test_whoever_waits_is_told() -> None:
    """A caller who waits for the picture gets the canceled generation at once."""
    held = Held()
    house = a_house(held)
    owner = await house.owner()
    async with house.working():
        waiting = asyncio.create_task(ask(house, owner, wait=60))
        await held.begun.acquire()
        (generation,) = await history(house, owner)
        canceled = await cancel(house, owner, generation)
        assert await waiting == canceled


async def test_what_is_canceled_gives_its_place_back() -> None:
    """The next one can begin at once."""
    held = Held()
    house = a_house(held, queue=InProcessQueue(concurrency=2, grace=1.0))
    owner = await house.owner()
    async with house.working():
        await a_place(house)
        first = await ask(house, owner)
        await held.begun.acquire()
        second = await ask(house, owner)
        assert (first.status, second.status) == (Status.RUNNING, Status.QUEUED)
        await cancel(house, owner, first)
        await held.begun.acquire()
        held.may_end.set()
        with house.events.watch(second.id) as watch:
            assert await watch.outcome(60)


async def test_only_the_owner_cancels_and_only_with_the_scope() -> None:
    """Somebody else's generation is as one that is not there; a key that may only read cancels nothing."""
    house = a_house()
    owner, stranger = await house.owner(), await house.owner("stranger@example.com")
    generation = await ask(house, owner)
    with pytest.raises(NotFound):
        await cancel(house, stranger, generation)
    _, plain = await house.application.issue_api_key(owner, scopes=frozenset({Scope.READ, Scope.WRITE}))
    reader = await house.application.authenticate_key(plain.text)
    with pytest.raises(ScopeMissing):
        await cancel(house, reader, generation)
    assert (await found(house, owner, generation.id)).status is Status.QUEUED


async def test_relabeling_and_canceling_at_once_are_both_kept() -> None:
    """However they interleave, it is canceled and has its title."""
    house = a_house()
    owner = await house.owner()
    generation = await ask(house, owner)
    relabel: Callable[[Any], Any] = lambda labels: labels.__class__(title="relabeled")  # noqa: E731 - one line, once
    await asyncio.gather(
        cancel(house, owner, generation),
        *(house.application.relabel_generation(owner, generation.id, relabel) for _ in range(3)),
    )
    ended = await found(house, owner, generation.id)
    assert (ended.status, ended.labels.title) == (Status.CANCELED, "relabeled")


async def steps(count: int) -> None:
    """Let everybody else go on for so many turns."""
    for _ in range(count):
        await asyncio.sleep(0)


async def race(head_start: int, drawing: int, n: int, *, working: bool) -> None:
    """Cancel a generation so many turns after it was asked for, while its provider takes as many turns as told."""

    async def draw(_: object, __: int) -> Any:
        await steps(drawing)
        return PAID

    house = a_house(draw, models=(PRICED,))
    owner = await house.owner()
    async with house.working():
        if working:
            await a_place(house)
        generation = await ask(house, owner, n=n)
        with house.events.watch(generation.id) as watch:
            await steps(head_start)
            answer = await cancel(house, owner, generation)
            told = await watch.outcome(60)
        await steps(200)  # whatever is still on its way arrives
    ended = await found(house, owner, generation.id)
    assert (answer, told) == (ended, ended)
    attempts = await calls(house, owner, generation.id)
    bucket = await usage(house, owner)
    assert all(call.outcome is not Outcome.STARTED for call in attempts)
    assert len(house.provider.calls) <= n
    if ended.status is Status.SUCCEEDED:
        assert (ended.cost_micros, len(ended.images)) == (n * COST, n)
        assert (bucket.images, bucket.cost_micros, bucket.unknown_costs) == (n, n * COST, 0)
    else:
        known = 0 if not attempts else None
        assert (ended.status, ended.cost_micros, ended.images) == (Status.CANCELED, known, ())
        assert (bucket.images, bucket.cost_micros, bucket.unknown_costs) == (0, 0, known is None)
    assert bucket.requests == 1
    assert await pictures(house) == {image.location for image in ended.images}
    assert await receipts(house) == set()


@settings(max_examples=200)
@given(head_start=st.integers(0, 60), drawing=st.integers(0, 30), n=st.integers(1, 3), working=st.booleans())
def test_canceling_races_completion(head_start: int, drawing: int, n: int, working: bool) -> None:
    """Whoever is first: one final state, of which everybody is told, the cost agrees, and no bytes are left."""
    asyncio.run(race(head_start, drawing, n, working=working))


async def test_many_cancellations_race_completion() -> None:
    """All at once: each generation has one end, and usage is the sum of those that succeeded."""

    async def draw(_: object, __: int) -> Any:
        await steps(5)
        return PAID

    house = a_house(draw, models=(PRICED,), queue=InProcessQueue(concurrency=1_000, grace=1.0))
    owner = await house.owner()

    async def ask_and_cancel(turns: int) -> Generation:
        generation = await ask(house, owner)
        await steps(turns)
        return await cancel(house, owner, generation)

    async with house.working():
        await a_place(house)
        answers = await asyncio.gather(*(ask_and_cancel(i % 40) for i in range(300)))
    succeeded = [one for one in answers if one.status is Status.SUCCEEDED]
    assert {one.status for one in answers} == {Status.SUCCEEDED, Status.CANCELED}
    assert await pictures(house) == {image.location for one in succeeded for image in one.images}
    bucket = await usage(house, owner)
    assert (bucket.requests, bucket.images, bucket.cost_micros) == (300, len(succeeded), len(succeeded) * COST)
