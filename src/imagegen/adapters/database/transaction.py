"""How one unit of work reads what is committed, and gathers its writes for the commit."""

from collections.abc import Sequence
from typing import TypeVar

from imagegen.adapters.database.engine import Engine
from imagegen.adapters.database.statements import Query, Values, Write

T = TypeVar("T")


class Transaction:
    """The reads and the gathered writes of one unit of work."""

    __slots__ = ("_engine", "_writes")

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writes: list[Write] = []

    async def look_up(self, query: Query[T], values: Values) -> Sequence[T]:
        """What there is of the few that an index finds at once."""
        self._must_not_have_written()
        return await self._engine.look_up(query, values)

    async def one(self, query: Query[T], values: Values) -> T | None:
        """The one that there can be."""
        found = await self.look_up(query, values)
        return found[0] if found else None

    async def scan(self, query: Query[T], values: Values) -> Sequence[T]:
        """What there is of those that may take long to find."""
        self._must_not_have_written()
        return await self._engine.scan(query, values)

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
            await self._engine.apply(writes)

    def _must_not_have_written(self) -> None:
        if self._writes:
            raise RuntimeError("read before you write: a unit of work does not see its own writes")


class Repository:
    """A view of some tables within a transaction."""

    __slots__ = ("_transaction",)

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
