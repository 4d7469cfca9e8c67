"""Accounts and sessions: come in, stay in, change things, leave."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from builders import new_user
from generating import ask, run
from house import ANSWER, PASSWORD, House, a_house
from imagegen.adapters.memory import MemoryPasswordHasher
from imagegen.domain.errors import (
    AccountSuspended,
    EmailTaken,
    InvalidAccessToken,
    InvalidApiKey,
    InvalidCredentials,
    InvalidRefreshToken,
    InvalidRequest,
    NotFound,
    WeakPassword,
    WrongPassword,
)
from imagegen.domain.images import ImageRequest
from imagegen.domain.ports import ProviderAnswer
from imagegen.domain.users import Email, User

EMAIL = Email("owner@example.com")
ANOTHER = "another good password"


class Interrupted(MemoryPasswordHasher):
    """Lets something happen once, after a password was verified and before its user goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.verified: list[str | None] = []
        self.then: Callable[[], Awaitable[object]] | None = None

    async def verify(self, password: str, encoded: str | None) -> bool:
        """Verify, remember against what, and let it happen."""
        self.verified.append(encoded)
        right = await super().verify(password, encoded)
        then, self.then = self.then, None
        if then is not None:
            await then()
        return right


class OnceWeaker(MemoryPasswordHasher):
    """Finds its very first hash outdated."""

    def outdated(self, encoded: str) -> bool:
        """Whether it is the first."""
        return encoded.startswith("memory$1$")


async def stored(house: House, email: Email = EMAIL) -> User | None:
    """The user as remembered."""
    async with house.database.unit_of_work() as work:
        return await work.users.by_email(email)


async def suspend(house: House) -> None:
    """Suspend the owner."""
    user = await stored(house)
    assert user is not None
    async with house.database.unit_of_work() as work:
        work.users.update(replace(user, suspended_at=house.clock(), version=user.version + 1))
        await work.commit()


async def test_registering_opens_an_account_and_a_session() -> None:
    """Whoever registers is in: their access token works and says who they are."""
    house = a_house()
    login = await house.application.register(EMAIL, PASSWORD, name="Owner", user_agent="curl")
    principal = await house.application.authenticate_token(login.access_token)
    assert (principal.user_id, login.user.name, login.expires_in) == (login.user.id, "Owner", 3600)
    assert [s.user_agent for s in await house.application.list_sessions(principal)] == ["curl"]


async def test_an_email_has_one_account_whatever_its_case() -> None:
    """A second account for the same address in other letters is refused, and changes nothing."""
    house = a_house()
    await house.application.register(EMAIL, PASSWORD)
    with pytest.raises(EmailTaken):
        await house.application.register(Email("OWNER@Example.COM"), ANOTHER)
    await house.application.log_in(EMAIL, PASSWORD)


@pytest.mark.parametrize("password", ["short", "x" * 129, "nul\0nul\0nul"])
async def test_a_password_has_a_form(password: str) -> None:
    """A password that is too short, too long or has NUL in it is refused with a pointer to it."""
    with pytest.raises(InvalidRequest) as refused:
        await a_house().application.register(EMAIL, password)
    assert [fault.pointer for fault in refused.value.faults] == ["/password"]


async def test_the_commonest_passwords_are_refused() -> None:
    """A password that everybody tries first is not accepted, neither at the start nor later."""
    house = a_house()
    with pytest.raises(WeakPassword):
        await house.application.register(EMAIL, "12345678")
    owner = await house.owner()
    with pytest.raises(WeakPassword):
        await house.application.change_password(owner, current=PASSWORD, new="Password")


async def test_a_wrong_password_and_an_unknown_email_are_the_same() -> None:
    """Neither the error nor the work done for it tells whether an account exists."""
    passwords = Interrupted()
    house = a_house(passwords=passwords)
    await house.owner()
    for email in (EMAIL, Email("nobody@example.com")):
        with pytest.raises(InvalidCredentials) as refused:
            await house.application.log_in(email, "wrong password")
        assert refused.value.detail == InvalidCredentials.title
    assert len(passwords.verified) == 2
    assert passwords.verified[1] is None


async def test_suspension_is_told_only_to_whoever_knows_the_password() -> None:
    """A suspended user is told so after the right password; anybody else learns nothing; their tokens stop working."""
    house = a_house()
    login = await house.application.register(EMAIL, PASSWORD)
    await suspend(house)
    with pytest.raises(AccountSuspended):
        await house.application.log_in(EMAIL, PASSWORD)
    with pytest.raises(InvalidCredentials):
        await house.application.log_in(EMAIL, "wrong password")
    with pytest.raises(AccountSuspended):
        await house.application.authenticate_token(login.access_token)
    with pytest.raises(InvalidRefreshToken):
        await house.application.refresh(login.refresh_token)


async def test_an_outdated_hash_is_renewed_at_the_next_login() -> None:
    """When the parameters of hashing change, a login replaces the hash, and the password goes on to work."""
    house = a_house(passwords=OnceWeaker())
    await house.owner()
    before = await stored(house)
    for _ in range(2):
        await house.application.log_in(EMAIL, PASSWORD)
    after = await stored(house)
    assert before is not None
    assert after is not None
    assert before.password_hash != after.password_hash
    assert after.version == before.version + 1


async def test_logins_at_the_same_instant_all_succeed_while_a_hash_is_renewed() -> None:
    """Of several first logins after a change of parameters none is told that its password is wrong."""
    house = a_house(passwords=OnceWeaker())
    await house.owner()
    logins = await asyncio.gather(*(house.application.log_in(EMAIL, PASSWORD) for _ in range(4)))
    for login in logins:
        await house.application.authenticate_token(login.access_token)


async def test_a_login_with_the_old_password_does_not_survive_its_change() -> None:
    """Whoever was verified an instant before the password changed is refused, and leaves no session behind."""
    passwords = Interrupted()
    house = a_house(passwords=passwords)
    owner = await house.owner()

    async def change() -> None:
        await house.application.change_password(owner, current=PASSWORD, new=ANOTHER)

    passwords.then = change
    with pytest.raises(InvalidCredentials):
        await house.application.log_in(EMAIL, PASSWORD)
    assert [s.id for s in await house.application.list_sessions(owner)] == [owner.session_id]


async def test_a_login_does_not_outlive_the_account() -> None:
    """Whoever was verified an instant before the account was deleted is refused like anybody unknown."""
    passwords = Interrupted()
    house = a_house(passwords=passwords)
    owner = await house.owner()
    passwords.then = lambda: house.application.delete_account(owner, PASSWORD)
    with pytest.raises(InvalidCredentials):
        await house.application.log_in(EMAIL, PASSWORD)


async def test_logging_in_registers_only_where_the_operator_wants_it() -> None:
    """With the switch on, an unknown email gets an account at login; a known one still needs its password."""
    with pytest.raises(InvalidCredentials):
        await a_house().application.log_in(EMAIL, PASSWORD)
    house = a_house(register_unknown=True)
    login = await house.application.log_in(EMAIL, PASSWORD)
    assert login.user == await stored(house)
    with pytest.raises(InvalidCredentials):
        await house.application.log_in(EMAIL, "wrong password")


async def test_a_session_is_ended_once_and_by_its_owner_only() -> None:
    """Ending a session refuses its tokens at once; somebody else's session, or one that is over, is not found."""
    house = a_house()
    owner, stranger = await house.owner(), await house.owner("stranger@example.com")
    other = await house.application.log_in(EMAIL, PASSWORD)
    session = (await house.application.list_sessions(owner))[0]
    with pytest.raises(NotFound):
        await house.application.end_session(stranger, session.id)
    await house.application.end_session(owner, session.id)
    with pytest.raises(InvalidAccessToken):
        await house.application.authenticate_token(other.access_token)
    with pytest.raises(InvalidRefreshToken):
        await house.application.refresh(other.refresh_token)
    with pytest.raises(NotFound):
        await house.application.end_session(owner, session.id)


async def test_logging_out_wins_over_a_refresh_at_the_same_instant() -> None:
    """However a refresh and a logout interleave, afterwards the session is over."""
    house = a_house()
    login = await house.application.register(EMAIL, PASSWORD)
    owner = await house.application.authenticate_token(login.access_token)
    await asyncio.gather(
        house.application.refresh(login.refresh_token), house.application.end_session(owner), return_exceptions=True
    )
    with pytest.raises(InvalidAccessToken):
        await house.application.authenticate_token(login.access_token)


async def test_changing_the_password_ends_every_other_session() -> None:
    """The session that changes the password stays; all others are over, and only the new password works."""
    house = a_house()
    owner = await house.owner()
    other = await house.application.log_in(EMAIL, PASSWORD)
    with pytest.raises(WrongPassword):
        await house.application.change_password(owner, current="wrong password", new=ANOTHER)
    await house.application.change_password(owner, current=PASSWORD, new=ANOTHER)
    with pytest.raises(InvalidAccessToken):
        await house.application.authenticate_token(other.access_token)
    assert [s.id for s in await house.application.list_sessions(owner)] == [owner.session_id]
    with pytest.raises(InvalidCredentials):
        await house.application.log_in(EMAIL, PASSWORD)
    await house.application.log_in(EMAIL, ANOTHER)


async def test_a_profile_changes_where_it_is_told_to() -> None:
    """What is not given stays, `None` clears, and two changes at the same instant are both kept."""
    house = a_house()
    owner = await house.owner()
    await asyncio.gather(
        house.application.update_profile(owner, name="Owner"),
        house.application.update_profile(owner, avatar_url="https://example.com/me.png"),
    )
    user = await house.application.read_profile(owner)
    assert (user.name, user.avatar_url) == ("Owner", "https://example.com/me.png")
    assert (await house.application.update_profile(owner, name=None)).name is None
    with pytest.raises(InvalidRequest):
        await house.application.update_profile(owner, avatar_url="http://example.com/me.png")


async def test_deleting_the_account_leaves_nothing_of_it() -> None:
    """Rows and bytes are gone, tokens and keys are refused, the address is free; nobody else loses anything."""
    house = a_house()
    owner, stranger = await house.owner(), await house.owner("stranger@example.com")
    _, key = await house.application.issue_api_key(owner)
    await run(house, owner)
    await run(house, stranger)
    with pytest.raises(WrongPassword):
        await house.application.delete_account(owner, "wrong password")
    await house.application.delete_account(owner, PASSWORD)
    assert len([blob async for blob in house.store.blobs()]) == 1
    with pytest.raises(InvalidCredentials):
        await house.application.log_in(EMAIL, PASSWORD)
    with pytest.raises(InvalidApiKey):
        await house.application.authenticate_key(key.text)
    await house.application.register(EMAIL, PASSWORD)


async def test_a_picture_that_arrives_after_its_account_is_gone_is_not_kept() -> None:
    """Deleting the account while a provider draws leaves no bytes behind when the answer comes."""
    house: House

    async def late(_: ImageRequest, __: int) -> ProviderAnswer:
        await house.application.delete_account(owner, PASSWORD)
        return ANSWER

    house = a_house(late)
    owner = await house.owner()
    await house.application.run_generation((await ask(house, owner)).id)
    await house.application.remove_receipts()
    assert [blob async for blob in house.store.blobs()] == []


def test_a_user_never_prints_their_hash() -> None:
    """The hash of a password is not in what a user looks like in a log or a traceback."""
    user = new_user()
    assert user.password_hash not in repr(user)
