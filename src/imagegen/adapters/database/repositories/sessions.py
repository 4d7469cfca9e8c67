"""The logins."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, insert, select, update

from imagegen.adapters.database.rows import session_and_user_of, session_of, session_values
from imagegen.adapters.database.statements import Query, Write, next_version, replacing
from imagegen.adapters.database.tables import sessions, users
from imagegen.adapters.database.transaction import Repository
from imagegen.domain.identifiers import SessionId, UserId
from imagegen.domain.ports import Sessions
from imagegen.domain.sessions import Session
from imagegen.domain.users import User

_MOST = 100
_KEPT = 1_000
"""Sessions with their users that are made ready once: one is asked for with each access token."""

_WITH_USER = select(sessions, users).join_from(sessions, users)
_BY_ID = Query(_WITH_USER.where(sessions.c.id == bindparam("id")), session_and_user_of, kept=_KEPT)
_BY_FAMILY = Query(_WITH_USER.where(sessions.c.family_hash == bindparam("family_hash")), session_and_user_of)
_LIVE = Query(
    select(sessions)
    .where(
        sessions.c.user_id == bindparam("user_id"),
        sessions.c.ended_at.is_(None),
        sessions.c.expires_at > bindparam("now"),
    )
    .order_by(sessions.c.id.desc())
    .limit(_MOST),
    session_of,
)
_ADD = insert(sessions)
_UPDATE = replacing(
    sessions, "secret_hash", "spent_hash", "sealed_successor", "user_agent", "last_used_at", "expires_at", "ended_at"
)
_END_ALL = (
    update(sessions)
    .where(sessions.c.user_id == bindparam("owner"), sessions.c.ended_at.is_(None))
    .values(ended_at=bindparam("now"), version=sessions.c.version + 1)
)
_END_OTHERS = _END_ALL.where(sessions.c.id != bindparam("but"))


class SqlSessions(Repository, Sessions):
    """The logins."""

    async def get(self, session_id: SessionId) -> tuple[Session, User] | None:
        """Look the session up by primary key, with its user."""
        return await self._transaction.one(_BY_ID, {"id": session_id})

    async def by_family(self, family_hash: bytes) -> tuple[Session, User] | None:
        """Look the session up by its unique family, with its user."""
        return await self._transaction.one(_BY_FAMILY, {"family_hash": family_hash})

    async def of_user(self, user_id: UserId, now: datetime) -> Sequence[Session]:
        """List the user's live sessions by descending identifier."""
        return await self._transaction.scan(_LIVE, {"user_id": user_id, "now": now})

    def add(self, session: Session) -> None:
        """Insert a row."""
        self._transaction.write(Write(_ADD, session_values(session)))

    def update(self, session: Session) -> None:
        """Replace what may change."""
        self._transaction.write(next_version(_UPDATE, session_values(session)))

    def end_all(self, user_id: UserId, now: datetime, *, but: SessionId | None = None) -> None:
        """Set the end where there is none."""
        values = {"owner": user_id, "now": now}
        self._transaction.write(Write(_END_ALL, values) if but is None else Write(_END_OTHERS, {**values, "but": but}))
