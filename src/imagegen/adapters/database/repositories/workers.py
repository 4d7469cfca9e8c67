"""Who draws, and until when they are taken to be alive."""

from collections.abc import Sequence
from datetime import timedelta
from operator import itemgetter
from typing import Final

from sqlalchemy import Double, bindparam, delete, exists, func, select, update

from imagegen.adapters.database.moments import moment_of_database
from imagegen.adapters.database.statements import Query, Write
from imagegen.adapters.database.tables import generations, is_unfinished, workers
from imagegen.adapters.database.transaction import Repository
from imagegen.adapters.database.upserts import Upsert
from imagegen.domain.generations import Status
from imagegen.domain.identifiers import WorkerId
from imagegen.domain.ports import Workers

_MOST_AT_ONCE: Final = 1_000

_ALIVE = Query(select(func.count()).where(workers.c.expires_at > moment_of_database()), itemgetter(0))
_RENEW = Upsert(workers).values(id=bindparam("id"), expires_at=moment_of_database(bindparam("seconds", type_=Double())))
_REMOVE = delete(workers).where(workers.c.id == bindparam("id"))
_END_OTHERS = update(workers).where(workers.c.id != bindparam("other")).values(expires_at=moment_of_database())
_HAS_LAPSED = workers.c.expires_at <= moment_of_database()
_REMOVE_LAPSED = _REMOVE.where(_HAS_LAPSED)
_DEAD = Query(
    select(workers.c.id)
    .where(
        _HAS_LAPSED,
        ~exists().where(is_unfinished, generations.c.status == Status.RUNNING, generations.c.worker_id == workers.c.id),
    )
    .limit(_MOST_AT_ONCE),
    itemgetter(0),
)


class SqlWorkers(Repository, Workers):
    """Who draws, and until when they are taken to be alive."""

    async def alive(self) -> int:
        """Count the leases."""
        (count,) = await self._transaction.look_up(_ALIVE, {})
        return int(count)

    async def dead(self) -> Sequence[WorkerId]:
        """List some of them."""
        return await self._transaction.look_up(_DEAD, {})

    def renew(self, worker_id: WorkerId, lifetime: timedelta) -> None:
        """Insert the row, or update it."""
        self._transaction.write(Write(_RENEW, {"id": worker_id, "seconds": lifetime.total_seconds()}))

    def remove(self, worker_id: WorkerId) -> None:
        """Delete the row."""
        self._transaction.write(Write(_REMOVE, {"id": worker_id}))

    def end_others(self, worker_id: WorkerId) -> None:
        """Update all other rows."""
        self._transaction.write(Write(_END_OTHERS, {"other": worker_id}))

    def remove_lapsed(self, worker_id: WorkerId) -> None:
        """Delete the row if its time is over."""
        self._transaction.write(Write(_REMOVE_LAPSED, {"id": worker_id}))
