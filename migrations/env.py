"""How Alembic meets this project: it walks on a connection that it is handed, in a transaction that is open already.

To draft a revision from the difference between the tables and a database at the head, an SQLite file say:

    alembic -x url=sqlite:////tmp/draft.db revision --autogenerate --rev-id 0002 -m "what changes"
"""

from typing import Any, Literal

from alembic import context
from sqlalchemy import NUMERIC, Connection, Enum

from imagegen.adapters.database.column_types import Document, EventSet, Identifier, Moment, ScopeSet, Tags
from imagegen.adapters.database.migrations import walk
from imagegen.adapters.database.tables import metadata


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        render_item=drafted,
        compare_type=differs,
    )
    with context.begin_transaction():
        context.run_migrations()


def differs(_context: Any, _column: Any, _listed: Any, found: Any, wanted: Any) -> bool | None:
    """Whether a column's type has changed; `None` leaves the answer to Alembic."""
    if isinstance(wanted, Identifier) and isinstance(found, NUMERIC):
        return False  # all that SQLite tells of a column that was declared BINARY
    return None


def drafted(kind: str, item: Any, draft: Any) -> str | Literal[False]:
    """Write a column's type as it is stored: a revision must stay what it was when the types here change."""
    if kind != "type":
        return False
    match item:
        case Identifier():
            draft.imports.add("from advanced_alchemy.types.guid import GUID")
            return "GUID()"
        case Moment():
            draft.imports.add("from advanced_alchemy.types.datetime import DateTimeUTC")
            return "DateTimeUTC(timezone=True)"
        case Document() | EventSet() | ScopeSet() | Tags():
            return "sa.Text()"
        case Enum():
            return f"sa.String({item.length})"
    return False


handed = context.config.attributes.get("connection")
if handed is not None:
    run(handed)
else:
    walk(context.get_x_argument(as_dictionary=True)["url"], run)
