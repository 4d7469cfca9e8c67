"""What a scripted provider can do, in words that mean the same for every provider.

A `Delivery` in a script is a good picture delivered that way; a `Reply` is sent as it is.
"""

import enum
from dataclasses import dataclass

from wire.pictures import Format
from wire.server import Delivery, Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Success: real pictures, each different, with the provider's usage figures. None means as asked."""

    width: int | None = None
    height: int | None = None
    format: Format | None = None
    count: int | None = None
    thoughts: int = 0
    """Draft pictures shown before the real ones, by a provider that thinks in pictures."""
    usage: bool = True


class Refusal(enum.Enum):
    """The provider answers in its own format that it will not or cannot."""

    BLOCKED_INPUT = enum.auto()
    BLOCKED_OUTPUT = enum.auto()
    NO_IMAGE = enum.auto()
    INVALID_REQUEST = enum.auto()
    BAD_KEY = enum.auto()
    FORBIDDEN = enum.auto()
    MODEL_GONE = enum.auto()
    OUT_OF_CREDIT = enum.auto()
    SERVER_ERROR = enum.auto()
    UNAVAILABLE = enum.auto()


@dataclass(frozen=True, slots=True)
class RateLimited:
    """Too many requests; with the seconds to wait where the provider says them."""

    retry_after: float | None = None


class Damage(enum.Enum):
    """The provider answers 200, and the answer is broken."""

    TRUNCATED_JSON = enum.auto()
    TRUNCATED_BASE64 = enum.auto()
    ILLEGAL_BASE64 = enum.auto()
    TRUNCATED_IMAGE = enum.auto()
    NOT_AN_IMAGE = enum.auto()
    MISLABELED = enum.auto()
    """A good WebP that is said to be a PNG."""
    WRONG_MEDIA_TYPE = enum.auto()
    """A good answer that is said to be HTML."""
    OVERSIZED = enum.auto()
    """More than 64 MiB, announced."""
    OVERSIZED_UNANNOUNCED = enum.auto()
    """More than 64 MiB in chunks."""


class Intermediary(enum.Enum):
    """Something between us and the provider answers."""

    BAD_GATEWAY = enum.auto()
    """502 with a page of HTML."""
    LOST_UPSTREAM = enum.auto()
    """503 in plain text: a gateway passed the request on, and its connection to the provider ended."""
    TIMED_OUT = enum.auto()
    """524 with a page of HTML: a proxy lost patience while the provider worked on."""
    REDIRECT = enum.auto()
    """302 to another path of the fake, where a client that follows shows up in `requests`."""


@dataclass(frozen=True, slots=True)
class Slow:
    """`then`, after so many seconds."""

    seconds: float
    then: "Behavior" = Picture()


@dataclass(frozen=True, slots=True)
class Held:
    """`then`, once the test calls `release`."""

    then: "Behavior" = Picture()


Behavior = Picture | Refusal | RateLimited | Damage | Intermediary | Delivery | Slow | Held | Reply
