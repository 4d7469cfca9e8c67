"""The keys under which bytes are stored."""

import pytest

from builders import new_id
from imagegen.domain.blob_keys import (
    attempt_of,
    check_key,
    content_type_of,
    is_check_key,
    is_receipt_key,
    picture_key,
    receipt_key,
)
from imagegen.domain.identifiers import AttemptId
from imagegen.domain.images import MOST_IMAGES, ImageFormat


@pytest.mark.parametrize("image_format", ImageFormat)
def test_the_key_of_a_picture_is_recognized(image_format: ImageFormat) -> None:
    """Whatever call and place it is of; it lies in the folder of the identifier's end."""
    for index in range(MOST_IMAGES):
        attempt = AttemptId(new_id())
        key = picture_key(attempt, index, image_format)
        assert (attempt_of(key), is_receipt_key(key)) == (attempt, False)
        assert key == f"{str(attempt)[-2:]}/{attempt}-{index}.{image_format}"


def test_the_key_of_a_receipt_is_recognized() -> None:
    """It lies beside the pictures of its call, and is not taken for one."""
    attempt = AttemptId(new_id())
    key = receipt_key(attempt)
    assert is_receipt_key(key)
    assert key == f"{str(attempt)[-2:]}/{attempt}-receipt.json"


@pytest.mark.parametrize(
    "key",
    [
        "00/01900000-0000-7000-8000-0000000000ab-{}",
        "01900000-0000-7000-8000-0000000000ab-{}",
        "x/ab/01900000-0000-7000-8000-0000000000ab-{}",
        "ab/01900000-0000-7000-8000-0000000000AB-{}",
        "ab/01900000-0000-7000-8000-0000000000ab-{}\n",
        "ab/{}",
    ],
)
def test_what_only_looks_like_a_key_of_ours_is_not_one(key: str) -> None:
    """Folder and identifier have to agree, and nothing may stand around them."""
    for end in ("0.png", "receipt.json"):
        assert attempt_of(f"ab/01900000-0000-7000-8000-0000000000ab-{end}") is not None
        assert attempt_of(key.format(end)) is None
    assert is_receipt_key("ab/01900000-0000-7000-8000-0000000000ab-receipt.json")
    assert not is_receipt_key(key.format("receipt.json"))


def test_a_key_tells_the_call() -> None:
    """That of a picture and of a receipt; any other key tells none."""
    attempt = AttemptId(new_id())
    assert attempt_of(picture_key(attempt, 3, ImageFormat.WEBP)) == attempt_of(receipt_key(attempt)) == attempt
    assert attempt_of(check_key()) is None
    assert attempt_of("family/me.jpg") is None


def test_a_key_tells_the_media_type() -> None:
    """Pictures and receipts have one of their own; a check is any bytes."""
    attempt = AttemptId(new_id())
    for image_format in ImageFormat:
        assert content_type_of(picture_key(attempt, 0, image_format)) == image_format.content_type
    assert content_type_of(receipt_key(attempt)) == "application/json"
    assert content_type_of(check_key()) == "application/octet-stream"


def test_the_key_of_a_check_is_recognized() -> None:
    """It is another one each time, and not a picture's."""
    one, other = check_key(), check_key()
    assert one != other
    assert is_check_key(one)
    assert attempt_of(one) is None
    assert not is_check_key(picture_key(AttemptId(new_id()), 0, ImageFormat.PNG))
