"""Receipts: what is written beside the pictures of a call says all that it takes to settle that call."""

import json
from datetime import timedelta
from typing import Any

import pytest

from builders import NOW, WORKER, new_attempt, new_generation, new_id, new_user
from imagegen.domain.blob_keys import attempt_of
from imagegen.domain.errors import Billed, IllegalTransition
from imagegen.domain.identifiers import ImageId
from imagegen.domain.images import Image, ImageFormat, Size, Source
from imagegen.domain.receipts import Receipt, StoredPicture, UnreadableReceipt

LATER = NOW + timedelta(seconds=30)
RUNNING = new_generation(new_user()).start(WORKER, NOW)
STARTED = new_attempt(RUNNING)
SETTLED = STARTED.succeed(cost_micros=39_000, request_id="req_🍌", billed=Billed.YES, now=NOW)
PICTURES = [
    StoredPicture(position=0, size=Size(1024, 768), format=ImageFormat.PNG, bytes=1_234_567, sha256="a" * 64),
    StoredPicture(position=2, size=Size(1, 9), format=ImageFormat.WEBP, bytes=1, sha256="b" * 64),
]
RECEIPT = Receipt.of(SETTLED, PICTURES)


def said() -> dict[str, Any]:
    """What the receipt says, as it is written."""
    written: dict[str, Any] = json.loads(RECEIPT.encode())
    return written


def test_a_receipt_settles_its_call() -> None:
    """Read again, it ends the call as it ended, at the moment at which it is found out."""
    found = Receipt.decode(RECEIPT.encode())
    assert found == RECEIPT
    assert found.settled(STARTED, NOW) == SETTLED
    assert found.settled(STARTED, LATER).finished_at == LATER


def test_what_is_settled_is_not_settled_again() -> None:
    """A receipt that is found late does not bend the life of a call."""
    with pytest.raises(IllegalTransition):
        RECEIPT.settled(SETTLED, LATER)


@pytest.mark.parametrize("billed", Billed)
def test_what_nobody_knows_is_not_made_up(billed: Billed) -> None:
    """A call of unknown cost, or without a name, is found as that."""
    settled = STARTED.succeed(cost_micros=None, request_id=None, billed=billed, now=NOW)
    assert Receipt.decode(Receipt.of(settled, PICTURES).encode()).settled(STARTED, NOW) == settled


def test_a_picture_is_an_image_again() -> None:
    """It has all that an image needs, but for where the store put it, and a name."""
    image_id = ImageId(new_id())
    (picture, _) = Receipt.decode(RECEIPT.encode()).pictures
    assert picture.image(RUNNING, STARTED.id, "local:somewhere", image_id, LATER) == Image(
        id=image_id,
        user_id=RUNNING.user_id,
        generation_id=RUNNING.id,
        attempt_id=STARTED.id,
        position=0,
        source=Source.GENERATED,
        location="local:somewhere",
        size=Size(1024, 768),
        format=ImageFormat.PNG,
        bytes=1_234_567,
        sha256="a" * 64,
        created_at=LATER,
    )


def test_a_picture_lies_where_its_call_put_it() -> None:
    """Its key tells the call, its place in the answer and its format: no two pictures share one."""
    keys = [picture.key(STARTED.id) for picture in PICTURES]
    assert keys == [f"{str(STARTED.id)[-2:]}/{STARTED.id}-{end}" for end in ("0.png", "2.webp")]
    assert {attempt_of(key) for key in keys} == {STARTED.id}


def test_a_generation_succeeds_with_what_a_receipt_brings() -> None:
    """The images belong to the generation whose call it was."""
    images = [
        picture.image(RUNNING, STARTED.id, f"local:{picture.position}", ImageId(new_id()), LATER)
        for picture in RECEIPT.pictures
    ]
    assert RUNNING.succeed(images, cost_micros=39_000, now=LATER).images == tuple(images)


def test_a_receipt_that_was_cut_off_is_none() -> None:
    """However much of it arrived, half a receipt says nothing."""
    whole = RECEIPT.encode()
    for length in range(len(whole)):
        with pytest.raises(UnreadableReceipt):
            Receipt.decode(whole[:length])


@pytest.mark.parametrize("member", said())
def test_a_receipt_says_everything(member: str) -> None:
    """One from which something is missing is none."""
    less = {name: value for name, value in said().items() if name != member}
    with pytest.raises(UnreadableReceipt):
        Receipt.decode(json.dumps(less).encode())


@pytest.mark.parametrize("member", said()["pictures"][0])
def test_a_receipt_says_everything_of_a_picture(member: str) -> None:
    """One from whose last picture something is missing is none."""
    less = said()
    del less["pictures"][-1][member]
    with pytest.raises(UnreadableReceipt):
        Receipt.decode(json.dumps(less).encode())


@pytest.mark.parametrize(
    "bent",
    [
        {"receipt": 2},
        {"receipt": None},
        {"billed": "perhaps"},
        {"cost_micros": "much"},
        {"cost_micros": float("inf")},
        {"pictures": None},
        {"pictures": "two"},
        {"pictures": [7]},
        {"pictures": [{**said()["pictures"][0], "format": "gif"}]},
        {"pictures": [{**said()["pictures"][0], "width": float("nan")}]},
    ],
    ids=str,
)
def test_what_says_something_else_is_no_receipt(bent: dict[str, Any]) -> None:
    """Neither one of a later version, nor one with a word that nobody here knows."""
    with pytest.raises(UnreadableReceipt):
        Receipt.decode(json.dumps(said() | bent).encode())


def test_a_later_member_is_passed_over() -> None:
    """What a newer imagegen says in addition does not keep an older one from reading it."""
    more = said() | {"weather": "fine"}
    more["pictures"][0]["mood"] = "good"
    assert Receipt.decode(json.dumps(more).encode()) == RECEIPT


@pytest.mark.parametrize("garbage", [b"", b"\xff", b"\0", b"null", b"[]", b'"receipt"', b"[" * 100_000, b"1" * 10_000])
def test_garbage_is_no_receipt(garbage: bytes) -> None:
    """Other bytes are told apart, whatever they are."""
    with pytest.raises(UnreadableReceipt):
        Receipt.decode(garbage)
