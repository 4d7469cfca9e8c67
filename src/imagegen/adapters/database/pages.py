"""Cutting a list into pages, by key."""

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar
from uuid import UUID

from sqlalchemy import BindParameter, Select, Table, bindparam

from imagegen.adapters.database.statements import Values
from imagegen.domain.pages import Cursor, Page, PageRequest


class _Identified(Protocol):
    @property
    def id(self) -> UUID: ...


T = TypeVar("T", bound=_Identified)


def paged(query: Select[Any], table: Table, *, oldest_first: bool, continued: bool) -> Select[Any]:
    """The query of one page, in the order of age: from the start, or `continued` after a row."""
    if continued:
        last: BindParameter[UUID] = bindparam("last")
        query = query.where(table.c.id > last if oldest_first else table.c.id < last)
    return query.order_by(table.c.id if oldest_first else table.c.id.desc()).limit(bindparam("rows"))


def values_of(wanted: PageRequest) -> Values:
    """The values for `paged`: one row more than wanted tells whether there is a next page."""
    rows = {"rows": wanted.limit + 1}
    return rows if wanted.after is None else {**rows, "last": wanted.after.last}


def cut(items: Sequence[T], wanted: PageRequest) -> Page[T]:
    """The page from what the query brought."""
    kept = items[: wanted.limit]
    return Page(kept, Cursor(kept[-1].id) if len(items) > len(kept) else None)
