"""What every unit of work promises when many commit at once."""

import asyncio
from collections import Counter
from dataclasses import replace

import pytest

from builders import NOW, WORKER, new_generation, new_user, succeeded
from imagegen.domain.errors import AlreadyExists, StaleWrite
from imagegen.domain.generations import Generation
from imagegen.domain.ports import UnitOfWorkFactory
from imagegen.domain.users import User
from stores import remember

MANY = 50


async def read_users(unit_of_work: UnitOfWorkFactory, users: list[User]) -> list[User | None]:
    """The users as they are remembered."""
    async with unit_of_work() as work:
        return [await work.users.get(user.id) for user in users]


async def test_many_commits_at_once_all_land(unit_of_work: UnitOfWorkFactory) -> None:
    """Fifty commits that arrive together are all remembered, each whole."""
    pairs = [(new_user(), new_user()) for _ in range(MANY)]
    await asyncio.gather(*(remember(unit_of_work, *pair) for pair in pairs))
    users = [user for pair in pairs for user in pair]
    assert await read_users(unit_of_work, users) == users


async def test_a_refused_commit_harms_no_other(unit_of_work: UnitOfWorkFactory) -> None:
    """Of many commits that arrive together, the doubled ones are refused whole and all others land."""
    taken = new_user()
    await remember(unit_of_work, taken)
    good = [new_user() for _ in range(MANY)]
    bad = [(new_user(), new_user(taken.email.text)) for _ in range(MANY // 2)]
    commits = [remember(unit_of_work, user) for user in good]
    for place, pair in enumerate(bad):
        commits.insert(2 * place, remember(unit_of_work, *pair))
    outcomes = await asyncio.gather(*commits, return_exceptions=True)
    assert Counter(map(type, outcomes)) == {type(None): MANY, AlreadyExists: MANY // 2}
    assert await read_users(unit_of_work, good) == good
    assert await read_users(unit_of_work, [user for pair in bad for user in pair]) == [None] * MANY


async def test_an_address_is_taken_once(unit_of_work: UnitOfWorkFactory) -> None:
    """Of many registrations of the same address at once, one succeeds and the others are told which value is taken."""
    users = [new_user(address) for address in ("Same@example.com", "same@EXAMPLE.com") * (MANY // 2)]
    outcomes = await asyncio.gather(*(remember(unit_of_work, user) for user in users), return_exceptions=True)
    refusals = [outcome.what for outcome in outcomes if isinstance(outcome, AlreadyExists)]
    assert refusals == ["users.email"] * (MANY - 1)
    assert len([user for user in await read_users(unit_of_work, users) if user]) == 1


async def test_of_many_updates_of_one_version_one_wins(unit_of_work: UnitOfWorkFactory) -> None:
    """Fifty that read the same version and change it at once: one is remembered, forty-nine are stale."""
    user = new_user()
    await remember(unit_of_work, user)
    changes = [user.with_profile(name=str(number), avatar_url=None) for number in range(MANY)]

    async def change(changed: User) -> None:
        async with unit_of_work() as work:
            work.users.update(changed)
            await work.commit()

    outcomes = await asyncio.gather(*map(change, changes), return_exceptions=True)
    assert Counter(map(type, outcomes)) == {type(None): 1, StaleWrite: MANY - 1}
    assert await read_users(unit_of_work, [user]) == [changes[outcomes.index(None)]]


async def test_every_version_has_one_winner(unit_of_work: UnitOfWorkFactory) -> None:
    """Fifty that read and change one row until they succeed leave fifty versions, each won by one of them."""
    user = new_user()
    await remember(unit_of_work, user)

    async def change_until_it_holds(name: str) -> int:
        while True:
            async with unit_of_work() as work:
                found = await work.users.get(user.id)
                assert found
                changed = found.with_profile(name=name, avatar_url=None)
                work.users.update(changed)
                try:
                    await work.commit()
                except StaleWrite:
                    continue
                return changed.version

    versions = await asyncio.gather(*(change_until_it_holds(str(number)) for number in range(MANY)))
    assert sorted(versions) == list(range(2, MANY + 2))
    last = versions.index(MANY + 1)
    assert await read_users(unit_of_work, [user]) == [replace(user, name=str(last), version=MANY + 1)]


async def test_commits_that_cross_end_one_after_the_other(unit_of_work: UnitOfWorkFactory) -> None:
    """Users who leave while their generations end are gone, and the end was either in time or is stale.

    The two take the same rows in opposite orders, which a database may have to sort out.
    """
    users = [new_user() for _ in range(MANY // 5)]
    generations = [new_generation(user) for user in users]
    await remember(unit_of_work, *users, *generations)

    async def end(generation: Generation) -> None:
        done = succeeded(generation)
        async with unit_of_work() as work:
            work.generations.update(generation.start(WORKER, NOW))
            work.generations.update(done)
            work.images.add(done.images[0])
            await work.commit()

    async def leave(user: User) -> None:
        async with unit_of_work() as work:
            work.users.remove(user.id)
            await work.commit()

    commits = [commit for pair in zip(map(end, generations), map(leave, users), strict=True) for commit in pair]
    outcomes = await asyncio.gather(*commits, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes[::2]} <= {type(None), StaleWrite}
    assert outcomes[1::2] == [None] * len(users)
    assert await read_users(unit_of_work, users) == [None] * len(users)


@pytest.mark.parametrize("steps", [0, 1, 2, 5, 20])
async def test_a_canceled_commit_is_whole_or_nothing(unit_of_work: UnitOfWorkFactory, steps: int) -> None:
    """Canceling commits on their way leaves each whole or undone, and those beside them land."""
    pairs = [(new_user(), new_user()) for _ in range(20)]
    commits = [asyncio.create_task(remember(unit_of_work, *pair)) for pair in pairs]
    for _ in range(steps):
        await asyncio.sleep(0)
    for commit in commits[::2]:
        commit.cancel()
    await asyncio.gather(*commits, return_exceptions=True)
    for place, (one, other) in enumerate(pairs):
        found = await read_users(unit_of_work, [one, other])
        assert found in ([one, other], [None, None])
        if place % 2:
            assert found == [one, other]
