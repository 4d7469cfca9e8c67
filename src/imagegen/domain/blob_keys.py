"""The keys under which bytes are stored: how they are made, and how ours are told from a stranger's."""

import re
import secrets
from typing import Final

from imagegen.domain.identifiers import AttemptId
from imagegen.domain.images import ImageFormat

_PICTURE: Final = re.compile(
    "[0-9a-f]{2}/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{10}(?P<tail>[0-9a-f]{2})-[0-9]{1,3}"
    rf"\.(?:{'|'.join(ImageFormat)})"
)
_CHECK: Final = re.compile("check-[0-9a-f]{16}")


def picture_key(attempt_id: AttemptId, index: int, image_format: ImageFormat) -> str:
    """The key of the picture at that place of a call's answer: `7c/0190…7c-0.png`.

    The folder is the identifier's random end, so that pictures spread evenly over 256 of them.
    """
    return f"{attempt_id.hex[-2:]}/{attempt_id}-{index}.{image_format}"


def check_key() -> str:
    """A new key for the few bytes with which a store finds out whether it can store: `check-` and 16 digits."""
    return f"check-{secrets.token_hex(8)}"


def is_picture_key(key: str) -> bool:
    """Whether `picture_key` makes such keys."""
    form = _PICTURE.fullmatch(key)
    return form is not None and key.startswith(f"{form['tail']}/")


def is_check_key(key: str) -> bool:
    """Whether `check_key` makes such keys."""
    return _CHECK.fullmatch(key) is not None
