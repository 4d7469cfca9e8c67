"""What the repositories need from a database: the one line between them and a dialect."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol, TypeVar

from imagegen.adapters.database.statements import Query, Values, Write

T = TypeVar("T")


class Engine(Protocol):
    """A database that runs compiled statements; after a loss of connection it recovers by itself."""

    @abstractmethod
    async def start(self) -> None:
        """Connect, and make sure that the schema is the one this code was written for.

        Raises:
            DatabaseUnavailable: there is no connection, or the schema is another one; the message says what to do.
        """

    @abstractmethod
    async def look_up(self, query: Query[T], values: Values) -> Sequence[T]:
        """What the query makes of the few rows that an index finds at once."""

    @abstractmethod
    async def scan(self, query: Query[T], values: Values) -> Sequence[T]:
        """What the query makes of rows that may take long to find."""

    @abstractmethod
    async def apply(self, writes: Sequence[Write]) -> None:
        """Make the writes durable in one transaction, in their order.

        Raises:
            StaleWrite: a checked write met no row, or the row that a new one belongs to is gone.
            AlreadyExists: a unique value is taken; named `table.column`.
            DatabaseUnavailable: the database did not answer.
        """

    @abstractmethod
    async def check(self) -> None:
        """Raise `DatabaseUnavailable` unless the database answers."""

    @abstractmethod
    async def verify(self) -> None:
        """Look through everything that is stored; raise `DatabaseUnavailable` when it is damaged. It may take long."""

    @abstractmethod
    async def close(self) -> None:
        """Finish what was accepted, then let go of every connection; closing twice is fine."""
