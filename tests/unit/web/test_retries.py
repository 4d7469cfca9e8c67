"""How a request says that it is the same as an earlier one."""

from dataclasses import replace

import pytest

from builders import new_id, new_user
from imagegen.domain.errors import InvalidRequest
from imagegen.domain.idempotency import REMEMBERED, RETRIED, Once
from imagegen.domain.identifiers import ApiKeyId
from imagegen.domain.users import Principal, Role, Scope
from imagegen.web.api.requests import NewGeneration
from imagegen.web.api.retries import asked_once

OWNER = Principal(user_id=new_user().id, role=Role.USER, scopes=frozenset(Scope), api_key_id=ApiKeyId(new_id()))
FOX = NewGeneration(prompt="fox", metadata={"a": "1", "b": "2"})


def once(
    body: NewGeneration = FOX, *, key: str | None = None, count: str | None = None, who: Principal = OWNER
) -> Once:
    """What a request says, that says something."""
    said = asked_once(who, body, key, count)
    assert said is not None
    return said


def test_most_requests_say_nothing() -> None:
    """Without a key and without a count each is a new one."""
    assert asked_once(OWNER, FOX, None, None) is None


@pytest.mark.parametrize("count", ["", "x", "-1", "1.5", "12345", " 1", "\uff11"])
def test_a_count_that_is_none_says_nothing(count: str) -> None:
    """What no client of that kind sends is as if it were not there."""
    assert asked_once(OWNER, FOX, None, count) is None


@pytest.mark.parametrize(
    "key", ["a", "~" * 255, "8e03978e-40d5-43e8-bc93-6894a57f9324", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"]
)
def test_a_key_is_known_for_a_day(key: str) -> None:
    """Anything of 1 to 255 visible ASCII characters is one."""
    said = once(key=key)
    assert (said.lifetime, said.fresh) == (REMEMBERED, False)
    assert said != once(key=key[:-1] + "x")


@pytest.mark.parametrize("key", ["", " ", "a b", "a\tb", "ä", "\x7f", "~" * 256, "a\n"])
def test_what_is_no_key_is_refused(key: str) -> None:
    """It is pointed to, and nothing is asked for."""
    with pytest.raises(InvalidRequest) as refused:
        asked_once(OWNER, FOX, key, None)
    assert [fault.pointer for fault in refused.value.faults] == ["#Idempotency-Key"]


def test_a_key_counts_more_than_a_count() -> None:
    """A client that sends both has said which request it means."""
    assert once(key="a", count="0") == once(key="a", count="3") == once(key="a")


def test_the_same_body_has_the_same_fingerprint() -> None:
    """However it was written: the order of its members means nothing, nor what is left out for its default."""
    same = NewGeneration(metadata={"b": "2", "a": "1"}, n=1, prompt="fox")
    assert once(same, key="a") == once(FOX, key="a")


@pytest.mark.parametrize(
    "other", [{"prompt": "owl"}, {"n": 2}, {"response_format": "b64_json"}, {"metadata": {"a": "1"}}]
)
def test_another_body_has_another_fingerprint(other: dict[str, object]) -> None:
    """Everything that it asks for counts."""
    body = NewGeneration(**{"prompt": "fox", "metadata": {"a": "1", "b": "2"}} | other)  # type: ignore[arg-type]  # as above
    assert once(body, key="a").key == once(FOX, key="a").key
    assert once(body, key="a").fingerprint != once(FOX, key="a").fingerprint
    assert once(body, count="1").key != once(FOX, count="1").key


def test_a_clients_own_retry_is_known_by_what_it_asks() -> None:
    """The first request is always a new one; what comes with a higher count belongs to it for 10 minutes."""
    first, again = once(count="0"), once(count="2")
    assert (first.fresh, again.fresh) == (True, False)
    assert first == replace(again, fresh=True, repeated=False)
    assert again.repeated
    assert again.lifetime == RETRIED


def test_a_clients_own_retry_is_of_one_credential() -> None:
    """Two programs with keys of their own that ask for the same are not taken for one, and a session for neither."""
    other = replace(OWNER, api_key_id=ApiKeyId(new_id()))
    session = replace(OWNER, api_key_id=None)
    assert len({once(count="1", who=who).key for who in (OWNER, other, session)}) == 3


def test_no_key_is_taken_for_a_retry() -> None:
    """Nobody can name what a client's own retry is known by."""
    retry = once(count="1")
    assert once(key=retry.key[:255]).key != retry.key
