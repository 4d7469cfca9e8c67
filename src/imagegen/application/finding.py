"""Finding what somebody asks for."""

from typing import TypeVar

from imagegen.domain.errors import NotFound

T = TypeVar("T")


def existing(found: T | None) -> T:
    """What was looked up; raise `NotFound` when it is not there or not the caller's, which nobody can tell apart."""
    if found is None:
        raise NotFound
    return found
