"""Moments as clients write them: RFC 3339 with an offset, because without one nobody knows when that is."""

from datetime import UTC, datetime
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from litestar.params import QueryParameter

from imagegen.domain.errors import Fault, InvalidRequest

Moment: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True, examples=["2027-01-01T00:00:00Z"])]
"""In a body."""

_FORM: Final = "A moment is like 2027-01-01T00:00:00Z, with its offset from UTC."


def moment_parameter(description: str, query: str | None = None) -> Any:
    """A moment in a query. It is read by `read_moment`, since Litestar would also take bare numbers."""
    extra = {"format": "date-time"}
    return QueryParameter(name=query, description=description, max_length=40, schema_extra=extra)


def read_moment(name: str, text: str | None) -> datetime | None:
    """The moment that the parameter `name` says, in UTC; raise `InvalidRequest` when it says none."""
    if text is None:
        return None
    try:
        return in_utc(msgspec.convert(text, Moment), f"/{name}")
    except msgspec.ValidationError:
        raise InvalidRequest(faults=(Fault(f"/{name}", _FORM),)) from None


def in_utc(moment: datetime, pointer: str) -> datetime:
    """The same moment in UTC; raise `InvalidRequest` when it is so far away that no calendar has it there."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise InvalidRequest(faults=(Fault(pointer, _FORM),)) from None
