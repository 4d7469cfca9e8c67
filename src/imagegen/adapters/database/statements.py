"""Statements built with SQLAlchemy Core, compiled once for each dialect, and run on the bare driver.

One statement through SQLAlchemy's session costs some hundred times what the driver needs for it. So Core writes the
SQL and says how values travel, and nothing of it is left when a statement runs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import Delete, Dialect, Insert, Select, Table, Update, bindparam, update

T = TypeVar("T")

Values = Mapping[str, Any]
"""The values of a statement's parameters, by name, as the domain has them."""

Row = Sequence[Any]
"""The values of a row in the order of the selected columns, as the domain has them."""

Change = Insert | Update | Delete

_Process = Callable[[Any], Any] | None

_MOST_COMPILED: Final = 1_000
"""Far more than there are; filtered lists come in many shapes, so there must be an end."""


@dataclass(frozen=True, slots=True, eq=False)
class Query(Generic[T]):
    """A question, and what to make of each row of the answer.

    Where the same rows are read over and over, what was made of the last `kept` is given again: equal rows make equal
    things, and nothing here can change. The database is asked all the same.
    """

    select: Select[Any]
    make: Callable[[Row], T]
    kept: int = 0


@dataclass(frozen=True, slots=True)
class Write:
    """A change with its values. One that is `checked` must meet a row, or the whole unit is stale."""

    change: Change
    values: Values
    checked: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """The text of a statement for one driver, and the way of values into it."""

    sql: str
    parameters: Sequence[tuple[str, _Process]]
    constants: Values

    def bind(self, values: Values) -> Sequence[Any]:
        """The values in the order and the form in which the driver takes them."""
        if self.constants:
            values = {**self.constants, **values}
        return [process(values[name]) if process else values[name] for name, process in self.parameters]


@lru_cache(_MOST_COMPILED)
def compiled(statement: Select[Any] | Change, dialect: Dialect) -> Compiled:
    """The statement for that dialect; the same object is compiled once."""
    compilation = statement.compile(dialect=dialect)
    binds = [(name, compilation.binds[name]) for name in compilation.positiontup or ()]
    return Compiled(
        sql=compilation.string,
        parameters=[(name, bind.type.dialect_impl(dialect).bind_processor(dialect)) for name, bind in binds],
        constants={name: bind.value for name, bind in binds if not bind.required},
    )


@lru_cache(_MOST_COMPILED)
def reader(query: Query[T], dialect: Dialect) -> Callable[[Row], T]:
    """What makes the query's things of the rows as that driver brings them."""
    make = query.make
    columns = [
        column.type.dialect_impl(dialect).result_processor(dialect, None) for column in query.select.selected_columns
    ]

    def read(row: Row) -> T:
        return make([process(value) if process else value for process, value in zip(columns, row, strict=True)])

    return lru_cache(query.kept)(read) if query.kept else read


def replacing(table: Table, *columns: str) -> Update:
    """A change of those columns where the row is still at the version that was `seen`; see `next_version`."""
    return (
        update(table)
        .where(table.c.id == bindparam("changed"), table.c.version == bindparam("seen"))
        .values({name: bindparam(name) for name in (*columns, "version")})
    )


def next_version(change: Update, values: Values) -> Write:
    """The write that puts `values` in the place of the version before theirs."""
    return Write(change, {**values, "changed": values["id"], "seen": values["version"] - 1}, checked=True)
