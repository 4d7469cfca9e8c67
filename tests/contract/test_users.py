"""What every store promises of users."""

from dataclasses import replace
from datetime import timedelta

import pytest

from builders import (
    NOW,
    new_attempt,
    new_generation,
    new_idempotency_key,
    new_image,
    new_key,
    new_session,
    new_upload,
    new_user,
    succeeded,
)
from imagegen.domain.generations import Generation
from imagegen.domain.pages import PageRequest
from imagegen.domain.ports import GenerationFilter, UnitOfWorkFactory
from imagegen.domain.usage import GroupBy, UsageQuery, UsageRecord
from imagegen.domain.users import Email, Role, User
from stores import exact, remember

USERS = {
    "plain": new_user(),
    "full": replace(
        new_user("Jörg+Tag@bücher.example"),
        name="Jörg 🍌 O'Brien; --\\ %_",
        avatar_url="https://example.com/a.png?b=%20",
        role=Role.ADMIN,
        suspended_at=NOW + timedelta(microseconds=1),
    ),
    "empty name": replace(new_user(), name=""),
}


@pytest.mark.parametrize("user", USERS.values(), ids=USERS)
async def test_a_user_comes_back_whole(unit_of_work: UnitOfWorkFactory, user: User) -> None:
    """A user is read as they were added, to the type and the microsecond, by identifier and by address."""
    await remember(unit_of_work, user)
    async with unit_of_work() as work:
        assert exact(await work.users.get(user.id)) == exact(user)
        assert exact(await work.users.by_email(user.email)) == exact(user)


async def test_a_change_comes_back_whole(unit_of_work: UnitOfWorkFactory) -> None:
    """A user is read as they were changed last, and nobody else has changed."""
    user, other = new_user(), new_user()
    await remember(unit_of_work, user, other)
    changed = user.with_password("$argon2id$another")
    async with unit_of_work() as work:
        work.users.update(changed)
        await work.commit()
    again = changed.with_profile(name="Ann", avatar_url="https://example.com/ann.png")
    async with unit_of_work() as work:
        work.users.update(again)
        await work.commit()
    async with unit_of_work() as work:
        assert exact(await work.users.get(user.id)) == exact(again)
        assert await work.users.get(other.id) == other


async def test_nobody_is_none(unit_of_work: UnitOfWorkFactory) -> None:
    """Who was never added is `None`."""
    await remember(unit_of_work, new_user())
    stranger = new_user()
    async with unit_of_work() as work:
        assert await work.users.get(stranger.id) is None
        assert await work.users.by_email(stranger.email) is None


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("Ann.Lee@Example.com", "ann.lee@example.COM"),
        ("ÄNN@example.com", "änn@example.com"),
        ("straße@example.com", "STRASSE@example.com"),
    ],
)
async def test_case_does_not_count_in_addresses(unit_of_work: UnitOfWorkFactory, written: str, asked: str) -> None:
    """A user is found by their address in any case, and it comes back as they wrote it."""
    user = new_user(written)
    await remember(unit_of_work, user, new_user("other@example.com"))
    async with unit_of_work() as work:
        found = await work.users.by_email(Email(asked))
    assert found == user


@pytest.mark.parametrize("asked", ["ann_lee@example.com", "ann%@example.com", "annalee@example.com"])
async def test_an_address_is_no_pattern(unit_of_work: UnitOfWorkFactory, asked: str) -> None:
    """An address finds no other that it would match as a pattern."""
    await remember(unit_of_work, new_user("ann.lee@example.com"), new_user("ann-lee@example.com"))
    async with unit_of_work() as work:
        assert await work.users.by_email(Email(asked)) is None


async def test_an_address_is_free_again(unit_of_work: UnitOfWorkFactory) -> None:
    """The address of a removed user may be taken by another."""
    first, second = new_user("ann@example.com"), new_user("ann@example.com")
    await remember(unit_of_work, first)
    async with unit_of_work() as work:
        work.users.remove(first.id)
        work.users.add(second)
        await work.commit()
    async with unit_of_work() as work:
        assert await work.users.by_email(first.email) == second


async def test_forgetting_twice_is_fine(unit_of_work: UnitOfWorkFactory) -> None:
    """Removing somebody who is not there changes nothing and is no mistake."""
    user, other = new_user(), new_user()
    await remember(unit_of_work, user, other)
    for _ in range(2):
        async with unit_of_work() as work:
            work.users.remove(user.id)
            await work.commit()
    async with unit_of_work() as work:
        assert await work.users.get(user.id) is None
        assert await work.users.get(other.id) == other


async def _life(unit_of_work: UnitOfWorkFactory, user: User) -> tuple[Generation, list[object]]:
    """Give the user one of everything; return the finished generation and all that was remembered."""
    session, key, waiting = new_session(user)[0], new_key(user), new_generation(user)
    queued = new_generation(user, key=key)
    attempt = new_attempt(queued)
    done = succeeded(queued, [new_image(queued, attempt=attempt)])
    upload, record, once = new_upload(user), UsageRecord.of(done), new_idempotency_key(queued)
    await remember(unit_of_work, user, session, key, waiting, replace(done, images=()), attempt)
    await remember(unit_of_work, *done.images, upload, record, once)
    return done, [user, session, key, waiting, done, attempt, *done.images, upload, once]


async def _rest(unit_of_work: UnitOfWorkFactory, user: User, done: Generation) -> list[object]:
    """Everything that is remembered of a user."""
    everything = PageRequest(oldest_first=True)
    usage = UsageQuery(user_id=user.id, since=NOW, until=NOW + timedelta(days=1), group_by=GroupBy.DAY)
    async with unit_of_work() as work:
        found = [
            await work.users.get(user.id),
            *await work.sessions.of_user(user.id, NOW),
            *(await work.api_keys.page(user.id, everything)).items,
            *(await work.generations.page(user.id, GenerationFilter(), everything)).items,
            *await work.attempts.of_generation(done.id),
            *(await work.images.page(user.id, everything)).items,
            await work.idempotency_keys.get(user.id, new_idempotency_key(done).key),
        ]
        assert bool(await work.usage.report(usage)) is (found[0] is not None)
        return [thing for thing in found if thing is not None]


async def test_a_user_takes_everything_along(unit_of_work: UnitOfWorkFactory) -> None:
    """Removing a user removes all of theirs, from sessions to the keys of requests; others keep theirs."""
    user, other = new_user(), new_user()
    done, everything = await _life(unit_of_work, user)
    others_done, others = await _life(unit_of_work, other)
    assert await _rest(unit_of_work, user, done) == everything
    async with unit_of_work() as work:
        work.users.remove(user.id)
        await work.commit()
    assert await _rest(unit_of_work, user, done) == []
    assert await _rest(unit_of_work, other, others_done) == others
