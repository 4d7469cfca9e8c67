"""How one unit of work reads what is committed, and gathers its writes for the commit."""

import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final, TypeVar

from imagegen.adapters.database.engine import Engine
from imagegen.adapters.database.statements import Query, Values, Write

SLOW_SECONDS: Final = 1.0
"""What takes longer is written to the log, by the tables it is about: their rows, and what was sought, are not."""

T = TypeVar("T")

logger = logging.getLogger("imagegen.database")


class Transaction:
    """The reads and the gathered writes of one unit of work."""

    __slots__ = ("_engine", "_writes")

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writes: list[Write] = []

    async def look_up(self, query: Query[T], values: Values) -> Sequence[T]:
        """What there is of the few that an index finds at once."""
        self._must_not_have_written()
        return await _timed(self._engine.look_up(query, values), "look-up", lambda: _tables_read(query))

    async def one(self, query: Query[T], values: Values) -> T | None:
        """The one that there can be."""
        found = await self.look_up(query, values)
        return found[0] if found else None

    async def scan(self, query: Query[T], values: Values) -> Sequence[T]:
        """What there is of those that may take long to find."""
        self._must_not_have_written()
        return await _timed(self._engine.scan(query, values), "scan", lambda: _tables_read(query))

    def write(self, write: Write) -> None:
        """Gather a write for the commit."""
        self._writes.append(write)

    def forget(self) -> None:
        """Drop what was gathered."""
        self._writes = []

    async def commit(self) -> None:
        """Apply what was gathered, all of it or nothing."""
        writes, self._writes = self._writes, []
        if writes:
            await _timed(self._engine.apply(writes), "commit", lambda: _tables_written(writes))

    def _must_not_have_written(self) -> None:
        if self._writes:
            raise RuntimeError("read before you write: a unit of work does not see its own writes")


async def _timed(work: Awaitable[T], kind: str, tables: Callable[[], Iterable[str]]) -> T:
    begun = time.perf_counter()
    try:
        return await work
    finally:
        seconds = time.perf_counter() - begun
        if seconds >= SLOW_SECONDS:
            about = {"kind": kind, "tables": sorted({*tables()}), "duration_ms": round(seconds * 1000, 1)}
            logger.warning("slow query", extra=about)


def _tables_written(writes: Sequence[Write]) -> Iterable[str]:
    return (getattr(write.change.table, "name", "") for write in writes)


def _tables_read(query: Query[T]) -> Iterable[str]:
    return (getattr(table, "name", "") for table in query.select.columns_clause_froms)


class Repository:
    """A view of some tables within a transaction."""

    __slots__ = ("_transaction",)

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
