"""The accounts."""

from sqlalchemy import bindparam, delete, insert, select

from imagegen.adapters.database.rows import user_of, user_values
from imagegen.adapters.database.statements import Query, Write, next_version, replacing
from imagegen.adapters.database.tables import users
from imagegen.adapters.database.transaction import Repository
from imagegen.domain.identifiers import UserId
from imagegen.domain.ports import Users
from imagegen.domain.users import Email, User

_BY_ID = Query(select(users).where(users.c.id == bindparam("id")), user_of)
_BY_EMAIL = Query(select(users).where(users.c.email == bindparam("email")), user_of)
_ADD = insert(users)
_UPDATE = replacing(users, "email", "email_as_written", "password_hash", "name", "avatar_url", "role", "suspended_at")
_REMOVE = delete(users).where(users.c.id == bindparam("id"))


class SqlUsers(Repository, Users):
    """The accounts."""

    async def get(self, user_id: UserId) -> User | None:
        """Look the user up by primary key."""
        return await self._transaction.one(_BY_ID, {"id": user_id})

    async def by_email(self, email: Email) -> User | None:
        """Look the user up by the unique form of the address."""
        return await self._transaction.one(_BY_EMAIL, {"email": email.key})

    def add(self, user: User) -> None:
        """Insert a row."""
        self._transaction.write(Write(_ADD, user_values(user)))

    def update(self, user: User) -> None:
        """Replace what may change."""
        self._transaction.write(next_version(_UPDATE, user_values(user)))

    def remove(self, user_id: UserId) -> None:
        """Delete the row; everything that refers to it goes with it."""
        self._transaction.write(Write(_REMOVE, {"id": user_id}))
