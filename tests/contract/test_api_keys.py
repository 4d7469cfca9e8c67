"""What every store promises of API keys."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from builders import NOW, new_id, new_key, new_user
from imagegen.domain.api_keys import ApiKey
from imagegen.domain.identifiers import ApiKeyId
from imagegen.domain.pages import PageRequest
from imagegen.domain.ports import UnitOfWorkFactory
from imagegen.domain.users import Scope, User
from stores import exact, remember

LATER = NOW + timedelta(microseconds=1)


@pytest.fixture
async def user(unit_of_work: UnitOfWorkFactory) -> User:
    """Somebody who is remembered."""
    user = new_user()
    await remember(unit_of_work, user)
    return user


async def read(unit_of_work: UnitOfWorkFactory, key: ApiKey) -> ApiKey | None:
    """The key as it is remembered."""
    async with unit_of_work() as work:
        return await work.api_keys.get(key.id, key.user_id)


async def use(unit_of_work: UnitOfWorkFactory, key: ApiKey, now: datetime) -> None:
    """Remember a use of the key."""
    async with unit_of_work() as work:
        work.api_keys.used(key.id, now)
        await work.commit()


@pytest.mark.parametrize(
    "scopes", [frozenset(Scope), frozenset({Scope.READ}), frozenset({Scope.WRITE, Scope.GENERATE})]
)
@pytest.mark.parametrize("name", ["Default key", "", "Schlüssel 🔑 'für' \\ alles"])
async def test_a_key_comes_back_whole(
    unit_of_work: UnitOfWorkFactory, user: User, name: str, scopes: frozenset[Scope]
) -> None:
    """A key is read as it was added, by identifier, by digest with its user, and in a list."""
    key = replace(new_key(user, name=name), scopes=scopes)
    await remember(unit_of_work, key)
    async with unit_of_work() as work:
        assert exact(await work.api_keys.get(key.id, user.id)) == exact(key)
        assert exact(await work.api_keys.by_digest(key.digest)) == exact((key, user))
        assert exact(list((await work.api_keys.page(user.id, PageRequest())).items)) == exact([key])


async def test_a_change_comes_back_whole(unit_of_work: UnitOfWorkFactory, user: User) -> None:
    """A key is read as it was changed last: renamed, limited, then revoked."""
    key = new_key(user)
    await remember(unit_of_work, key)
    expiry = NOW + timedelta(days=1)
    changed = key.change(name="Other", scopes=frozenset({Scope.READ}), expires_at=expiry, now=NOW)
    for version in (changed, changed.revoke(LATER)):
        async with unit_of_work() as work:
            work.api_keys.update(version)
            await work.commit()
        assert exact(await read(unit_of_work, key)) == exact(version)


async def test_no_key_is_none(unit_of_work: UnitOfWorkFactory, user: User) -> None:
    """What was never issued is `None`, and so is somebody else's key."""
    key, other = new_key(user), new_user()
    await remember(unit_of_work, key, other)
    async with unit_of_work() as work:
        assert await work.api_keys.get(ApiKeyId(new_id()), user.id) is None
        assert await work.api_keys.get(key.id, other.id) is None
        assert await work.api_keys.by_digest(key.digest[::-1]) is None
        assert list((await work.api_keys.page(other.id, PageRequest())).items) == []


async def test_a_use_is_remembered(unit_of_work: UnitOfWorkFactory, user: User) -> None:
    """The last use of a key is remembered to the microsecond, and its version stays."""
    key, other = new_key(user), new_key(user)
    await remember(unit_of_work, key, other)
    await use(unit_of_work, key, LATER)
    assert exact(await read(unit_of_work, key)) == exact(replace(key, last_used_at=LATER))
    assert await read(unit_of_work, other) == other


async def test_a_use_never_turns_time_back(unit_of_work: UnitOfWorkFactory, user: User) -> None:
    """A use that is reported late does not hide a later one."""
    key = new_key(user)
    await remember(unit_of_work, key)
    for now in (LATER, NOW):
        await use(unit_of_work, key, now)
    assert await read(unit_of_work, key) == replace(key, last_used_at=LATER)


async def test_a_use_makes_no_change_stale(unit_of_work: UnitOfWorkFactory, user: User) -> None:
    """A key that was used since it was read can be revoked, and its last use stays remembered."""
    key = new_key(user)
    await remember(unit_of_work, key)
    await use(unit_of_work, key, LATER)
    async with unit_of_work() as work:
        work.api_keys.update(key.revoke(NOW))
        await work.commit()
    assert await read(unit_of_work, key) == replace(key.revoke(NOW), last_used_at=LATER)


async def test_the_use_of_an_unknown_key_is_no_matter(unit_of_work: UnitOfWorkFactory, user: User) -> None:
    """A use of a key that went with its user meanwhile is forgotten in silence."""
    await use(unit_of_work, new_key(user), NOW)
