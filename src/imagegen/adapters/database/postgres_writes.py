"""Several writes as one statement: one trip to the server and one transaction, with no BEGIN and no COMMIT to wait for.

    WITH write_0 AS (UPDATE … RETURNING 1), write_1 AS (INSERT … RETURNING 1)
    SELECT 1 / (SELECT count(*) FROM write_0)

A checked write that met no row divides by zero, which undoes everything.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Final

from sqlalchemy import Delete, FromClause, Insert, Select

from imagegen.adapters.database.statements import Write
from imagegen.adapters.database.upserts import Upsert

_MOST_JOINED: Final = 500
_MOST_PARTS: Final = 50
"""More than any generation takes. A statement of a thousand parts takes the server longer than a thousand of one."""
_PARAMETER: Final = re.compile(r"\$(\d+)")


def joinable(writes: Sequence[Write]) -> bool:
    """Whether the writes are the same as one statement.

    The parts of a statement do not see each other's rows, so no two may touch the same one: a table is either
    inserted into, or read by an insertion, or updated once. A deletion takes rows of other tables along, and an
    upsert does one or the other, so they stay by themselves.
    """
    insertions = [write.change for write in writes if isinstance(write.change, Insert)]
    inserted = {change.table for change in insertions}
    updated = [write.change.table for write in writes if not isinstance(write.change, Insert)]
    return (
        len(writes) <= _MOST_PARTS
        and not any(isinstance(write.change, Delete | Upsert) for write in writes)
        and len(set(updated)) == len(updated)
        and inserted.isdisjoint(updated)
        and all(_read_by(change).isdisjoint((*inserted, *updated)) for change in insertions)
    )


def runs(writes: Sequence[Write]) -> Iterator[Sequence[Write]]:
    """The writes in their order, those together that are the same statement over and over; a checked one is alone."""
    for _, same in groupby(writes, key=lambda write: (id(write.change), write.checked)):
        run = [*same]
        yield from [[write] for write in run] if run[0].checked else [run]


@lru_cache(_MOST_JOINED)
def _read_by(change: Insert) -> frozenset[FromClause]:
    """The tables that an insertion takes its rows from; none where it brings them."""
    return frozenset(change.select.columns_clause_froms) if isinstance(change.select, Select) else frozenset()


@lru_cache(_MOST_JOINED)
def joined(parts: tuple[tuple[str, bool], ...]) -> str:
    """The one statement for several, each with its word on whether it is checked; parameters follow one another."""
    writes, counts, before = [], [], 0
    for number, (sql, checked) in enumerate(parts):
        writes.append(f"write_{number} AS ({_renumbered(sql, before)} RETURNING 1)")
        before += len(set(_PARAMETER.findall(sql)))
        if checked:
            counts.append(f"1 / (SELECT count(*) FROM write_{number})")  # noqa: S608 - a number of our own
    return f"WITH {', '.join(writes)} SELECT {', '.join(counts) or '1'}"


def _renumbered(sql: str, before: int) -> str:
    return _PARAMETER.sub(lambda match: f"${int(match[1]) + before}", sql)
