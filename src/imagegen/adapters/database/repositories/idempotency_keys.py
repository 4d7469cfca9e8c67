"""Which requests were taken already."""

from dataclasses import asdict
from datetime import datetime

from sqlalchemy import and_, bindparam, delete, insert, select

from imagegen.adapters.database.rows import idempotency_key_of
from imagegen.adapters.database.statements import Query, Write
from imagegen.adapters.database.tables import idempotency_keys
from imagegen.adapters.database.transaction import Repository
from imagegen.domain.idempotency import IdempotencyKey
from imagegen.domain.identifiers import UserId
from imagegen.domain.ports import IdempotencyKeys

_IS_OWNED = idempotency_keys.c.user_id == bindparam("owner")
_IS_NAMED = idempotency_keys.c.key == bindparam("name")
_GET = Query(select(idempotency_keys).where(_IS_OWNED, _IS_NAMED), idempotency_key_of)
_ADD = insert(idempotency_keys)
_IS_UNCHANGED = and_(idempotency_keys.c.target == bindparam("target"), idempotency_keys.c.early == bindparam("early"))
_REMOVE = delete(idempotency_keys).where(_IS_OWNED, _IS_NAMED, _IS_UNCHANGED)
_EXPIRE = delete(idempotency_keys).where(idempotency_keys.c.created_at < bindparam("before"))


class SqlIdempotencyKeys(Repository, IdempotencyKeys):
    """Which requests were taken already."""

    async def get(self, owner: UserId, key: str) -> IdempotencyKey | None:
        """Look the key up by primary key."""
        return await self._transaction.one(_GET, {"owner": owner, "name": key})

    def add(self, key: IdempotencyKey) -> None:
        """Insert a row."""
        self._transaction.write(Write(_ADD, asdict(key)))

    def remove(self, key: IdempotencyKey) -> None:
        """Delete the row, which must be there."""
        values = {"owner": key.user_id, "name": key.key, "target": key.target, "early": key.early}
        self._transaction.write(Write(_REMOVE, values, checked=True))

    def expire(self, before: datetime) -> None:
        """Delete the rows that are older."""
        self._transaction.write(Write(_EXPIRE, {"before": before}))
