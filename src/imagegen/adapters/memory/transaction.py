"""How one unit of work reads what is committed and replaces it."""

from asyncio import sleep
from dataclasses import dataclass, field

from imagegen.adapters.memory.rows import Rows, Write
from imagegen.domain.ports import Clock


@dataclass(slots=True)
class Committed:
    """What everybody sees, and the clock they share."""

    clock: Clock
    rows: Rows = field(default_factory=Rows)


class Transaction:
    """The reads and the gathered writes of one unit of work.

    Reading and committing let other tasks run first, as a real database does: otherwise a use case that reads and
    then writes could never be overtaken in a test.
    """

    def __init__(self, committed: Committed) -> None:
        self._committed = committed
        self.clock = committed.clock
        self._writes: list[Write] = []

    async def read(self) -> Rows:
        """What is committed now.

        Raises:
            RuntimeError: something was written before, and would not be seen.
        """
        if self._writes:
            raise RuntimeError("read before you write: a unit of work does not see its own writes")
        await sleep(0)
        return self._committed.rows

    def write(self, change: Write) -> None:
        """Gather a change for the commit."""
        self._writes.append(change)

    def forget(self) -> None:
        """Drop what was gathered."""
        self._writes.clear()

    async def commit(self) -> None:
        """Apply the changes in their order to a copy, which then takes the place of what everybody sees."""
        writes, self._writes = self._writes, []
        await sleep(0)
        rows = self._committed.rows.copy()
        for change in writes:
            change(rows)
        self._committed.rows = rows


class Repository:
    """A view of some rows within a transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._read = transaction.read
        self._write = transaction.write
        self._clock = transaction.clock
