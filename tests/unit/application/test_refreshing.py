"""Refresh tokens: good once, forgiving for ten seconds, and unforgiving after that."""

import asyncio

import pytest

from house import PASSWORD, House, a_house
from imagegen.application.sessions import Login
from imagegen.domain.errors import InvalidAccessToken, InvalidRefreshToken
from imagegen.domain.users import Email


@pytest.fixture
def house() -> House:
    """A house."""
    return a_house()


@pytest.fixture
async def login(house: House) -> Login:
    """Somebody's first login."""
    return await house.application.register(Email("owner@example.com"), PASSWORD)


async def test_a_token_is_traded_for_a_new_pair(house: House, login: Login) -> None:
    """Refreshing gives other tokens for the same session, which then lives for seven days more."""
    house.clock.advance(days=6)
    renewed = await house.application.refresh(login.refresh_token)
    assert renewed.refresh_token != login.refresh_token
    house.clock.advance(days=6)
    await house.application.refresh(renewed.refresh_token)


async def test_a_lost_answer_can_be_asked_for_again(house: House, login: Login) -> None:
    """Within ten seconds the spent token gets the very successor that was given before."""
    first = await house.application.refresh(login.refresh_token)
    house.clock.advance(seconds=10)
    again = await house.application.refresh(login.refresh_token)
    assert again.refresh_token == first.refresh_token


async def test_many_refreshes_at_the_same_instant_get_the_same_successor(house: House, login: Login) -> None:
    """Tabs that wake up together and refresh together all stay in, with one and the same next token."""
    logins = await asyncio.gather(*(house.application.refresh(login.refresh_token) for _ in range(8)))
    assert len({each.refresh_token for each in logins}) == 1
    await house.application.refresh(logins[0].refresh_token)


async def test_reusing_a_spent_token_ends_the_session(house: House, login: Login) -> None:
    """After the grace a spent token means theft: the whole session ends, its newest tokens included."""
    renewed = await house.application.refresh(login.refresh_token)
    house.clock.advance(seconds=11)
    with pytest.raises(InvalidRefreshToken):
        await house.application.refresh(login.refresh_token)
    with pytest.raises(InvalidRefreshToken):
        await house.application.refresh(renewed.refresh_token)
    for token in (login.access_token, renewed.access_token):
        with pytest.raises(InvalidAccessToken):
            await house.application.authenticate_token(token)


async def test_the_token_before_the_last_has_no_grace(house: House, login: Login) -> None:
    """Once its successor was used, a token is theft even within the ten seconds."""
    second = await house.application.refresh(login.refresh_token)
    third = await house.application.refresh(second.refresh_token)
    with pytest.raises(InvalidRefreshToken):
        await house.application.refresh(login.refresh_token)
    with pytest.raises(InvalidRefreshToken):
        await house.application.refresh(third.refresh_token)


async def test_reuse_ends_only_its_own_session(house: House, login: Login) -> None:
    """Another device of the same user stays in."""
    other = await house.application.log_in(Email("owner@example.com"), PASSWORD)
    await house.application.refresh(login.refresh_token)
    house.clock.advance(seconds=11)
    with pytest.raises(InvalidRefreshToken):
        await house.application.refresh(login.refresh_token)
    await house.application.refresh(other.refresh_token)


async def test_an_idle_session_is_over_after_seven_days(house: House, login: Login) -> None:
    """A refresh token that nobody used for seven days is refused."""
    house.clock.advance(days=7)
    with pytest.raises(InvalidRefreshToken):
        await house.application.refresh(login.refresh_token)


@pytest.mark.parametrize("text", ["", "rt_", "rt_" + "A" * 64, "x" * 512, "rt_" + "é" * 64])
async def test_anything_else_is_refused(house: House, text: str) -> None:
    """What is no token, or of no session, is refused in the same way."""
    with pytest.raises(InvalidRefreshToken):
        await house.application.refresh(text)
