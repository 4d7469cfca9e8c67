"""API keys: issue, list, change, revoke. Only a session may; a key cannot make keys."""

from dataclasses import dataclass
from datetime import datetime

from imagegen.application.finding import existing
from imagegen.application.retrying import until_fresh
from imagegen.domain.api_keys import ALL_SCOPES, DEFAULT_NAME, ApiKey, PlainKey
from imagegen.domain.errors import IllegalTransition
from imagegen.domain.identifiers import ApiKeyId
from imagegen.domain.pages import Page, PageRequest
from imagegen.domain.ports import Clock, NewId, UnitOfWorkFactory
from imagegen.domain.users import Principal, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyChanges:
    """What to change of a key. `keep_expiry` tells "leave it" from "never expires"."""

    name: str | None = None
    scopes: frozenset[Scope] | None = None
    expires_at: datetime | None = None
    keep_expiry: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueApiKey:
    """Issue an API key. Its text is in this answer and nowhere else, ever."""

    unit_of_work: UnitOfWorkFactory
    clock: Clock
    new_id: NewId

    async def __call__(
        self,
        principal: Principal,
        *,
        name: str | None = None,
        scopes: frozenset[Scope] | None = None,
        expires_at: datetime | None = None,
    ) -> tuple[ApiKey, PlainKey]:
        """Return the key and its text; raise `InvalidRequest` for an expiry in the past or no scope."""
        principal.require_session()
        key, plain = ApiKey.issue(
            id=ApiKeyId(self.new_id()),
            user_id=principal.user_id,
            now=self.clock(),
            name=name or DEFAULT_NAME,
            scopes=ALL_SCOPES if scopes is None else scopes,
            expires_at=expires_at,
        )
        async with self.unit_of_work() as work:
            work.api_keys.add(key)
            await work.commit()
        return key, plain


@dataclass(frozen=True, slots=True, kw_only=True)
class ListApiKeys:
    """The caller's keys, revoked ones included; never their text."""

    unit_of_work: UnitOfWorkFactory

    async def __call__(self, principal: Principal, wanted: PageRequest) -> Page[ApiKey]:
        """Return a page, newest first."""
        principal.require_session()
        async with self.unit_of_work() as work:
            return await work.api_keys.page(principal.user_id, wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeApiKey:
    """Rename a key, narrow or widen what it may do, or set its expiry."""

    unit_of_work: UnitOfWorkFactory
    clock: Clock

    async def __call__(self, principal: Principal, key_id: ApiKeyId, changes: KeyChanges) -> ApiKey:
        """Return the changed key; raise `NotFound`, `InvalidRequest`, or `IllegalTransition` when it was revoked."""
        principal.require_session()
        return await until_fresh(lambda: self._change(principal, key_id, changes))

    async def _change(self, principal: Principal, key_id: ApiKeyId, changes: KeyChanges) -> ApiKey:
        async with self.unit_of_work() as work:
            key = existing(await work.api_keys.get(key_id, principal.user_id))
            if key.revoked_at is not None:
                raise IllegalTransition("The key was revoked; it is kept for the record only.")
            key = key.change(
                name=key.name if changes.name is None else changes.name,
                scopes=key.scopes if changes.scopes is None else changes.scopes,
                expires_at=key.expires_at if changes.keep_expiry else changes.expires_at,
                now=self.clock(),
            )
            work.api_keys.update(key)
            await work.commit()
        return key


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeApiKey:
    """Take a key back: it is refused from the very next request on, and kept for the record."""

    unit_of_work: UnitOfWorkFactory
    clock: Clock

    async def __call__(self, principal: Principal, key_id: ApiKeyId) -> None:
        """Raise `NotFound` when the caller has no such key; revoking twice is fine."""
        principal.require_session()
        await until_fresh(lambda: self._revoke(principal, key_id))

    async def _revoke(self, principal: Principal, key_id: ApiKeyId) -> None:
        async with self.unit_of_work() as work:
            key = existing(await work.api_keys.get(key_id, principal.user_id))
            if key.revoked_at is None:
                work.api_keys.update(key.revoke(self.clock()))
                await work.commit()
