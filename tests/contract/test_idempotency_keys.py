"""What every store promises of idempotency keys: one of a name for each owner, whoever comes at the same moment."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from builders import NOW, new_generation, new_id, new_idempotency_key, new_user
from imagegen.domain.errors import AlreadyExists, StaleWrite
from imagegen.domain.generations import Generation
from imagegen.domain.idempotency import IdempotencyKey
from imagegen.domain.ports import UnitOfWorkFactory
from stores import exact, remember

MANY = 20
USER, OTHER = new_user(), new_user()
GENERATION = new_generation(USER)
PLAIN = new_idempotency_key(GENERATION)
KEYS = {
    "plain": PLAIN,
    "longest": replace(PLAIN, key="~" * 255, fingerprint=bytes(32), created_at=NOW + timedelta(microseconds=1)),
    "early": replace(PLAIN, early=True),
    "odd": replace(PLAIN, key="%_\\'\"; --", fingerprint=bytes([255] * 32)),
}


async def read(unit_of_work: UnitOfWorkFactory, key: IdempotencyKey) -> IdempotencyKey | None:
    """The key as it is remembered."""
    async with unit_of_work() as work:
        return await work.idempotency_keys.get(key.user_id, key.key)


async def remove(unit_of_work: UnitOfWorkFactory, key: IdempotencyKey) -> None:
    """Forget a key."""
    async with unit_of_work() as work:
        work.idempotency_keys.remove(key)
        await work.commit()


def asked_again(key: IdempotencyKey) -> tuple[Generation, IdempotencyKey]:
    """Another generation that is asked for under the same key."""
    generation = new_generation(USER)
    return generation, replace(key, target=generation.id)


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
async def test_a_key_comes_back_whole(unit_of_work: UnitOfWorkFactory, key: IdempotencyKey) -> None:
    """A key is read as it was added, to the byte and the microsecond."""
    await remember(unit_of_work, USER, GENERATION, key)
    assert exact(await read(unit_of_work, key)) == exact(key)


async def test_no_key_is_none(unit_of_work: UnitOfWorkFactory) -> None:
    """What nobody used is `None`; so is what somebody else used, and what is written otherwise."""
    await remember(unit_of_work, USER, OTHER, GENERATION, PLAIN)
    for key in (
        replace(PLAIN, user_id=OTHER.id),
        replace(PLAIN, key=PLAIN.key.upper()),
        replace(PLAIN, key=f"{PLAIN.key} "),
        replace(PLAIN, key="%"),
    ):
        assert await read(unit_of_work, key) is None


async def test_keys_are_each_owners_own(unit_of_work: UnitOfWorkFactory) -> None:
    """Two users may choose the same key, and one of them may forget it."""
    others = new_idempotency_key(new_generation(OTHER), PLAIN.key)
    await remember(unit_of_work, USER, OTHER, PLAIN, others)
    assert [await read(unit_of_work, key) for key in (PLAIN, others)] == [PLAIN, others]
    await remove(unit_of_work, PLAIN)
    assert [await read(unit_of_work, key) for key in (PLAIN, others)] == [None, others]


async def test_a_key_outlives_its_target(unit_of_work: UnitOfWorkFactory) -> None:
    """A key whose generation was deleted is still known: what it named is not drawn again under it."""
    canceled = GENERATION.cancel(NOW)
    await remember(unit_of_work, USER, canceled, PLAIN)
    async with unit_of_work() as work:
        work.generations.remove(canceled.id, USER.id)
        await work.commit()
    assert await read(unit_of_work, PLAIN) == PLAIN


async def test_a_key_is_taken_once(unit_of_work: UnitOfWorkFactory) -> None:
    """A second request under a key is refused with everything that came with it, and the refusal names the key."""
    await remember(unit_of_work, USER, GENERATION, PLAIN)
    second, key = asked_again(PLAIN)
    with pytest.raises(AlreadyExists) as refusal:
        await remember(unit_of_work, second, key)
    assert refusal.value.what == "idempotency_keys.user_id"
    assert await read(unit_of_work, PLAIN) == PLAIN
    async with unit_of_work() as work:
        assert await work.generations.find(second.id) is None


async def test_of_many_that_ask_at_once_one_is_taken(unit_of_work: UnitOfWorkFactory) -> None:
    """Of many requests under one key at the same moment one is remembered, and all others learn that it was."""
    await remember(unit_of_work, USER)
    asked = [asked_again(PLAIN) for _ in range(MANY)]
    outcomes = await asyncio.gather(*(remember(unit_of_work, *pair) for pair in asked), return_exceptions=True)
    refusals = [outcome.what for outcome in outcomes if isinstance(outcome, AlreadyExists)]
    assert refusals == ["idempotency_keys.user_id"] * (MANY - 1)
    winner, key = asked[outcomes.index(None)]
    assert await read(unit_of_work, PLAIN) == key
    async with unit_of_work() as work:
        found = [await work.generations.find(generation.id) for generation, _ in asked]
    assert [generation for generation in found if generation] == [winner]


async def test_a_key_that_is_forgotten_is_free(unit_of_work: UnitOfWorkFactory) -> None:
    """A key may be forgotten and used for something else, in one commit or in two."""
    await remember(unit_of_work, USER, PLAIN)
    _, second = asked_again(PLAIN)
    async with unit_of_work() as work:
        work.idempotency_keys.remove(PLAIN)
        work.idempotency_keys.add(second)
        await work.commit()
    assert await read(unit_of_work, PLAIN) == second
    await remove(unit_of_work, second)
    assert await read(unit_of_work, PLAIN) is None
    await remember(unit_of_work, PLAIN)
    assert await read(unit_of_work, PLAIN) == PLAIN


@pytest.mark.parametrize("there", [None, PLAIN], ids=["gone", "names another target"])
async def test_only_the_key_that_was_read_is_forgotten(
    unit_of_work: UnitOfWorkFactory, there: IdempotencyKey | None
) -> None:
    """Forgetting a key that is not there, or is not as it was read, is stale and forgets nothing."""
    await remember(unit_of_work, USER, *([there] if there else []))
    _, other = asked_again(PLAIN)
    with pytest.raises(StaleWrite):
        await remove(unit_of_work, other)
    with pytest.raises(StaleWrite):
        await remove(unit_of_work, replace(PLAIN, key="another"))
    with pytest.raises(StaleWrite):
        await remove(unit_of_work, replace(there or PLAIN, early=True))
    assert await read(unit_of_work, PLAIN) == there


async def test_of_many_that_replace_a_key_at_once_one_does(unit_of_work: UnitOfWorkFactory) -> None:
    """Of many that ask for something new under a key that has run out one is remembered, and all others are stale."""
    await remember(unit_of_work, USER, PLAIN)
    keys = [replace(PLAIN, target=new_id()) for _ in range(MANY)]

    async def replace_it(key: IdempotencyKey) -> None:
        async with unit_of_work() as work:
            work.idempotency_keys.remove(PLAIN)
            work.idempotency_keys.add(key)
            await work.commit()

    outcomes = await asyncio.gather(*map(replace_it, keys), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes if outcome) == ["StaleWrite"] * (MANY - 1)
    assert await read(unit_of_work, PLAIN) == keys[outcomes.index(None)]


async def test_old_keys_expire(unit_of_work: UnitOfWorkFactory) -> None:
    """Anybody's keys from before a moment are forgotten; those of that moment, and younger ones, are not."""
    keys = [
        replace(PLAIN, user_id=user.id, key=str(place), target=UUID(int=place), created_at=created_at)
        for place, (user, created_at) in enumerate(
            (user, NOW + timedelta(microseconds=away)) for user in (USER, OTHER) for away in (-1, 0, 1)
        )
    ]
    await remember(unit_of_work, USER, OTHER, *keys)
    for _ in range(2):
        async with unit_of_work() as work:
            work.idempotency_keys.expire(NOW)
            await work.commit()
        assert [await read(unit_of_work, key) for key in keys] == [None, *keys[1:3], None, *keys[4:]]
