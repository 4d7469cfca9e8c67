"""The lease of this process: as long as it lasts, nobody else settles what runs here."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from imagegen.domain.identifiers import WorkerId
from imagegen.domain.ports import UnitOfWorkFactory

LIFETIME: Final = timedelta(seconds=6)
"""How long a process may be silent before the others settle what it left: what it runs is found within 10 seconds."""


@dataclass(slots=True, kw_only=True)
class Lease:
    """What this process knows of its own lease; the database's clock decides, this one is a little behind it.

    `alone` says that no other process can use the database. `seconds` is a clock that nobody sets back.
    """

    worker_id: WorkerId
    alone: bool = False
    lifetime: timedelta = LIFETIME
    seconds: Callable[[], float] = time.monotonic
    _since: float = field(default=float("inf"), init=False)
    _until: float = field(default=float("-inf"), init=False)

    @property
    def held(self) -> bool:
        """Whether it has not run out: what begins now is taken for alive."""
        return self.seconds() < self._until

    @property
    def judges(self) -> bool:
        """Whether this process may tell that others are dead.

        One that has not held its lease for a whole lifetime may not: it is new, or the database was away, and then
        the others had no way to renew theirs either.
        """
        return self.held and (self.alone or self.seconds() - self._since >= self.lifetime.total_seconds())

    def renewed(self, asked: float) -> None:
        """It was renewed; that was asked for at `asked`."""
        if not self.held:
            self._since = asked
        self._until = asked + self.lifetime.total_seconds()

    def ended(self) -> None:
        """It was given back."""
        self._until = float("-inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewLease:
    """Say that this process is alive."""

    unit_of_work: UnitOfWorkFactory
    lease: Lease

    async def __call__(self) -> None:
        """Renew it, or begin it; raise `DatabaseUnavailable` when nobody could be told."""
        asked = self.lease.seconds()
        async with self.unit_of_work() as work:
            if self.lease.alone and not self.lease.held:  # whoever had the database before is gone
                work.workers.end_others(self.lease.worker_id)
            work.workers.renew(self.lease.worker_id, self.lease.lifetime)
            await work.commit()
        self.lease.renewed(asked)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndLease:
    """Say that this process draws no more: what it leaves unfinished can be settled at once."""

    unit_of_work: UnitOfWorkFactory
    lease: Lease

    async def __call__(self, *, leftovers: bool = False) -> None:
        """Give it back; raise `DatabaseUnavailable` when nobody could be told.

        With leftovers it runs out now instead, and stays as the note that somebody has to remove them.
        """
        self.lease.ended()
        async with self.unit_of_work() as work:
            if leftovers:
                work.workers.renew(self.lease.worker_id, timedelta(0))
            else:
                work.workers.remove(self.lease.worker_id)
            await work.commit()


@dataclass(frozen=True, slots=True, kw_only=True)
class CountWorkers:
    """Count the processes that draw."""

    unit_of_work: UnitOfWorkFactory

    async def __call__(self) -> int:
        """How many leases have not run out."""
        async with self.unit_of_work() as work:
            return await work.workers.alive()
