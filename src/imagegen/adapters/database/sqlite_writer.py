"""The one writer of an SQLite database: it commits in groups, and waits for the disk in a thread.

A commit waits for the disk, and the disk takes one big step as quickly as a small one. So whatever arrives while a
commit is under way is committed together next, and everybody hears of their own result after it is on the disk. A
unit of work that fails takes nothing from the others: the group is then done again, each in a savepoint of its own,
which would cost a third more if it were done every time.

The statements run in the event loop's own thread, where each takes a few microseconds. In another thread each would
give up Python's lock and queue for it again; only what really waits, the commit, is handed over, and that only where
the disk makes it wait.
"""

import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Any, Final

from imagegen.adapters.database.sqlite_file import BUSY_TIMEOUT
from imagegen.domain.errors import AlreadyExists, DatabaseUnavailable, StaleWrite

QUICK_SECONDS: Final = 0.0002
"""A commit that takes no longer costs less than waking the thread for it, and holds the loop up no longer."""
_MEMORY: Final = 8
"""Commits that are looked back at. The quickest counts: measured in a thread, a wait is also one for Python's lock."""


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


@dataclass(frozen=True, slots=True, eq=False)
class _Handed:
    job: Callable[[], object]
    then: Callable[[Exception | None], None]


_Outcome = Exception | None


class SqliteWriter:
    """Commits units of work on a connection that it alone uses, and closes in the end."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._loop = asyncio.get_running_loop()
        self._connection = connection
        self._waiting: list[_Unit] = []
        self._working = False
        self._closed = False
        self._patience: float | None = None
        self._waits = deque([1.0], maxlen=_MEMORY)
        self._idle = asyncio.Event()
        self._idle.set()
        self._handed: SimpleQueue[_Handed | None] = SimpleQueue()
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
        self._waiting.append(unit)
        if not self._working:
            self._working = True
            self._idle.clear()
            self._loop.call_soon(self._next)  # what else this turn of the loop brings comes along
        await unit.done

    async def close(self) -> None:
        """Commit what was accepted, then close the connection; no other one may be open by then."""
        self._closed = True
        await self._idle.wait()
        self._handed.put(None)
        await asyncio.to_thread(self._thread.join)
        self._connection.close()

    def _next(self) -> None:
        """Begin with everything that waits now."""
        if not self._waiting:
            self._working = False
            self._idle.set()
            return
        group, self._waiting = self._waiting, []
        try:
            self._begin(patience=0)
        except sqlite3.OperationalError:  # a tool of somebody's holds the file
            self._hand_over(partial(self._begin, patience=BUSY_TIMEOUT), partial(self._run, group))
        except Exception as failure:  # noqa: BLE001 - it is raised to each of those who wait
            self._end(group, [], failure)
        else:
            self._run(group, None)

    def _run(self, group: Sequence[_Unit], error: Exception | None) -> None:
        """Run the statements of a group whose transaction has begun, and have it committed."""
        if error is not None:
            self._end(group, [], error)
            return
        try:
            outcomes = self._applied(group)
        except Exception as failure:  # noqa: BLE001 - it is raised to each of those who wait
            self._end(group, [], failure)
        else:
            self._finish(group, outcomes)

    def _finish(self, group: Sequence[_Unit], outcomes: Sequence[_Outcome]) -> None:
        """Commit: here where the disk has been quick of late, else in the thread."""
        if min(self._waits) > QUICK_SECONDS:
            self._hand_over(self._commit, partial(self._end, group, outcomes))
            return
        error: Exception | None = None
        try:
            self._commit()
        except Exception as failure:  # noqa: BLE001 - it is raised to each of those who wait
            error = failure
        self._end(group, outcomes, error)

    def _commit(self) -> None:
        begun = time.perf_counter()
        self._connection.execute("COMMIT")
        self._waits.append(time.perf_counter() - begun)

    def _end(self, group: Sequence[_Unit], outcomes: Sequence[_Outcome], error: Exception | None) -> None:
        """Tell everybody of a group, and go on."""
        if error is not None:
            self._roll_back()
            outcomes = [translated(error) for _ in group]
        _tell(group, outcomes)
        self._loop.call_soon(self._next)

    def _applied(self, group: Sequence[_Unit]) -> Sequence[_Outcome]:
        try:
            for unit in group:
                self._apply(unit)
        except sqlite3.OperationalError:  # the disk is full, say: it would be again
            raise
        except Exception:  # one of the group is at fault; in a group of one it is known which
            if len(group) == 1:
                raise
            self._roll_back()
            self._begin(patience=0)
            return [self._apply_apart(unit) for unit in group]
        return [None] * len(group)

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

    def _begin(self, *, patience: float) -> None:
        if patience != self._patience:
            self._connection.execute(f"PRAGMA busy_timeout = {round(patience * 1000)}")
            self._patience = patience
        self._connection.execute("BEGIN IMMEDIATE")

    def _roll_back(self) -> None:
        with suppress(sqlite3.Error):  # there may be nothing left to roll back
            self._connection.execute("ROLLBACK")

    def _hand_over(self, job: Callable[[], object], then: Callable[[Exception | None], None]) -> None:
        self._handed.put(_Handed(job, then))

    def _work(self) -> None:
        """The thread: do what was handed over, one by one, and say how it went; it may wait for the disk."""
        while (handed := self._handed.get()) is not None:
            error: Exception | None = None
            try:
                handed.job()
            except Exception as failure:  # noqa: BLE001 - it is handed back
                error = failure
            self._loop.call_soon_threadsafe(handed.then, error)


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
