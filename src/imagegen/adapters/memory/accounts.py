"""Users, sessions and API keys in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from imagegen.adapters.memory.images import forget_images
from imagegen.adapters.memory.rows import Rows, discard, insert, page, replace_next, require, require_unique
from imagegen.adapters.memory.transaction import Repository
from imagegen.domain.api_keys import ApiKey
from imagegen.domain.identifiers import ApiKeyId, SessionId, UserId
from imagegen.domain.pages import Page, PageRequest
from imagegen.domain.ports import ApiKeys, Sessions, Users
from imagegen.domain.sessions import Session
from imagegen.domain.users import Email, User

_MOST_SESSIONS: Final = 100


class MemoryUsers(Repository, Users):
    """The accounts."""

    async def get(self, user_id: UserId) -> User | None:
        """The user of that identifier."""
        return (await self._read()).users.get(user_id)

    async def by_email(self, email: Email) -> User | None:
        """The user whose address has the same key."""
        users = (await self._read()).users.values()
        return next((user for user in users if user.email.key == email.key), None)

    def add(self, user: User) -> None:
        """Add a user whose address nobody has."""

        def add(rows: Rows) -> None:
            require_unique(rows.users, user, lambda user: user.email.key, "users.email")
            insert(rows.users, user.id, user, "users.id")

        self._write(add)

    def update(self, user: User) -> None:
        """Put the next version of a user in place."""
        self._write(lambda rows: replace_next(rows.users, user))

    def remove(self, user_id: UserId) -> None:
        """Remove a user and every row of theirs."""

        def remove(rows: Rows) -> None:
            rows.users.pop(user_id, None)
            discard(rows.attempts, lambda attempt: rows.generations[attempt.generation_id].user_id == user_id)
            discard(rows.sessions, lambda session: session.user_id == user_id)
            discard(rows.api_keys, lambda key: key.user_id == user_id)
            discard(rows.generations, lambda generation: generation.user_id == user_id)
            discard(rows.batches, lambda batch: batch.user_id == user_id)
            forget_images(rows, lambda image: image.user_id == user_id)
            discard(rows.usage_records, lambda record: record.user_id == user_id)
            discard(rows.idempotency_keys, lambda key: key.user_id == user_id)
            discard(rows.webhook_deliveries, lambda d: rows.webhook_endpoints[d.webhook_id].user_id == user_id)
            discard(rows.webhook_endpoints, lambda endpoint: endpoint.user_id == user_id)

        self._write(remove)


class MemorySessions(Repository, Sessions):
    """The logins."""

    async def get(self, session_id: SessionId) -> tuple[Session, User] | None:
        """The session of that identifier, with its user."""
        rows = await self._read()
        session = rows.sessions.get(session_id)
        return None if session is None else (session, rows.users[session.user_id])

    async def by_family(self, family_hash: bytes) -> tuple[Session, User] | None:
        """The session of that family, with its user."""
        rows = await self._read()
        found = (session for session in rows.sessions.values() if session.family_hash == family_hash)
        return next(((session, rows.users[session.user_id]) for session in found), None)

    async def of_user(self, user_id: UserId, now: datetime) -> Sequence[Session]:
        """The user's live sessions, newest first."""
        sessions = (await self._read()).sessions.values()
        live = (session for session in sessions if session.user_id == user_id and session.alive(now))
        return sorted(live, key=lambda session: session.id, reverse=True)[:_MOST_SESSIONS]

    def add(self, session: Session) -> None:
        """Add a session of a user who is there."""

        def add(rows: Rows) -> None:
            require(rows.users, session.user_id)
            require_unique(rows.sessions, session, lambda session: session.family_hash, "sessions.family_hash")
            insert(rows.sessions, session.id, session, "sessions.id")

        self._write(add)

    def update(self, session: Session) -> None:
        """Put the next version of a session in place."""
        self._write(lambda rows: replace_next(rows.sessions, session))

    def end_all(self, user_id: UserId, now: datetime, *, but: SessionId | None = None) -> None:
        """End the user's sessions, except one if named."""

        def end_all(rows: Rows) -> None:
            for session in rows.sessions.values():
                if session.user_id == user_id and session.id != but:
                    rows.sessions[session.id] = session.end(now)

        self._write(end_all)


class MemoryApiKeys(Repository, ApiKeys):
    """The keys."""

    async def get(self, key_id: ApiKeyId, owner: UserId) -> ApiKey | None:
        """The key of that identifier if it is the owner's."""
        key = (await self._read()).api_keys.get(key_id)
        return key if key is not None and key.user_id == owner else None

    async def by_digest(self, digest: bytes) -> tuple[ApiKey, User] | None:
        """The key of that digest, with its user."""
        rows = await self._read()
        found = (key for key in rows.api_keys.values() if key.digest == digest)
        return next(((key, rows.users[key.user_id]) for key in found), None)

    async def page(self, owner: UserId, wanted: PageRequest) -> Page[ApiKey]:
        """A part of the owner's keys."""
        keys = (await self._read()).api_keys.values()
        return page((key for key in keys if key.user_id == owner), wanted)

    def add(self, key: ApiKey) -> None:
        """Add a key of a user who is there."""

        def add(rows: Rows) -> None:
            require(rows.users, key.user_id)
            require_unique(rows.api_keys, key, lambda key: key.digest, "api_keys.digest")
            insert(rows.api_keys, key.id, key, "api_keys.id")

        self._write(add)

    def update(self, key: ApiKey) -> None:
        """Put the next version of a key in place; its last use is not the version's to tell."""

        def update(rows: Rows) -> None:
            last = replace_next(rows.api_keys, key)
            rows.api_keys[key.id] = replace(key, last_used_at=last.last_used_at)

        self._write(update)

    def used(self, key_id: ApiKeyId, now: datetime) -> None:
        """Remember the latest use of a key, if that is there."""

        def use(rows: Rows) -> None:
            key = rows.api_keys.get(key_id)
            if key is not None and (key.last_used_at is None or key.last_used_at < now):
                rows.api_keys[key_id] = replace(key, last_used_at=now)

        self._write(use)
