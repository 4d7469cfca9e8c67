"""Signed links to pictures."""

import re
from datetime import timedelta

import pytest

from builders import NOW, new_id
from imagegen.domain.errors import InvalidLink
from imagegen.domain.identifiers import ImageId
from imagegen.domain.links import DEFAULT_LIFETIME, LinkSigner

SIGNER = LinkSigner(key=bytes(range(32)))
IMAGE = ImageId(new_id())


def test_a_link_opens_its_picture_until_it_expires() -> None:
    """The right is good for a day, and over at the second that the link names."""
    expires, signature = SIGNER.sign(IMAGE, NOW)
    SIGNER.check(IMAGE, expires, signature, NOW)
    SIGNER.check(IMAGE, expires, signature, NOW + DEFAULT_LIFETIME - timedelta(seconds=1))
    with pytest.raises(InvalidLink):
        SIGNER.check(IMAGE, expires, signature, NOW + DEFAULT_LIFETIME)


def test_its_lifetime_is_a_choice() -> None:
    """An operator may have links end sooner."""
    hasty = LinkSigner(key=SIGNER.key, lifetime=timedelta(minutes=5))
    assert hasty.sign(IMAGE, NOW)[0] == int(NOW.timestamp()) + 300


def test_a_signature_fits_into_an_address() -> None:
    """43 characters that need no escaping."""
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", SIGNER.sign(IMAGE, NOW)[1])


def test_another_picture_or_another_time_is_another_signature() -> None:
    """A link can neither be bent to another picture nor be lengthened."""
    expires, signature = SIGNER.sign(IMAGE, NOW)
    for image_id, moment in ((ImageId(new_id()), expires), (IMAGE, expires + 1)):
        with pytest.raises(InvalidLink):
            SIGNER.check(image_id, moment, signature, NOW)


def test_another_key_is_another_signature() -> None:
    """Only who has the key can sign."""
    expires, signature = LinkSigner(key=b"?" * 32).sign(IMAGE, NOW)
    with pytest.raises(InvalidLink):
        SIGNER.check(IMAGE, expires, signature, NOW)


@pytest.mark.parametrize("signature", ["", "=", "é" * 43, "\ud83c"])
def test_text_that_is_no_signature_is_refused(signature: str) -> None:
    """Whatever stands in an address, it is one error and never another."""
    with pytest.raises(InvalidLink):
        SIGNER.check(IMAGE, int(NOW.timestamp()) + 1, signature, NOW)


def test_the_key_is_not_printed() -> None:
    """A signer that ends up in a log shows nothing of its key."""
    assert repr(SIGNER.key) not in repr(SIGNER)
