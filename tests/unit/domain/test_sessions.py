"""Sessions and their rotating refresh tokens."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from builders import NOW, new_session, new_user
from imagegen.domain.errors import InvalidRefreshToken
from imagegen.domain.sessions import REFRESH_LIFETIME, ROTATION_GRACE, RefreshToken, Session

SOON = NOW + timedelta(seconds=5)
LATER = NOW + timedelta(hours=1)
SESSION, FIRST = new_session(new_user())


def rotated(session: Session, token: RefreshToken) -> tuple[Session, RefreshToken]:
    """The session and token after a rotation that must succeed."""
    step = session.rotate(token, SOON)
    assert step is not None
    return step


def test_a_token_is_opaque_and_fits_into_a_header() -> None:
    """`rt_` and 64 characters that need no escaping, no two alike."""
    assert re.fullmatch(r"rt_[A-Za-z0-9_-]{64}", FIRST.text)
    assert RefreshToken.fresh() != RefreshToken.fresh()


def test_a_token_comes_back() -> None:
    """What a client was given and hands back is the same token."""
    assert RefreshToken.read(FIRST.text) == FIRST


@pytest.mark.parametrize(
    "text",
    ["", "rt_", "A" * 64, "rt_" + "A" * 63, "rt_" + "A" * 65, "RT_" + "A" * 64, "rt_" + "A" * 63 + "\n"]
    + ["rt_" + character * 64 for character in "!/=é\ud83c"],
)
def test_what_cannot_be_a_token_is_refused_by_its_form(text: str) -> None:
    """Whatever is handed in, it is one error and never another, and does not repeat the text."""
    with pytest.raises(InvalidRefreshToken) as refusal:
        RefreshToken.read(text)
    assert not text or text not in str(refusal.value)


def test_a_token_prints_as_asterisks() -> None:
    """In a log or a traceback nothing of it is seen."""
    assert str(FIRST) == f"{FIRST}" == "***"
    assert FIRST.text not in repr([FIRST])
    assert repr(FIRST.secret) not in repr([FIRST])


def test_a_session_keeps_no_token() -> None:
    """Of its token a new session has two hashes, of the family and of the secret."""
    assert (SESSION.family_hash, SESSION.secret_hash) == (FIRST.family_hash, FIRST.secret_hash)
    assert FIRST.family_hash != FIRST.secret_hash
    assert repr(FIRST.secret) not in repr(SESSION)


def test_a_session_lives_for_a_week_of_silence() -> None:
    """It is over at the very moment of its expiry, and each use puts that off."""
    assert SESSION.alive(NOW + REFRESH_LIFETIME - timedelta(microseconds=1))
    assert not SESSION.alive(NOW + REFRESH_LIFETIME)
    assert timedelta(days=7) == REFRESH_LIFETIME
    assert rotated(SESSION, FIRST)[0].expires_at == SOON + REFRESH_LIFETIME


def test_ending_twice_changes_nothing() -> None:
    """A session that has ended is over for good, and the first time counts."""
    ended = SESSION.end(SOON)
    assert not ended.alive(SOON)
    assert ended.end(LATER) is ended
    assert (ended.ended_at, ended.version) == (SOON, 2)


def test_a_rotation_spends_the_token_and_gives_its_successor() -> None:
    """The successor is of the same family and another secret, and the session knows it."""
    session, second = rotated(SESSION, FIRST)
    assert second.family_hash == session.family_hash == SESSION.family_hash
    assert second.secret_hash == session.secret_hash != SESSION.secret_hash
    assert (session.spent_hash, session.last_used_at, session.version) == (FIRST.secret_hash, SOON, 2)
    assert (session.id, session.user_id, session.created_at) == (SESSION.id, SESSION.user_id, SESSION.created_at)


def test_a_successor_is_read_only_with_the_token_before() -> None:
    """What the session keeps of it is of no use without the token that was spent for it."""
    session, second = rotated(SESSION, FIRST)
    assert session.sealed_successor is not None
    assert FIRST.unseal(session.sealed_successor) == second
    assert second.unseal(session.sealed_successor) != second
    assert second.secret not in session.sealed_successor


def test_a_spent_token_does_not_rotate() -> None:
    """Each token is spent once."""
    session, _ = rotated(SESSION, FIRST)
    assert session.rotate(FIRST, LATER) is None


def test_a_lost_answer_is_repeated() -> None:
    """For ten seconds the token just spent gets the same successor again."""
    session, second = rotated(SESSION, FIRST)
    assert session.repeats(FIRST, SOON) == session.repeats(FIRST, SOON + ROTATION_GRACE) == second
    assert timedelta(seconds=10) == ROTATION_GRACE


def test_after_the_grace_nothing_is_repeated() -> None:
    """A spent token that comes late is a replay."""
    session, _ = rotated(SESSION, FIRST)
    assert session.repeats(FIRST, SOON + ROTATION_GRACE + timedelta(microseconds=1)) is None


def test_only_the_token_just_spent_is_repeated() -> None:
    """Neither one spent before, nor the current one, nor a made-up one of the family."""
    session, second = rotated(SESSION, FIRST)
    session, third = rotated(session, second)
    for token in (FIRST, third, RefreshToken.fresh(FIRST.family)):
        assert session.repeats(token, SOON) is None
    assert session.repeats(second, SOON) == third


def test_a_new_session_has_nothing_to_repeat() -> None:
    """Before the first rotation no token is spent."""
    assert SESSION.repeats(FIRST, NOW) is None
    assert replace(SESSION, spent_hash=FIRST.secret_hash).repeats(FIRST, NOW) is None
