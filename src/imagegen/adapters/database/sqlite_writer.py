"""The one writer of an SQLite database: a thread that commits in groups.

A commit waits for the disk, and the disk takes one big step as quickly as a small one. So whatever arrives while a
commit is under way is committed together next, and everybody hears of their own result after it is on the disk. A
unit of work that fails takes nothing from the others: the group is then done again, each in a savepoint of its own,
which would cost a third more if it were done every time.
"""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread
from typing import Any

from imagegen.domain.errors import AlreadyExists, DatabaseUnavailable, StaleWrite


@dataclass(frozen=True, slots=True)
class Step:
    """A statement and its values, ready for the driver. One that is `checked` must meet a row."""

    sql: str
    values: Sequence[Any]
    checked: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Unit:
    steps: Sequence[Step]
    done: asyncio.Future[None]


_Outcome = Exception | None


class SqliteWriter:
    """Commits units of work on a connection that it alone uses, and closes in the end."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._loop = asyncio.get_running_loop()
        self._connection = connection
        self._closed = False
        self._waiting: SimpleQueue[_Unit | None] = SimpleQueue()
        # A daemon: a process that must end without closing loses nothing that was committed.
        self._thread = Thread(target=self._work, name="sqlite-writer", daemon=True)
        self._thread.start()

    async def commit(self, steps: Sequence[Step]) -> None:
        """Run the steps, all or none, and return when they are on the disk.

        Canceling the wait does not take them back.

        Raises:
            StaleWrite, AlreadyExists, DatabaseUnavailable: as `Engine.apply` promises.
        """
        if self._closed:
            raise DatabaseUnavailable("The database is closed.")
        unit = _Unit(steps, self._loop.create_future())
        self._waiting.put(unit)
        await unit.done

    async def close(self) -> None:
        """Commit what was accepted, then close the connection; no other one may be open by then."""
        self._closed = True
        self._waiting.put(None)
        await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        open_ended = True
        while open_ended:
            group, open_ended = self._gather()
            if group:
                outcomes = self._commit(group)
                self._loop.call_soon_threadsafe(_tell, group, outcomes)
        self._connection.close()

    def _gather(self) -> tuple[Sequence[_Unit], bool]:
        """Everything that waits now, at least one; and whether more may come."""
        group = []
        unit = self._waiting.get()
        while unit is not None:
            group.append(unit)
            if self._waiting.empty():
                return group, True
            unit = self._waiting.get()
        return group, False

    def _commit(self, group: Sequence[_Unit], *, apart: bool = False) -> Sequence[_Outcome]:
        apply = self._apply_apart if apart else self._apply
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            outcomes = [apply(unit) for unit in group]
            self._connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - it is raised to each of those who wait
            with suppress(sqlite3.Error):  # there may be nothing left to roll back
                self._connection.execute("ROLLBACK")
            if apart or len(group) == 1 or isinstance(error, sqlite3.OperationalError):
                return [translated(error) for _ in group]
            return self._commit(group, apart=True)
        return outcomes

    def _apply_apart(self, unit: _Unit) -> _Outcome:
        self._connection.execute("SAVEPOINT unit")
        outcome = None
        try:
            self._apply(unit)
        except sqlite3.OperationalError:  # the disk is full, say: nothing of the group can be kept
            raise
        except Exception as error:  # noqa: BLE001 - it is raised to the one who waits
            self._connection.execute("ROLLBACK TO unit")
            outcome = translated(error)
        self._connection.execute("RELEASE unit")
        return outcome

    def _apply(self, unit: _Unit) -> None:
        for step in unit.steps:
            cursor = self._connection.execute(step.sql, step.values)
            if step.checked and cursor.rowcount == 0:
                raise StaleWrite


def _tell(group: Sequence[_Unit], outcomes: Sequence[_Outcome]) -> None:
    for unit, outcome in zip(group, outcomes, strict=True):
        if unit.done.done():  # nobody waits any more
            continue
        if outcome is None:
            unit.done.set_result(None)
        else:
            unit.done.set_exception(outcome)


def translated(error: Exception) -> Exception:
    """The error in the words of the core; one that only a defect of ours can cause stays as it is."""
    if not isinstance(error, sqlite3.Error):
        return error
    match getattr(error, "sqlite_errorcode", None):
        case sqlite3.SQLITE_CONSTRAINT_UNIQUE | sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
            return AlreadyExists(str(error).rpartition(": ")[2].partition(",")[0])
        case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
            return StaleWrite()
        case sqlite3.SQLITE_ERROR:
            return error
    if isinstance(error, sqlite3.OperationalError) or type(error) is sqlite3.DatabaseError:  # the file is damaged
        unavailable = DatabaseUnavailable()
        unavailable.__cause__ = error
        return unavailable
    return error
