"""Conditional and partial reads (RFC 9110, sections 13 and 14)."""

import re
from typing import Final

_RANGE: Final = re.compile(r"bytes=(\d{0,15})-(\d{0,15})", re.ASCII)


def matches(if_none_match: str | None, etag: str) -> bool:
    """Whether an `If-None-Match` names this strong ETag, weakly compared as the RFC says."""
    if if_none_match is None:
        return False
    names = (name.strip().removeprefix("W/") for name in if_none_match.split(","))
    return any(name in {etag, "*"} for name in names)


def byte_range(header: str | None, length: int) -> range | None:
    """The bytes that a `Range` header asks for; empty when there are none; `None` for the whole.

    A header that cannot be read, or that asks for several ranges, is ignored, as the RFC allows.
    """
    found = _RANGE.fullmatch((header or "").strip())
    if found is None or found.group(0) == "bytes=-":
        return None
    first, last = found.groups()
    if not first:
        return range(max(0, length - int(last)), length)
    if last and int(last) < int(first):
        return None
    return range(int(first), min(int(last), length - 1) + 1 if last else length)
