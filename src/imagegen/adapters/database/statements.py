"""Statements built with SQLAlchemy Core, compiled once for each dialect, and run on the bare driver.

One statement through SQLAlchemy's session costs some hundred times what the driver needs for it. So Core writes the
SQL and says how values travel, and nothing of it is left when a statement runs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Delete, Dialect, Insert, Select, Table, Update, bindparam, update

Values = Mapping[str, Any]
"""The values of a statement's parameters, by name, as the domain has them."""

Row = Sequence[Any]
"""The values of a row in the order of the selected columns, as the domain has them."""

Query = Select[Any]
Change = Insert | Update | Delete

_Process = Callable[[Any], Any] | None

_MOST_COMPILED: Final = 1_000
"""Far more than there are; filtered lists come in many shapes, so there must be an end."""


@dataclass(frozen=True, slots=True)
class Write:
    """A change with its values. One that is `checked` must meet a row, or the whole unit is stale."""

    change: Change
    values: Values
    checked: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """The text of a statement for one driver, and the way of values into it and out of it."""

    sql: str
    parameters: Sequence[tuple[str, _Process]]
    constants: Values
    columns: Sequence[_Process]

    def bind(self, values: Values) -> Sequence[Any]:
        """The values in the order and the form in which the driver takes them."""
        if self.constants:
            values = {**self.constants, **values}
        return [process(values[name]) if process else values[name] for name, process in self.parameters]

    def read(self, row: Sequence[Any]) -> Row:
        """The row as the domain has it."""
        return [process(value) if process else value for process, value in zip(self.columns, row, strict=True)]


@lru_cache(_MOST_COMPILED)
def compiled(statement: Query | Change, dialect: Dialect) -> Compiled:
    """The statement for that dialect; the same object is compiled once."""
    compilation = statement.compile(dialect=dialect)
    binds = [(name, compilation.binds[name]) for name in compilation.positiontup or ()]
    selected = statement.selected_columns if isinstance(statement, Select) else ()
    return Compiled(
        sql=compilation.string,
        parameters=[(name, bind.type.dialect_impl(dialect).bind_processor(dialect)) for name, bind in binds],
        constants={name: bind.value for name, bind in binds if not bind.required},
        columns=[column.type.dialect_impl(dialect).result_processor(dialect, None) for column in selected],
    )


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
