"""Insertions that update the row that is there already."""

from typing import Any

from sqlalchemy import Insert
from sqlalchemy.ext.compiler import compiles


class Upsert(Insert):
    """An insertion that does not fail where the key is taken, at whatever moment: its values replace what is there.

    SQLAlchemy has one for each dialect, which repositories do not know; both databases read the same words.
    """

    inherit_cache = True


@compiles(Upsert)
def _with_conflict(upsert: Upsert, compiler: Any, **options: Any) -> str:
    insertion = compiler.visit_insert(upsert, **options)
    key = ", ".join(column.name for column in upsert.table.primary_key)
    others = [column.name for column in upsert.table.columns if not column.primary_key]
    changes = ", ".join(f"{name} = excluded.{name}" for name in others)
    return f"{insertion} ON CONFLICT ({key}) DO UPDATE SET {changes}"
