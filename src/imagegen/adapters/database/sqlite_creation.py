"""A new SQLite file gets today's tables at once, and does not walk the history to them.

Walking takes Alembic, half a second and 15 MiB that stay; a first start should not need it. That both ways lead to
the same schema is held by a test.
"""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.schema import CreateIndex, CreateTable, ExecutableDDLElement

from imagegen.adapters.database.schema import head
from imagegen.adapters.database.sqlite_file import open_for_migration
from imagegen.adapters.database.tables import metadata

_DIALECT: Final = SQLiteDialect_pysqlite()
_REVISION: Final = (
    "CREATE TABLE alembic_version ("
    "version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
)

_NOTES: Final = (
    "CREATE TRIGGER images_forgotten AFTER DELETE ON images WHEN substr(old.location, 1, 5) <> 'data:' "
    "BEGIN INSERT OR IGNORE INTO forgotten_blobs (location, user_id) VALUES (old.location, old.user_id); END"
)


def create_schema(path: Path) -> bool:
    """Make the tables in a file that has none, in one transaction; `False` when it has some already."""
    with closing(open_for_migration(path)) as connection, connection:
        connection.execute("BEGIN IMMEDIATE")
        if connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            return False
        for element in _elements():
            connection.execute(str(element.compile(dialect=_DIALECT)))
        connection.execute(_NOTES)
        connection.execute(_REVISION)
        connection.execute("INSERT INTO alembic_version VALUES (?)", (head(),))
    return True


def _elements() -> Iterator[ExecutableDDLElement]:
    for table in metadata.sorted_tables:
        yield CreateTable(table)
        yield from map(CreateIndex, sorted(table.indexes, key=lambda index: str(index.name)))
