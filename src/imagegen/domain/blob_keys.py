"""The keys under which bytes are stored: how they are made, and how ours are told from a stranger's."""

import re
import secrets
from collections.abc import Iterator
from typing import Final
from uuid import UUID

from imagegen.domain.identifiers import AttemptId
from imagegen.domain.images import ImageFormat

CHECKS: Final = "check-"
"""What the keys of checks begin with, and those of no picture."""

_ATTEMPT: Final = "(?P<end>[0-9a-f]{2})/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{10}(?P=end)"
"""Its identifier, in the folder that is named as the identifier ends."""
_PICTURE: Final = re.compile(rf"{_ATTEMPT}-[0-9]{{1,3}}\.(?:{'|'.join(ImageFormat)})")
_RECEIPT: Final = re.compile(rf"{_ATTEMPT}-receipt\.json")
_CHECK: Final = re.compile(CHECKS + "[0-9a-f]{16}")

_FOLDER: Final = len("7c/")
_UUID: Final = 36

_CONTENT_TYPES: Final = {"json": "application/json"} | {form.value: form.content_type for form in ImageFormat}


def picture_key(attempt_id: AttemptId, index: int, image_format: ImageFormat) -> str:
    """The key of the picture at that place of a call's answer: `7c/0190…7c-0.png`.

    The folder is the identifier's random end, so that pictures spread evenly over 256 of them.
    """
    return f"{attempt_id.hex[-2:]}/{attempt_id}-{index}.{image_format}"


def picture_keys(attempt_id: AttemptId, count: int) -> Iterator[str]:
    """Every key under which a call for so many pictures may have stored one."""
    return (picture_key(attempt_id, index, image_format) for index in range(count) for image_format in ImageFormat)


def receipt_key(attempt_id: AttemptId) -> str:
    """The key of what a call came to, beside its pictures: `7c/0190…7c-receipt.json`."""
    return f"{attempt_id.hex[-2:]}/{attempt_id}-receipt.json"


def check_key() -> str:
    """A new key for the few bytes with which a store finds out, over and over, whether it can store: `check-…`."""
    return f"{CHECKS}{secrets.token_hex(8)}"


def is_receipt_key(key: str) -> bool:
    """Whether `receipt_key` makes such keys."""
    return _RECEIPT.fullmatch(key) is not None


def attempt_of(key: str) -> AttemptId | None:
    """The call whose picture or receipt is stored under a key; `None` for any other key."""
    form = _PICTURE.fullmatch(key) or _RECEIPT.fullmatch(key)
    return AttemptId(UUID(key[_FOLDER : _FOLDER + _UUID])) if form else None


def is_check_key(key: str) -> bool:
    """Whether `check_key` makes such keys."""
    return _CHECK.fullmatch(key) is not None


def content_type_of(key: str) -> str:
    """The media type of what is stored under a key of ours, as its ending tells it; else that of any bytes."""
    return _CONTENT_TYPES.get(key.rpartition(".")[2], "application/octet-stream")
