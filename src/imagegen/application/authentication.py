"""Who is asking: from the text of a credential to a principal."""

from contextlib import suppress
from dataclasses import dataclass

from imagegen.domain.api_keys import PlainKey
from imagegen.domain.errors import AccountSuspended, InvalidAccessToken, InvalidApiKey, Unavailable
from imagegen.domain.ports import Clock, TokenSigner, UnitOfWorkFactory
from imagegen.domain.users import Principal, Scope

_EVERYTHING = frozenset(Scope)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticateKey:
    """Recognize an API key: its form first, then one look-up by its hash. A revoked key is refused at once."""

    unit_of_work: UnitOfWorkFactory
    clock: Clock

    async def __call__(self, text: str) -> Principal:
        """Return the principal; raise an `Unauthenticated`, or `AccountSuspended`."""
        plain = PlainKey.read(text)
        now = self.clock()
        async with self.unit_of_work() as work:
            found = await work.api_keys.by_digest(plain.digest)
            if found is None:
                raise InvalidApiKey
            key, user = found
            key.admit(now)
            if user.suspended_at is not None:
                raise AccountSuspended
            if key.use_is_news(now):
                work.api_keys.used(key.id, now)
                with suppress(Unavailable):  # a database that can only be read must still let its readers in
                    await work.commit()
        return Principal(user_id=user.id, role=user.role, scopes=key.scopes, api_key_id=key.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticateToken:
    """Recognize an access token, and only while its session and user are there and in good standing."""

    unit_of_work: UnitOfWorkFactory
    signer: TokenSigner
    clock: Clock

    async def __call__(self, text: str) -> Principal:
        """Return the principal; raise `InvalidAccessToken` or `AccountSuspended`."""
        now = self.clock()
        claims = self.signer.read(text, now)
        async with self.unit_of_work() as work:
            found = await work.sessions.get(claims.session_id)
        if found is None or found[1].id != claims.user_id or not found[0].alive(now):
            raise InvalidAccessToken
        session, user = found
        if user.suspended_at is not None:
            raise AccountSuspended
        return Principal(user_id=user.id, role=user.role, scopes=_EVERYTHING, session_id=session.id)
