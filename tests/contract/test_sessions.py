"""What every store promises of sessions."""

from dataclasses import replace
from datetime import timedelta

import pytest

from builders import NOW, new_id, new_session, new_user
from imagegen.domain.errors import StaleWrite
from imagegen.domain.identifiers import SessionId
from imagegen.domain.ports import UnitOfWorkFactory
from imagegen.domain.sessions import Session
from imagegen.domain.users import User
from stores import exact, remember

LATER = NOW + timedelta(minutes=5, microseconds=7)
MOMENT = timedelta(microseconds=1)


async def read(unit_of_work: UnitOfWorkFactory, session: Session) -> Session:
    """The session as it is remembered."""
    async with unit_of_work() as work:
        found = await work.sessions.get(session.id)
    assert found
    return found[0]


async def test_a_session_comes_back_whole(unit_of_work: UnitOfWorkFactory) -> None:
    """A session is read with its user as both were added, by identifier and by family, at every stage."""
    user = new_user()
    fresh, token = new_session(user)
    await remember(unit_of_work, user, fresh)
    rotation = fresh.rotate(token, LATER)
    assert rotation
    for session in (fresh, rotation[0], rotation[0].end(LATER)):
        async with unit_of_work() as work:
            if session is not fresh:
                work.sessions.update(session)
            await work.commit()
        async with unit_of_work() as work:
            assert exact(await work.sessions.get(session.id)) == exact((session, user))
            assert exact(await work.sessions.by_family(token.family_hash)) == exact((session, user))


@pytest.mark.parametrize("user_agent", [None, "", "Mozilla/5.0 (🍌; Ä) " * 50])
async def test_any_user_agent_comes_back(unit_of_work: UnitOfWorkFactory, user_agent: str | None) -> None:
    """What a client calls itself comes back as it was, whether nothing, empty or long."""
    user = new_user()
    session = replace(new_session(user)[0], user_agent=user_agent)
    await remember(unit_of_work, user, session)
    assert await read(unit_of_work, session) == session


async def test_no_session_is_none(unit_of_work: UnitOfWorkFactory) -> None:
    """What was never opened is `None`, however near it is."""
    user = new_user()
    session = new_session(user)[0]
    await remember(unit_of_work, user, session)
    async with unit_of_work() as work:
        assert await work.sessions.get(SessionId(new_id())) is None
        assert await work.sessions.by_family(session.family_hash[:-1]) is None
        assert await work.sessions.by_family(session.secret_hash) is None


async def test_sessions_are_listed_newest_first(unit_of_work: UnitOfWorkFactory) -> None:
    """A user's own live sessions are listed newest first; at the moment it expires a session is not among them."""
    user, other = new_user(), new_user()
    first, ended, expired, last = (new_session(user, now=NOW + timedelta(minutes=minute))[0] for minute in range(4))
    expired = replace(expired, expires_at=LATER)
    await remember(unit_of_work, user, other, last, expired, ended.end(LATER), first, new_session(other)[0])
    async with unit_of_work() as work:
        assert list(await work.sessions.of_user(user.id, LATER)) == [last, first]
        assert list(await work.sessions.of_user(user.id, LATER - MOMENT)) == [last, expired, first]


async def test_a_hundred_sessions_are_listed(unit_of_work: UnitOfWorkFactory) -> None:
    """Of more than a hundred live sessions the newest hundred are listed, however many newer ones have expired."""
    user = new_user()
    sessions = [new_session(user, now=NOW + timedelta(minutes=minute))[0] for minute in range(103)]
    expired = [replace(new_session(user)[0], expires_at=NOW) for _ in range(100)]
    await remember(unit_of_work, user, *sessions, *expired)
    async with unit_of_work() as work:
        assert list(await work.sessions.of_user(user.id, LATER)) == sessions[:2:-1]


@pytest.fixture
async def crowd(unit_of_work: UnitOfWorkFactory) -> tuple[User, list[Session]]:
    """A user, two open sessions, an ended one and an expired one of theirs, and one of somebody else's."""
    user, other = new_user(), new_user()
    sessions = [new_session(user)[0] for _ in range(4)] + [new_session(other)[0]]
    sessions[2] = sessions[2].end(NOW)
    sessions[3] = replace(sessions[3], expires_at=NOW)
    await remember(unit_of_work, user, other, *sessions)
    return user, sessions


async def test_all_sessions_end(unit_of_work: UnitOfWorkFactory, crowd: tuple[User, list[Session]]) -> None:
    """Ending all ends each that was not, as it would end by itself, and leaves other users' alone."""
    user, sessions = crowd
    async with unit_of_work() as work:
        work.sessions.end_all(user.id, LATER)
        await work.commit()
    assert [await read(unit_of_work, session) for session in sessions] == [
        *(session.end(LATER) for session in sessions[:4]),
        sessions[4],
    ]


async def test_all_sessions_but_one_end(unit_of_work: UnitOfWorkFactory, crowd: tuple[User, list[Session]]) -> None:
    """The session that is named stays as it is."""
    user, sessions = crowd
    async with unit_of_work() as work:
        work.sessions.end_all(user.id, LATER, but=sessions[0].id)
        await work.commit()
    assert [await read(unit_of_work, session) for session in sessions] == [
        sessions[0],
        *(session.end(LATER) for session in sessions[1:4]),
        sessions[4],
    ]


async def test_a_session_that_was_ended_is_not_revived(unit_of_work: UnitOfWorkFactory) -> None:
    """A rotation that had read the session before all were ended is stale."""
    user = new_user()
    session, token = new_session(user)
    await remember(unit_of_work, user, session)
    async with unit_of_work() as work:
        work.sessions.end_all(user.id, LATER)
        await work.commit()
    rotation = session.rotate(token, LATER)
    assert rotation
    async with unit_of_work() as work:
        work.sessions.update(rotation[0])
        with pytest.raises(StaleWrite):
            await work.commit()
    assert await read(unit_of_work, session) == session.end(LATER)
