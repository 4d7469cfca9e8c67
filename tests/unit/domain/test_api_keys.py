"""API keys."""

import re
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256

import pytest

from builders import NOW, new_id, new_key, new_user
from imagegen.domain.api_keys import ALL_SCOPES, ApiKey, PlainKey
from imagegen.domain.errors import ApiKeyExpired, ApiKeyRevoked, InvalidApiKey, InvalidRequest
from imagegen.domain.identifiers import ApiKeyId, UserId
from imagegen.domain.users import Scope

SOON = NOW + timedelta(hours=1)
LATER = NOW + timedelta(days=1)


def test_a_key_is_40_characters() -> None:
    """`nb_live_` and 32 hexadecimal characters, no two alike."""
    one, other = PlainKey.fresh(), PlainKey.fresh()
    assert re.fullmatch("nb_live_[0-9a-f]{32}", one.text)
    assert one != other


def test_a_new_key_is_known_by_its_hash_and_shown_by_its_prefix() -> None:
    """Of the text, its SHA-256 and its first twelve characters are kept."""
    key, plain = ApiKey.issue(id=ApiKeyId(new_id()), user_id=UserId(new_id()), now=NOW)
    assert key.digest == sha256(plain.text.encode()).digest() == PlainKey.read(plain.text).digest
    assert key.prefix == plain.text[:12]
    assert plain.text not in repr(key)


def test_a_new_key_may_do_everything_and_does_not_expire() -> None:
    """Nothing said is a default name, every scope and no expiry."""
    key = new_key(new_user())
    assert (key.name, key.scopes, key.expires_at, key.version) == ("Default key", frozenset(Scope), None, 1)
    assert frozenset(Scope) == ALL_SCOPES


def test_a_plain_key_prints_as_asterisks() -> None:
    """In a log or a traceback nothing of it is seen."""
    plain = PlainKey.fresh()
    assert str(plain) == f"{plain}" == "***"
    assert plain.text not in repr([plain])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nb_live_",
        "nb_live_" + "0" * 31,
        "nb_live_" + "0" * 33,
        "nb_live_" + "A" * 32,
        "nb_live_" + "g" * 32,
        "nb_test_" + "0" * 32,
        "NB_LIVE_" + "0" * 32,
        "nb_live_" + "0" * 32 + "\n",
        " nb_live_" + "0" * 32,
        "nb_live_" + "٣" * 32,
    ],
)
def test_what_cannot_be_a_key_is_refused_by_its_form(text: str) -> None:
    """No look-up is needed, and the error does not repeat what was presented."""
    with pytest.raises(InvalidApiKey) as refusal:
        PlainKey.read(text)
    assert not text or text not in str(refusal.value)


def test_a_key_is_admitted_until_it_expires() -> None:
    """At the very moment of its expiry it is refused."""
    key = replace(new_key(new_user()), expires_at=SOON)
    key.admit(SOON - timedelta(microseconds=1))
    assert key.active(NOW)
    assert not key.active(SOON)
    with pytest.raises(ApiKeyExpired):
        key.admit(SOON)


def test_a_revoked_key_is_refused_as_revoked() -> None:
    """That its owner took it back is said, even when it has expired too."""
    key = replace(new_key(new_user()), expires_at=SOON).revoke(NOW)
    assert not key.active(NOW)
    for moment in (NOW, LATER):
        with pytest.raises(ApiKeyRevoked):
            key.admit(moment)


def test_revoking_twice_changes_nothing() -> None:
    """The first time counts."""
    key = new_key(new_user()).revoke(NOW)
    assert key.revoke(LATER) is key
    assert (key.revoked_at, key.version) == (NOW, 2)


@pytest.mark.parametrize("expires_at", [NOW, NOW - timedelta(seconds=1)])
def test_no_key_is_born_expired(expires_at: datetime) -> None:
    """An expiry lies in the future, when a key is made and when it is changed."""
    with pytest.raises(InvalidRequest) as refusal:
        ApiKey.issue(id=ApiKeyId(new_id()), user_id=UserId(new_id()), now=NOW, expires_at=expires_at)
    assert [fault.pointer for fault in refusal.value.faults] == ["/expires_at"]
    with pytest.raises(InvalidRequest):
        new_key(new_user()).change(name="late", scopes=ALL_SCOPES, expires_at=expires_at, now=NOW)


def test_a_key_has_a_scope() -> None:
    """A key that may do nothing is refused."""
    with pytest.raises(InvalidRequest) as refusal:
        ApiKey.issue(id=ApiKeyId(new_id()), user_id=UserId(new_id()), now=NOW, scopes=frozenset())
    assert [fault.pointer for fault in refusal.value.faults] == ["/scopes"]
    with pytest.raises(InvalidRequest):
        new_key(new_user()).change(name="idle", scopes=frozenset(), expires_at=None, now=NOW)


def test_a_key_changes_its_name_scopes_and_expiry() -> None:
    """It stays the same key: nobody has to be given a new one."""
    key = new_key(new_user())
    changed = key.change(name="CI", scopes=frozenset({Scope.READ}), expires_at=SOON, now=NOW)
    assert (changed.name, changed.scopes, changed.expires_at) == ("CI", frozenset({Scope.READ}), SOON)
    assert (changed.id, changed.digest, changed.version) == (key.id, key.digest, 2)


def test_an_expired_key_can_be_renamed() -> None:
    """An expiry that stays as it is may lie in the past."""
    key = replace(new_key(new_user()), expires_at=SOON)
    assert key.change(name="old", scopes=key.scopes, expires_at=SOON, now=LATER).name == "old"


def test_a_revoked_key_does_not_change() -> None:
    """It is kept for the record only."""
    key = new_key(new_user()).revoke(NOW)
    with pytest.raises(ApiKeyRevoked):
        key.change(name="again", scopes=key.scopes, expires_at=None, now=NOW)


def test_its_use_is_noted_once_a_minute() -> None:
    """A use is worth writing down when the one before is a minute old."""
    key = new_key(new_user())
    assert key.use_is_news(NOW)
    used = replace(key, last_used_at=NOW)
    assert not used.use_is_news(NOW + timedelta(seconds=59))
    assert used.use_is_news(NOW + timedelta(seconds=60))
