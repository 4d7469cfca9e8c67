"""The clock of the database, which all who use it share."""

from typing import Any

from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from imagegen.adapters.database.column_types import Moment


class moment_of_database(FunctionElement[Any]):  # noqa: N801 - it reads as the function that it is
    """Now, or so many seconds later."""

    type = Moment()
    inherit_cache = True


@compiles(moment_of_database, "postgresql")
def _on_postgres(element: moment_of_database, compiler: Any, **options: Any) -> str:
    seconds = compiler.process(element.clauses, **options)
    return f"clock_timestamp() + make_interval(secs => {seconds})" if seconds else "clock_timestamp()"


@compiles(moment_of_database, "sqlite")
def _on_sqlite(element: moment_of_database, compiler: Any, **options: Any) -> str:
    # As `Moment` writes it: microseconds, of which SQLite's clock knows three digits.
    seconds = compiler.process(element.clauses, **options)
    later = f", {seconds} || ' seconds'" if seconds else ""
    return f"strftime('%Y-%m-%d %H:%M:%f', 'now'{later}) || '000'"
