"""Leases in memory."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from imagegen.adapters.memory.rows import Rows
from imagegen.adapters.memory.transaction import Repository
from imagegen.domain.generations import Status
from imagegen.domain.identifiers import WorkerId
from imagegen.domain.ports import Workers

_MOST_AT_ONCE: Final = 1_000


class MemoryWorkers(Repository, Workers):
    """Who draws, and until when they are taken to be alive."""

    async def alive(self) -> int:
        """How many leases there are that have not run out."""
        rows, now = await self._read(), self._clock()
        return sum(has_lease(worker_id, rows, now) for worker_id in rows.workers)

    async def dead(self) -> Sequence[WorkerId]:
        """Those whose lease has run out and at whom nothing runs."""
        rows, now = await self._read(), self._clock()
        running = {g.worker_id for g in rows.generations.values() if g.status is Status.RUNNING}
        dead = [WorkerId(worker_id) for worker_id in rows.workers if not has_lease(worker_id, rows, now)]
        return [worker_id for worker_id in dead if worker_id not in running][:_MOST_AT_ONCE]

    def renew(self, worker_id: WorkerId, lifetime: timedelta) -> None:
        """Put the end of the lease in place."""

        def renew(rows: Rows) -> None:
            rows.workers[worker_id] = self._clock() + lifetime

        self._write(renew)

    def remove(self, worker_id: WorkerId) -> None:
        """Remove the lease."""
        self._write(lambda rows: rows.workers.pop(worker_id, None))

    def end_others(self, worker_id: WorkerId) -> None:
        """Put another end of the other leases in place."""

        def end(rows: Rows) -> None:
            rows.workers.update(dict.fromkeys(rows.workers.keys() - {worker_id}, self._clock()))

        self._write(end)

    def remove_lapsed(self, worker_id: WorkerId) -> None:
        """Remove the lease if it has run out."""

        def remove(rows: Rows) -> None:
            if not has_lease(worker_id, rows, self._clock()):
                rows.workers.pop(worker_id, None)

        self._write(remove)


def has_lease(worker_id: UUID | None, rows: Rows, now: datetime) -> bool:
    """Whether that worker is taken to be alive."""
    until = None if worker_id is None else rows.workers.get(worker_id)
    return until is not None and until > now
