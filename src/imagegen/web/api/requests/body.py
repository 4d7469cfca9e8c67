"""What all bodies of requests are."""

from msgspec import Struct


class Body(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A body: unknown members are refused."""
