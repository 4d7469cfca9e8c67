"""What may be repeated of a provider's words: its name for a call, and its short code for an error.

Nothing else does, since a message may quote the prompt or the key. A code has letters only, as every known one has,
because a key has figures.
"""

import re
from typing import Final

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}")
_CODE: Final = re.compile(r"[A-Za-z][A-Za-z_]{0,63}")


def request_id(text: object) -> str | None:
    """The text if it can be a name for a call: up to 128 plain characters."""
    return text if isinstance(text, str) and _REQUEST_ID.fullmatch(text) else None


def error_code(text: object) -> str | None:
    """The text if it can be a code: up to 64 letters and underscores."""
    return text if isinstance(text, str) and _CODE.fullmatch(text) else None
