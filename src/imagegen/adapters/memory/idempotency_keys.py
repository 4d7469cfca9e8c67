"""Idempotency keys in memory."""

from datetime import datetime

from imagegen.adapters.memory.rows import Rows, discard, insert, require
from imagegen.adapters.memory.transaction import Repository
from imagegen.domain.errors import StaleWrite
from imagegen.domain.idempotency import IdempotencyKey
from imagegen.domain.identifiers import UserId
from imagegen.domain.ports import IdempotencyKeys


class MemoryIdempotencyKeys(Repository, IdempotencyKeys):
    """Which requests were taken already."""

    async def get(self, owner: UserId, key: str) -> IdempotencyKey | None:
        """The owner's key."""
        return (await self._read()).idempotency_keys.get((owner, key))

    def add(self, key: IdempotencyKey) -> None:
        """Add a key of a user who is there."""

        def add(rows: Rows) -> None:
            require(rows.users, key.user_id)
            insert(rows.idempotency_keys, (key.user_id, key.key), key, "idempotency_keys.user_id")

        self._write(add)

    def remove(self, key: IdempotencyKey) -> None:
        """Remove a key that is still as it was read."""

        def remove(rows: Rows) -> None:
            found = rows.idempotency_keys.get((key.user_id, key.key))
            if found is None or (found.target, found.early) != (key.target, key.early):
                raise StaleWrite
            del rows.idempotency_keys[key.user_id, key.key]

        self._write(remove)

    def expire(self, before: datetime) -> None:
        """Remove the older ones."""
        self._write(lambda rows: discard(rows.idempotency_keys, lambda key: key.created_at < before))
