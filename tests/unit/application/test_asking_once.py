"""Asking once: however often and from however many sides the same request comes, one generation comes of it."""

import asyncio
from collections import Counter
from contextlib import nullcontext
from dataclasses import replace

import pytest

from faults import LostAnswer
from generating import COST, PAID, PRICED, Held, ask, history, usage
from house import ANSWER, House, a_house
from imagegen.adapters.memory import MemoryProvider
from imagegen.application.requesting import Asked
from imagegen.domain.errors import DatabaseUnavailable, IdempotencyKeyReused, NoImage, NotFound, UnknownModel
from imagegen.domain.generations import Status
from imagegen.domain.idempotency import REMEMBERED, RETRIED, Once
from imagegen.domain.images import ImageRequest, Labels
from imagegen.domain.users import Principal
from processes import a_place

FOX = Once(key="key:fox", fingerprint=b"f" * 32)
OWL = replace(FOX, fingerprint=b"o" * 32)
FIRST = Once(key="retry:fox", fingerprint=b"f" * 32, lifetime=RETRIED, fresh=True)
"""What an official client sends at first."""
AGAIN = replace(FIRST, fresh=False, repeated=True)
"""What it sends when it heard nothing."""


async def asked(house: House, owner: Principal, once: Once | None = FOX, *, wait: float = 0.0) -> Asked:
    """What comes of asking for a fox."""
    return await house.application.request_generation(
        owner, ImageRequest(prompt="fox"), labels=Labels(), wait=wait, once=once
    )


async def test_the_same_key_is_the_same_generation() -> None:
    """The second request brings what came of the first, and says so; nothing else is remembered or drawn."""
    house = a_house()
    owner = await house.owner()
    first, second = await asked(house, owner), await asked(house, owner)
    assert (first.replayed, second.replayed) == (False, True)
    assert second.generation == first.generation
    assert len(await history(house, owner)) == 1


async def test_the_same_key_for_something_else_is_refused() -> None:
    """Before anything is remembered or spent; the first is not touched, and can be asked for still."""
    house = a_house()
    owner = await house.owner()
    first = await asked(house, owner)
    with pytest.raises(IdempotencyKeyReused):
        await asked(house, owner, OWL)
    assert (await asked(house, owner)).generation == first.generation
    assert len(await history(house, owner)) == 1


async def test_a_key_is_its_owners() -> None:
    """Two accounts that use the same key know nothing of each other."""
    house = a_house()
    owner, stranger = await house.owner(), await house.owner("stranger@example.com")
    await asked(house, owner)
    other = await asked(house, stranger, OWL)
    assert (other.replayed, other.generation.user_id) == (False, stranger.user_id)


@pytest.mark.parametrize(("age", "replayed"), [(-1, True), (0, False)])
async def test_a_key_is_known_for_a_day(age: float, replayed: bool) -> None:
    """Up to the last second of 24 hours; afterwards something new comes of it, whatever it was used for."""
    house = a_house()
    owner = await house.owner()
    await asked(house, owner)
    house.clock.advance(seconds=REMEMBERED.total_seconds() + age)
    if not replayed:
        assert not (await asked(house, owner, OWL)).replayed
        assert (await asked(house, owner, OWL)).replayed
    else:
        assert (await asked(house, owner)).replayed


async def test_keys_that_nobody_counts_on_are_forgotten() -> None:
    """The table does not grow for ever, and no key is forgotten while it is known."""
    house = a_house()
    owner = await house.owner()
    await asked(house, owner)
    house.clock.advance(seconds=REMEMBERED.total_seconds())
    await house.application.remove_expired()
    async with house.database.unit_of_work() as work:
        assert await work.idempotency_keys.get(owner.user_id, FOX.key) is not None
    house.clock.advance(seconds=1)
    await house.application.remove_expired()
    async with house.database.unit_of_work() as work:
        assert await work.idempotency_keys.get(owner.user_id, FOX.key) is None


@pytest.mark.parametrize("working", [True, False], ids=["here", "queued"])
async def test_a_thousand_duplicates_are_one_call(working: bool) -> None:
    """All of them get the one generation with its picture, and exactly one of them is the first."""
    house = a_house(PAID, models=(PRICED,))
    owner = await house.owner()
    if working:
        async with house.working():
            answers = await asyncio.gather(*(asked(house, owner, wait=60) for _ in range(1_000)))
    else:
        waiting = [asyncio.create_task(asked(house, owner, wait=60)) for _ in range(1_000)]
        async with house.working():
            answers = await asyncio.gather(*waiting)
    assert Counter(answer.replayed for answer in answers) == {False: 1, True: 999}
    (generation,) = await history(house, owner)
    assert generation.status is Status.SUCCEEDED
    assert all(answer.generation == generation for answer in answers)
    assert (len(house.provider.calls), (await usage(house, owner)).cost_micros) == (1, COST)


async def test_whoever_asks_again_waits_for_the_first() -> None:
    """A duplicate that comes while the provider draws gets the picture, too, and no second one is drawn."""
    held = Held()
    house = a_house(held)
    owner = await house.owner()
    async with house.working():
        first = asyncio.create_task(asked(house, owner, wait=60))
        await held.begun.acquire()
        second = asyncio.create_task(asked(house, owner, wait=60))
        assert (await asked(house, owner)).generation.status is Status.RUNNING
        held.may_end.set()
        assert (await second).generation == (await first).generation
    assert (await second).generation.status is Status.SUCCEEDED
    assert len(house.provider.calls) == 1


async def test_a_failure_is_replayed_as_well() -> None:
    """What failed may have been billed: the same key brings the same failure, and never a second call."""
    house = a_house(NoImage(), PAID)
    owner = await house.owner()
    async with house.working():
        first, second = await asked(house, owner, wait=60), await asked(house, owner, wait=60)
    assert (first.generation.status, second.generation, second.replayed) == (Status.FAILED, first.generation, True)
    assert len(house.provider.calls) == 1


async def test_what_was_deleted_is_not_drawn_again() -> None:
    """The key still names it, and it is not there any more."""
    house = a_house()
    owner = await house.owner()
    async with house.working():
        first = await asked(house, owner, wait=60)
    await house.application.delete_generation(owner, first.generation.id)
    with pytest.raises(NotFound):
        await asked(house, owner)
    assert (await history(house, owner), len(house.provider.calls)) == ([], 1)


async def test_a_request_that_was_refused_uses_no_key() -> None:
    """Nothing came of it, so the key is free for the request as it should have been."""
    house = a_house()
    owner = await house.owner()
    with pytest.raises(Exception, match="model"):
        await ask(house, owner, model="unknown", once=OWL)
    assert not (await asked(house, owner)).replayed


async def test_what_was_asked_for_once_needs_nothing_of_today() -> None:
    """A provider that left, or a model that nobody knows any more, keeps nobody from what came of the first."""
    house = a_house()
    owner = await house.owner()
    wish = ImageRequest(prompt="fox", model="easel-1", strict=True)
    first = await house.application.request_generation(owner, wish, labels=Labels(), once=FOX)
    moved = House(provider=MemoryProvider("other", ANSWER), models=(), database=house.database, clock=house.clock)
    again = await moved.application.request_generation(owner, wish, labels=Labels(), once=FOX)
    assert (again.replayed, again.generation) == (True, first.generation)
    with pytest.raises(IdempotencyKeyReused):
        await moved.application.request_generation(owner, wish, labels=Labels(), once=OWL)
    with pytest.raises(UnknownModel):
        await moved.application.request_generation(owner, wish, labels=Labels(), once=replace(FOX, key="key:new"))
    assert not moved.provider.calls


async def test_whoever_was_told_that_the_database_is_away_asks_again_in_safety() -> None:
    """When the commit took place and its answer was lost, the same key finds what it brought."""
    database = LostAnswer()
    house = a_house(PAID, database=database)
    owner = await house.owner()
    async with house.working():
        await a_place(house)
        database.lost = 1
        with pytest.raises(DatabaseUnavailable):
            await asked(house, owner)
        again = await asked(house, owner, wait=60)
    assert (again.replayed, again.generation.status) == (True, Status.SUCCEEDED)
    assert (len(await history(house, owner)), len(house.provider.calls)) == (1, 1)


async def test_whoever_lost_the_answer_to_what_was_queued_asks_again_in_safety() -> None:
    """The row was remembered and nobody rang: a sweep does, and the same key waits for it."""
    database = LostAnswer()
    house = a_house(PAID, database=database)
    owner = await house.owner()
    database.lost = 1
    with pytest.raises(DatabaseUnavailable):
        await asked(house, owner)
    house.clock.advance(seconds=1)
    again = asyncio.create_task(asked(house, owner, wait=60))
    async with house.working():
        assert (await again).generation.status is Status.SUCCEEDED
    assert (len(await history(house, owner)), len(house.provider.calls)) == (1, 1)


async def test_a_clients_own_retry_is_the_same_generation() -> None:
    """What comes with a higher count is what came of the first request, for 10 minutes."""
    house = a_house()
    owner = await house.owner()
    first, second = await asked(house, owner, FIRST), await asked(house, owner, AGAIN)
    assert (second.replayed, second.generation) == (True, first.generation)
    house.clock.advance(seconds=RETRIED.total_seconds())
    assert not (await asked(house, owner, AGAIN)).replayed


async def test_a_retry_whose_first_request_never_came_is_the_first() -> None:
    """A request that got lost on its way is made up for by the next one, and known from then on."""
    house = a_house()
    owner = await house.owner()
    first, second = await asked(house, owner, AGAIN), await asked(house, owner, AGAIN)
    assert (first.replayed, second.replayed, second.generation) == (False, True, first.generation)


async def test_a_clients_first_request_is_always_a_new_one() -> None:
    """Who asks for the same picture twice wants two; a retry belongs to the later one."""
    house = a_house()
    owner = await house.owner()
    first, second = await asked(house, owner, FIRST), await asked(house, owner, FIRST)
    assert (first.replayed, second.replayed) == (False, False)
    assert first.generation.id != second.generation.id
    assert (await asked(house, owner, AGAIN)).generation.id == second.generation.id


@pytest.mark.parametrize("working", [True, False], ids=["here", "queued"])
async def test_many_first_requests_at_once_are_as_many_pictures(working: bool) -> None:
    """Fifty variations of one prompt, asked for by an official client at the same moment, are fifty generations."""
    house = a_house()
    owner = await house.owner()
    if working:
        async with house.working():
            answers = await asyncio.gather(*(asked(house, owner, FIRST, wait=60) for _ in range(50)))
        assert {answer.generation.status for answer in answers} == {Status.SUCCEEDED}
    else:
        answers = await asyncio.gather(*(asked(house, owner, FIRST) for _ in range(50)))
    assert len({answer.generation.id for answer in answers}) == 50
    assert (await asked(house, owner, AGAIN)).replayed


async def test_a_first_request_that_its_retry_has_overtaken_is_that_one() -> None:
    """It has come after all, and brings no second picture; the next first one is a new wish again."""
    house = a_house()
    owner = await house.owner()
    retry, again, late = [await asked(house, owner, once) for once in (AGAIN, AGAIN, FIRST)]
    assert [one.replayed for one in (retry, again, late)] == [False, True, True]
    assert retry.generation == again.generation == late.generation
    other = await asked(house, owner, FIRST)
    assert (other.replayed, other.generation.id == retry.generation.id) == (False, False)
    assert (await asked(house, owner, AGAIN)).generation == other.generation
    assert len(await history(house, owner)) == 2


async def test_of_many_first_requests_at_once_one_was_overtaken() -> None:
    """All others are wishes of their own, though none of them knows of the others."""
    house = a_house()
    owner = await house.owner()
    retry = await asked(house, owner, AGAIN)
    answers = await asyncio.gather(*(asked(house, owner, FIRST) for _ in range(5)))
    assert sorted(answer.replayed for answer in answers) == [False] * 4 + [True]
    assert {answer.generation.id == retry.generation.id for answer in answers if answer.replayed} == {True}
    assert len(await history(house, owner)) == 5


async def test_a_first_request_that_comes_minutes_late_is_a_new_one() -> None:
    """Nobody waits for it any more as long as a retry is known."""
    house = a_house()
    owner = await house.owner()
    retry = await asked(house, owner, AGAIN)
    house.clock.advance(seconds=RETRIED.total_seconds())
    late = await asked(house, owner, FIRST)
    assert (late.replayed, late.generation.id == retry.generation.id) == (False, False)


async def test_a_first_request_is_not_overtaken_by_somebody_elses_retry() -> None:
    """Another account's retry of the same has nothing to do with it."""
    house = a_house()
    owner, stranger = await house.owner(), await house.owner("stranger@example.com")
    await asked(house, stranger, AGAIN)
    assert not (await asked(house, owner, FIRST)).replayed


@pytest.mark.parametrize("order", [(FIRST, AGAIN), (AGAIN, FIRST)], ids=["in order", "overtaken"])
@pytest.mark.parametrize("working", [True, False], ids=["here", "queued"])
async def test_a_retry_at_the_same_moment_is_the_same_generation(order: tuple[Once, Once], working: bool) -> None:
    """Whichever of them is remembered first, however far the other has come: one generation and one call."""
    for head_start in range(8):
        house = a_house()
        owner = await house.owner()
        async with house.working() if working else nullcontext():
            if working:
                await a_place(house)
            early = asyncio.create_task(asked(house, owner, order[0]))
            for _ in range(head_start):
                await asyncio.sleep(0)
            late = await asked(house, owner, order[1])
            assert (await early).generation.id == late.generation.id
            assert len(await history(house, owner)) == 1
        assert sorted([(await early).replayed, late.replayed]) == [False, True]
