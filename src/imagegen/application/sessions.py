"""Sessions: what a login amounts to, how it is kept alive, and how it ends."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from imagegen.application.retrying import until_fresh
from imagegen.domain.errors import (
    InvalidRefreshToken,
    NotFound,
    StaleWrite,
)
from imagegen.domain.identifiers import SessionId
from imagegen.domain.ports import AccessClaims, Clock, TokenSigner, UnitOfWorkFactory
from imagegen.domain.sessions import RefreshToken, Session
from imagegen.domain.users import Principal, User

ACCESS_LIFETIME: Final = timedelta(minutes=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A user who is in, with the tokens that keep them in; `expires_in` is the access token's, in seconds."""

    user: User
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantAccess:
    """Write the access token of a session: a step of coming in, not a verb of its own."""

    signer: TokenSigner
    clock: Clock

    def __call__(self, user: User, session: Session, refresh: RefreshToken) -> Login:
        """The login that a session and its current refresh token amount to."""
        now = self.clock()
        claims = AccessClaims(user_id=user.id, session_id=session.id, issued_at=now, expires_at=now + ACCESS_LIFETIME)
        return Login(
            user=user,
            access_token=self.signer.sign(claims),
            refresh_token=refresh.text,
            expires_in=int(ACCESS_LIFETIME.total_seconds()),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresh:
    """Trade a refresh token for a new pair. A token is good once; a spent one ends its whole session.

    For ten seconds the spent token gets the same successor again, since the first answer may have been lost.
    """

    unit_of_work: UnitOfWorkFactory
    grant: GrantAccess
    clock: Clock

    async def __call__(self, text: str) -> Login:
        """Return the new pair; raise `InvalidRefreshToken` for anything else."""
        token = RefreshToken.read(text)
        try:
            return await until_fresh(lambda: self._rotate(token))
        except StaleWrite:
            raise InvalidRefreshToken from None

    async def _rotate(self, token: RefreshToken) -> Login:
        now = self.clock()
        async with self.unit_of_work() as work:
            found = await work.sessions.by_family(token.family_hash)
            if found is None or not found[0].alive(now) or found[1].suspended_at is not None:
                raise InvalidRefreshToken
            session, user = found
            repeated = session.repeats(token, now)
            if repeated is not None:
                return self.grant(user, session, repeated)
            rotation = session.rotate(token, now)
            session = rotation[0] if rotation else session.end(now)
            work.sessions.update(session)
            await work.commit()
        if rotation is None:
            raise InvalidRefreshToken
        return self.grant(user, session, rotation[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSessions:
    """The sessions in which the caller is logged in now."""

    unit_of_work: UnitOfWorkFactory
    clock: Clock

    async def __call__(self, principal: Principal) -> Sequence[Session]:
        """Return the live sessions, newest first."""
        principal.require_session()
        async with self.unit_of_work() as work:
            return await work.sessions.of_user(principal.user_id, self.clock())


@dataclass(frozen=True, slots=True, kw_only=True)
class EndSession:
    """End one of the caller's sessions, by default the one that asks: its tokens are refused from then on."""

    unit_of_work: UnitOfWorkFactory
    clock: Clock

    async def __call__(self, principal: Principal, session_id: SessionId | None = None) -> None:
        """Raise `NotFound` when the caller has no such session."""
        own = principal.require_session()
        await until_fresh(lambda: self._end(principal, session_id or own))

    async def _end(self, principal: Principal, session_id: SessionId) -> None:
        async with self.unit_of_work() as work:
            found = await work.sessions.get(session_id)
            if found is None or found[1].id != principal.user_id or found[0].ended_at is not None:
                raise NotFound
            work.sessions.update(found[0].end(self.clock()))
            await work.commit()
