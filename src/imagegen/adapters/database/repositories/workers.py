"""Who draws, and until when they are taken to be alive."""

from datetime import timedelta
from operator import itemgetter

from sqlalchemy import Double, bindparam, delete, func, select

from imagegen.adapters.database.moments import moment_of_database
from imagegen.adapters.database.statements import Query, Write
from imagegen.adapters.database.tables import workers
from imagegen.adapters.database.transaction import Repository
from imagegen.adapters.database.upserts import Upsert
from imagegen.domain.identifiers import WorkerId
from imagegen.domain.ports import Workers

_ALIVE = Query(select(func.count()).where(workers.c.expires_at > moment_of_database()), itemgetter(0))
_RENEW = Upsert(workers).values(id=bindparam("id"), expires_at=moment_of_database(bindparam("seconds", type_=Double())))
_REMOVE = delete(workers).where(workers.c.id == bindparam("id"))
_REMOVE_OTHERS = delete(workers).where(workers.c.id != bindparam("id"))
_REMOVE_LAPSED = delete(workers).where(workers.c.expires_at <= moment_of_database())


class SqlWorkers(Repository, Workers):
    """Who draws, and until when they are taken to be alive."""

    async def alive(self) -> int:
        """Count the leases."""
        (count,) = await self._transaction.look_up(_ALIVE, {})
        return int(count)

    def renew(self, worker_id: WorkerId, lifetime: timedelta) -> None:
        """Insert the row, or update it."""
        self._transaction.write(Write(_RENEW, {"id": worker_id, "seconds": lifetime.total_seconds()}))

    def remove(self, worker_id: WorkerId) -> None:
        """Delete the row."""
        self._transaction.write(Write(_REMOVE, {"id": worker_id}))

    def remove_others(self, worker_id: WorkerId) -> None:
        """Delete all other rows."""
        self._transaction.write(Write(_REMOVE_OTHERS, {"id": worker_id}))

    def remove_lapsed(self) -> None:
        """Delete the rows whose time is over."""
        self._transaction.write(Write(_REMOVE_LAPSED, {}))
