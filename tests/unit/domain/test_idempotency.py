"""Asking once: when a request is the same as an earlier one, when it is a new one, and when it is a mistake."""

from dataclasses import replace
from datetime import timedelta

import pytest

from builders import NOW, new_generation, new_idempotency_key, new_user
from imagegen.domain.errors import IdempotencyKeyReused, InvalidRequest
from imagegen.domain.idempotency import REMEMBERED, RETRIED, Once

KNOWN = new_idempotency_key(new_generation(new_user()))
SAME = Once(key=KNOWN.key, fingerprint=KNOWN.fingerprint)
OTHER = replace(SAME, fingerprint=bytes(32))
INSTANT = timedelta(microseconds=1)


def test_the_same_once_more_is_answered() -> None:
    """From the first moment until its lifetime is over, and where a clock was set back."""
    for away in (timedelta(0), REMEMBERED - INSTANT, -REMEMBERED):
        assert KNOWN.answers(SAME, NOW + away)


@pytest.mark.parametrize("lifetime", [REMEMBERED, RETRIED], ids=str)
@pytest.mark.parametrize("once", [SAME, OTHER], ids=["the same", "something else"])
def test_what_was_asked_long_ago_is_asked_anew(once: Once, lifetime: timedelta) -> None:
    """When the lifetime is over the key is free for anything, whoever asks with whatever lifetime."""
    once = replace(once, lifetime=lifetime)
    assert not KNOWN.answers(once, NOW + lifetime)
    assert not KNOWN.answers(once, NOW + 2 * lifetime)


def test_a_key_means_one_thing() -> None:
    """Something else under a key that is known is refused as a mistake of the caller's, until the lifetime is over."""
    for away in (timedelta(0), REMEMBERED - INSTANT):
        with pytest.raises(IdempotencyKeyReused):
            KNOWN.answers(OTHER, NOW + away)
    assert issubclass(IdempotencyKeyReused, InvalidRequest)


@pytest.mark.parametrize("once", [SAME, OTHER], ids=["the same", "something else"])
def test_a_fresh_request_is_new(once: Once) -> None:
    """Whoever says that it is new gets something new, whatever was asked before."""
    assert not KNOWN.answers(replace(once, fresh=True), NOW)


def test_lifetimes_are_what_clients_count_on() -> None:
    """A caller's key is known for a day, a client's own retry for as long as such a client waits for an answer."""
    assert timedelta(hours=24) == REMEMBERED == SAME.lifetime
    assert timedelta(minutes=10) == RETRIED
    assert not SAME.fresh
