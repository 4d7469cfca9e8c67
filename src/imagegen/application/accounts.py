"""Accounts: open one, log in to it, change it, leave."""

from collections.abc import Mapping
from dataclasses import dataclass

from imagegen.application.finding import existing
from imagegen.application.forgetting import RemoveForgotten
from imagegen.application.retrying import until_fresh
from imagegen.application.sessions import GrantAccess, Login
from imagegen.domain.errors import (
    AccountSuspended,
    AlreadyExists,
    EmailTaken,
    Fault,
    InvalidCredentials,
    InvalidRequest,
    StaleWrite,
    WeakPassword,
    WrongPassword,
)
from imagegen.domain.identifiers import SessionId, UserId
from imagegen.domain.ports import Clock, NewId, PasswordHasher, UnitOfWorkFactory
from imagegen.domain.sessions import Session
from imagegen.domain.users import PASSWORD_LENGTH, Email, Principal, Role, User


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """Open an account and log in to it. The email must not have an account yet, whatever its case."""

    unit_of_work: UnitOfWorkFactory
    passwords: PasswordHasher
    grant: GrantAccess
    clock: Clock
    new_id: NewId

    async def __call__(
        self, email: Email, password: str, *, name: str | None = None, user_agent: str | None = None
    ) -> Login:
        """Return the new user's login; raise `EmailTaken`, `WeakPassword` or `InvalidRequest`."""
        await check_password(password, self.passwords, "/password")
        now = self.clock()
        user = User(
            id=UserId(self.new_id()),
            email=email,
            password_hash=await self.passwords.hash(password),
            name=name,
            avatar_url=None,
            role=Role.USER,
            created_at=now,
        )
        session, refresh = Session.open(id=SessionId(self.new_id()), user_id=user.id, user_agent=user_agent, now=now)
        try:
            async with self.unit_of_work() as work:
                work.users.add(user)
                work.sessions.add(session)
                await work.commit()
        except AlreadyExists:
            raise EmailTaken from None
        return self.grant(user, session, refresh)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogIn:
    """Log in with email and password. An unknown email and a wrong password cannot be told apart."""

    unit_of_work: UnitOfWorkFactory
    passwords: PasswordHasher
    grant: GrantAccess
    register: Register
    clock: Clock
    new_id: NewId
    register_unknown: bool = False

    async def __call__(self, email: Email, password: str, *, user_agent: str | None = None) -> Login:
        """Return the login; raise `InvalidCredentials`, or `AccountSuspended` to whoever knows the password."""
        return await until_fresh(lambda: self._log_in(email, password, user_agent))

    async def _log_in(self, email: Email, password: str, user_agent: str | None) -> Login:
        async with self.unit_of_work() as work:
            user = await work.users.by_email(email)
        right = await self.passwords.verify(password, user.password_hash if user else None)
        if user is None and self.register_unknown:
            return await self.register(email, password, user_agent=user_agent)
        if user is None or not right:
            raise InvalidCredentials
        if user.suspended_at is not None:
            raise AccountSuspended
        if self.passwords.outdated(user.password_hash):
            user = user.with_password(await self.passwords.hash(password))
            async with self.unit_of_work() as work:
                work.users.update(user)
                await work.commit()
        session, refresh = Session.open(
            id=SessionId(self.new_id()), user_id=user.id, user_agent=user_agent, now=self.clock()
        )
        await self._admit(user, session)
        return self.grant(user, session, refresh)

    async def _admit(self, user: User, session: Session) -> None:
        """Remember the session; raise `StaleWrite` when the password it was opened with is not the user's any more."""
        async with self.unit_of_work() as work:
            work.sessions.add(session)
            await work.commit()
        async with self.unit_of_work() as work:
            found = await work.sessions.get(session.id)
            if found is None or found[1].password_hash == user.password_hash:
                return
            work.sessions.update(found[0].end(self.clock()))
            await work.commit()
        raise StaleWrite


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePassword:
    """Set a new password; every other session ends."""

    unit_of_work: UnitOfWorkFactory
    passwords: PasswordHasher
    clock: Clock

    async def __call__(self, principal: Principal, *, current: str, new: str) -> None:
        """Raise `WrongPassword`, `WeakPassword` or `InvalidRequest`."""
        own = principal.require_session()
        async with self.unit_of_work() as work:
            user = await confirmed(await work.users.get(principal.user_id), current, self.passwords)
        await check_password(new, self.passwords, "/new_password")
        changed = user.with_password(await self.passwords.hash(new))
        async with self.unit_of_work() as work:
            work.users.update(changed)
            work.sessions.end_all(user.id, self.clock(), but=own)
            await work.commit()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadProfile:
    """The caller's account."""

    unit_of_work: UnitOfWorkFactory

    async def __call__(self, principal: Principal) -> User:
        """Return the user."""
        principal.require_session()
        async with self.unit_of_work() as work:
            return existing(await work.users.get(principal.user_id))


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateProfile:
    """Change the caller's name or picture; what is not given stays."""

    unit_of_work: UnitOfWorkFactory

    async def __call__(self, principal: Principal, **changes: str | None) -> User:
        """Return the changed user; raise `InvalidRequest` for a picture that is not at an `https` address."""
        principal.require_session()
        return await until_fresh(lambda: self._update(principal, changes))

    async def _update(self, principal: Principal, changes: Mapping[str, str | None]) -> User:
        async with self.unit_of_work() as work:
            user = existing(await work.users.get(principal.user_id))
            user = user.with_profile(
                name=changes.get("name", user.name), avatar_url=changes.get("avatar_url", user.avatar_url)
            )
            work.users.update(user)
            await work.commit()
        return user


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteAccount:
    """Remove the caller's account for good: keys, sessions, history, usage and the bytes of every image."""

    unit_of_work: UnitOfWorkFactory
    passwords: PasswordHasher
    remove_forgotten: RemoveForgotten

    async def __call__(self, principal: Principal, password: str) -> None:
        """Raise `WrongPassword` unless the password confirms it."""
        principal.require_session()
        async with self.unit_of_work() as work:
            user = await confirmed(await work.users.get(principal.user_id), password, self.passwords)
        async with self.unit_of_work() as work:
            work.users.remove(user.id)
            await work.commit()
        await self.remove_forgotten.at_once(user.id)


async def confirmed(user: User | None, password: str, passwords: PasswordHasher) -> User:
    """The user, if the password is theirs; raise `WrongPassword` otherwise."""
    if not await passwords.verify(password, user.password_hash if user else None) or user is None:
        raise WrongPassword
    return user


async def check_password(password: str, passwords: PasswordHasher, pointer: str) -> None:
    """Raise `InvalidRequest` for a password of the wrong length, `WeakPassword` for a very common one."""
    if len(password) not in PASSWORD_LENGTH or "\0" in password:
        message = f"A password has {PASSWORD_LENGTH.start} to {PASSWORD_LENGTH.stop - 1} characters."
        raise InvalidRequest(faults=(Fault(pointer, message),))
    if await passwords.common(password):
        raise WeakPassword(faults=(Fault(pointer, "This is one of the commonest passwords."),))
