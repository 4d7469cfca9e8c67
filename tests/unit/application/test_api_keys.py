"""API keys and who they let in."""

import asyncio
from datetime import timedelta

import pytest

from builders import NOW, SettableClock, new_id
from house import House, a_house
from imagegen.adapters.memory import MemoryDatabase
from imagegen.application.api_keys import KeyChanges
from imagegen.domain.api_keys import ALL_SCOPES, DEFAULT_NAME
from imagegen.domain.errors import (
    ApiKeyExpired,
    ApiKeyRevoked,
    IllegalTransition,
    InvalidApiKey,
    InvalidRequest,
    NotFound,
    SessionRequired,
)
from imagegen.domain.identifiers import ApiKeyId
from imagegen.domain.pages import PageRequest
from imagegen.domain.ports import UnitOfWork
from imagegen.domain.users import Principal, Scope


@pytest.fixture
def house() -> House:
    """A house."""
    return a_house()


@pytest.fixture
async def owner(house: House) -> Principal:
    """Somebody logged in."""
    return await house.owner()


async def test_a_key_speaks_for_its_owner(house: House, owner: Principal) -> None:
    """An issued key is recognized as its owner, with all scopes unless told otherwise."""
    key, plain = await house.application.issue_api_key(owner)
    principal = await house.application.authenticate_key(plain.text)
    assert (principal.user_id, principal.api_key_id, principal.session_id) == (owner.user_id, key.id, None)
    assert (principal.scopes, key.name) == (ALL_SCOPES, DEFAULT_NAME)


async def test_a_revoked_key_is_refused_at_once_and_kept_for_the_record(house: House, owner: Principal) -> None:
    """Revoking refuses the key from the next request on, twice is fine, and the list still shows it."""
    key, plain = await house.application.issue_api_key(owner)
    for _ in range(2):
        await house.application.revoke_api_key(owner, key.id)
    with pytest.raises(ApiKeyRevoked):
        await house.application.authenticate_key(plain.text)
    with pytest.raises(IllegalTransition):
        await house.application.change_api_key(owner, key.id, KeyChanges(name="x"))
    page = await house.application.list_api_keys(owner, PageRequest())
    assert [each.revoked_at for each in page.items] == [NOW]


async def test_revoking_wins_over_a_change_at_the_same_instant(house: House, owner: Principal) -> None:
    """Whatever else happens to a key at the same instant, once it was revoked it is refused."""
    key, plain = await house.application.issue_api_key(owner)
    renames = (house.application.change_api_key(owner, key.id, KeyChanges(name=name)) for name in "abc")
    await asyncio.gather(*renames, house.application.revoke_api_key(owner, key.id), return_exceptions=True)
    with pytest.raises(ApiKeyRevoked):
        await house.application.authenticate_key(plain.text)


async def test_a_key_ends_at_its_expiry(house: House, owner: Principal) -> None:
    """A key works until its expiry and not at it; a new expiry makes it work again, and none for good."""
    soon = NOW + timedelta(hours=1)
    key, plain = await house.application.issue_api_key(owner, expires_at=soon)
    await house.application.authenticate_key(plain.text)
    house.clock.now = soon
    with pytest.raises(ApiKeyExpired):
        await house.application.authenticate_key(plain.text)
    changes = KeyChanges(expires_at=None, keep_expiry=False)
    assert (await house.application.change_api_key(owner, key.id, changes)).expires_at is None
    await house.application.authenticate_key(plain.text)


async def test_a_key_is_not_born_useless(house: House, owner: Principal) -> None:
    """An expiry in the past and a key without a scope are refused with a pointer."""
    for wrong, pointer in (({"expires_at": NOW}, "/expires_at"), ({"scopes": frozenset()}, "/scopes")):
        with pytest.raises(InvalidRequest) as refused:
            await house.application.issue_api_key(owner, **wrong)
        assert [fault.pointer for fault in refused.value.faults] == [pointer]


async def test_what_is_not_changed_stays(house: House, owner: Principal) -> None:
    """A change touches what it names; the key itself goes on to work, with the scopes it has then."""
    key, plain = await house.application.issue_api_key(owner, name="one", expires_at=NOW + timedelta(days=1))
    changed = await house.application.change_api_key(owner, key.id, KeyChanges(scopes=frozenset({Scope.READ})))
    assert (changed.name, changed.expires_at) == ("one", key.expires_at)
    assert (await house.application.authenticate_key(plain.text)).scopes == {Scope.READ}


async def test_somebody_elses_key_is_not_there(house: House, owner: Principal) -> None:
    """Another user's key cannot be changed, revoked or told from one that does not exist."""
    stranger = await house.owner("stranger@example.com")
    key, plain = await house.application.issue_api_key(owner)
    for key_id in (key.id, ApiKeyId(new_id())):
        with pytest.raises(NotFound):
            await house.application.change_api_key(stranger, key_id, KeyChanges(name="mine"))
        with pytest.raises(NotFound):
            await house.application.revoke_api_key(stranger, key_id)
    assert not (await house.application.list_api_keys(stranger, PageRequest())).items
    await house.application.authenticate_key(plain.text)


async def test_a_key_cannot_manage_keys(house: House, owner: Principal) -> None:
    """Issuing, listing, changing and revoking all need a session."""
    key, plain = await house.application.issue_api_key(owner)
    itself = await house.application.authenticate_key(plain.text)
    for attempt in (
        house.application.issue_api_key(itself),
        house.application.list_api_keys(itself, PageRequest()),
        house.application.change_api_key(itself, key.id, KeyChanges(name="x")),
        house.application.revoke_api_key(itself, key.id),
    ):
        with pytest.raises(SessionRequired):
            await attempt


async def test_the_last_use_is_remembered_to_the_minute(house: House, owner: Principal) -> None:
    """The first use is written, a second one within the minute is not, a later one is."""
    key, plain = await house.application.issue_api_key(owner)

    async def used_at() -> object:
        await house.application.authenticate_key(plain.text)
        page = await house.application.list_api_keys(owner, PageRequest())
        return next(each.last_used_at for each in page.items if each.id == key.id)

    assert await used_at() == NOW
    house.clock.advance(seconds=59)
    assert await used_at() == NOW
    house.clock.advance(seconds=1)
    assert await used_at() == house.clock()


@pytest.mark.parametrize("text", ["", "nb_live_", "nb_live_" + "g" * 32, "nb_live_" + "0" * 33, "nb_test_" + "0" * 32])
async def test_what_cannot_be_a_key_costs_no_look_up(text: str) -> None:
    """A text of the wrong form is refused before the database is asked."""

    def no_database() -> UnitOfWork:
        raise AssertionError("the database was asked")

    house = House(provider=a_house().provider, unit_of_work=no_database)
    with pytest.raises(InvalidApiKey):
        await house.application.authenticate_key(text)


async def test_an_unknown_key_costs_one_look_up() -> None:
    """A well-formed key that nobody has is refused after a single unit of work."""
    database, asked = MemoryDatabase(), []

    def counted() -> UnitOfWork:
        asked.append(1)
        return database.unit_of_work()

    house = House(provider=a_house().provider, unit_of_work=counted, clock=SettableClock())
    with pytest.raises(InvalidApiKey):
        await house.application.authenticate_key("nb_live_" + "0" * 32)
    assert len(asked) == 1
