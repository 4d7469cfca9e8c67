"""Receipts: whatever a call came to can be read again, and whatever else lies there is not taken for one."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from builders import NOW, new_attempt, new_generation, new_user
from imagegen.domain.errors import Billed
from imagegen.domain.images import ImageFormat, Size
from imagegen.domain.receipts import Receipt, StoredPicture, UnreadableReceipt

STARTED = new_attempt(new_generation(new_user()))
NUMBERS = st.integers(min_value=0, max_value=2**63)
PICTURES = st.builds(
    StoredPicture,
    position=NUMBERS,
    size=st.builds(Size, NUMBERS, NUMBERS),
    format=st.sampled_from(ImageFormat),
    bytes=NUMBERS,
    sha256=st.binary(min_size=32, max_size=32).map(bytes.hex),
)
RECEIPTS = st.builds(
    Receipt,
    billed=st.sampled_from(Billed),
    cost_micros=st.none() | NUMBERS,
    provider_request_id=st.none() | st.text(st.characters()),  # lone surrogates included
    pictures=st.lists(PICTURES, max_size=4).map(tuple),
)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(RECEIPTS)
def test_receipts_come_back(receipt: Receipt) -> None:
    """What was written is read again, and settles the call in the same way."""
    found = Receipt.decode(receipt.encode())
    assert found == receipt
    assert found.settled(STARTED, NOW) == receipt.settled(STARTED, NOW)
    assert Receipt.of(receipt.settled(STARTED, NOW), found.pictures) == receipt


def decoded(data: bytes) -> Receipt | None:
    """The receipt that the bytes are, if they are one; nothing else may be raised."""
    try:
        return Receipt.decode(data)
    except UnreadableReceipt:
        return None


@given(st.binary() | ANY_JSON.map(lambda value: json.dumps(value).encode()))
def test_other_bytes_are_no_receipt(data: bytes) -> None:
    """Neither any bytes nor any JSON is taken for a receipt by chance."""
    assert decoded(data) is None


@st.composite
def bent_receipts(draw: st.DrawFn) -> bytes:
    """A receipt in which one value, somewhere, was exchanged for anything."""
    said: dict[str, Any] = json.loads(draw(RECEIPTS).encode())
    parts = [said, *said["pictures"]]
    part = draw(st.sampled_from(parts))
    part[draw(st.sampled_from(sorted(part)))] = draw(ANY_JSON)
    return json.dumps(said).encode()


@given(bent_receipts())
def test_a_bent_receipt_is_whole_or_none(data: bytes) -> None:
    """Whatever was exchanged, what is read has a value of its kind in every place, or nothing is read."""
    found = decoded(data)
    if found is not None:
        assert Receipt.decode(found.encode()) == found
        numbers = [found.cost_micros or 0, *(picture.bytes for picture in found.pictures)]
        texts = [found.provider_request_id or "", *(picture.sha256 for picture in found.pictures)]
        assert all(type(number) is int for number in numbers)
        assert all(type(text) is str for text in texts)
