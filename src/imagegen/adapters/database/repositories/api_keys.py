"""The keys."""

from datetime import datetime
from functools import cache

from sqlalchemy import bindparam, insert, or_, select, update

from imagegen.adapters.database.pages import cut, paged, values_of
from imagegen.adapters.database.rows import api_key_and_user_of, api_key_of, api_key_values
from imagegen.adapters.database.statements import Query, Write, next_version, replacing
from imagegen.adapters.database.tables import api_keys, users
from imagegen.adapters.database.transaction import Repository
from imagegen.domain.api_keys import ApiKey
from imagegen.domain.identifiers import ApiKeyId, UserId
from imagegen.domain.pages import Page, PageRequest
from imagegen.domain.ports import ApiKeys
from imagegen.domain.users import User

_KEPT = 1_000
"""Keys with their users that are made ready once: one is asked for with each request."""

_OF_OWNER = select(api_keys).where(api_keys.c.user_id == bindparam("owner"))
_BY_ID = Query(_OF_OWNER.where(api_keys.c.id == bindparam("id")), api_key_of)
_BY_DIGEST = Query(
    select(api_keys, users).join_from(api_keys, users).where(api_keys.c.digest == bindparam("digest")),
    api_key_and_user_of,
    kept=_KEPT,
)
_ADD = insert(api_keys)
# Not `last_used_at`: `used` alone writes it, and an older one must not come back with a change of the name.
_UPDATE = replacing(api_keys, "name", "scopes", "expires_at", "revoked_at")
_USED = (
    update(api_keys)
    .where(
        api_keys.c.id == bindparam("used"),
        or_(api_keys.c.last_used_at.is_(None), api_keys.c.last_used_at < bindparam("now")),
    )
    .values(last_used_at=bindparam("now"))
)


@cache
def _page(*, oldest_first: bool, continued: bool) -> Query[ApiKey]:
    return Query(paged(_OF_OWNER, api_keys, oldest_first=oldest_first, continued=continued), api_key_of)


class SqlApiKeys(Repository, ApiKeys):
    """The keys."""

    async def get(self, key_id: ApiKeyId, owner: UserId) -> ApiKey | None:
        """Look the key up by primary key and owner."""
        return await self._transaction.one(_BY_ID, {"id": key_id, "owner": owner})

    async def by_digest(self, digest: bytes) -> tuple[ApiKey, User] | None:
        """Look the key up by its unique digest, with its user."""
        return await self._transaction.one(_BY_DIGEST, {"digest": digest})

    async def page(self, owner: UserId, wanted: PageRequest) -> Page[ApiKey]:
        """Walk the owner's keys by identifier."""
        query = _page(oldest_first=wanted.oldest_first, continued=wanted.after is not None)
        return cut(await self._transaction.scan(query, {"owner": owner, **values_of(wanted)}), wanted)

    def add(self, key: ApiKey) -> None:
        """Insert a row."""
        self._transaction.write(Write(_ADD, api_key_values(key)))

    def update(self, key: ApiKey) -> None:
        """Replace what may change."""
        self._transaction.write(next_version(_UPDATE, api_key_values(key)))

    def used(self, key_id: ApiKeyId, now: datetime) -> None:
        """Set the moment unless a later one is there."""
        self._transaction.write(Write(_USED, {"used": key_id, "now": now}))
