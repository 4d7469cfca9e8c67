"""API keys: issued once in plain text, recognized by their hash ever after."""

import re
import secrets
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final, Self

from imagegen.domain.errors import ApiKeyExpired, ApiKeyRevoked, Fault, InvalidApiKey, InvalidRequest
from imagegen.domain.identifiers import ApiKeyId, UserId
from imagegen.domain.users import Scope

DEFAULT_NAME: Final = "Default key"
ALL_SCOPES: Final = frozenset(Scope)

_FORM: Final = re.compile(r"nb_live_[0-9a-f]{32}", re.ASCII)
_SHOWN: Final = 12
_USE_RESOLUTION: Final = timedelta(minutes=1)
"""How exact `last_used_at` is: finer would cost a write for every request."""


@dataclass(frozen=True, slots=True)
class PlainKey:
    """The text of a key. It exists where it is issued and where it is presented, and prints as `***`."""

    text: str = field(repr=False)

    @classmethod
    def fresh(cls) -> Self:
        """A new key: 128 bits from the system's cryptographic source."""
        return cls(f"nb_live_{secrets.token_hex(16)}")

    @classmethod
    def read(cls, text: str) -> Self:
        """Accept a presented text by its form alone.

        Raises:
            InvalidApiKey: it cannot be a key, so no database need be asked.
        """
        if not _FORM.fullmatch(text):
            raise InvalidApiKey
        return cls(text)

    def __str__(self) -> str:
        return "***"

    @property
    def digest(self) -> bytes:
        """SHA-256 of the text, 32 bytes."""
        return sha256(self.text.encode()).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """What is remembered of a key: never its text."""

    id: ApiKeyId
    user_id: UserId
    name: str
    prefix: str
    digest: bytes
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
    version: int = 1

    @classmethod
    def issue(
        cls,
        *,
        id: ApiKeyId,
        user_id: UserId,
        now: datetime,
        name: str = DEFAULT_NAME,
        scopes: frozenset[Scope] = ALL_SCOPES,
        expires_at: datetime | None = None,
    ) -> tuple[Self, PlainKey]:
        """A new key and, this once, its text.

        Raises:
            InvalidRequest: it would be born expired, or without a scope.
        """
        _check(scopes, expires_at, now)
        plain = PlainKey.fresh()
        key = cls(
            id=id,
            user_id=user_id,
            name=name,
            prefix=plain.text[:_SHOWN],
            digest=plain.digest,
            scopes=scopes,
            created_at=now,
            expires_at=expires_at,
        )
        return key, plain

    def active(self, now: datetime) -> bool:
        """Whether it is accepted."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def admit(self, now: datetime) -> None:
        """Let a presented key pass.

        Raises:
            ApiKeyRevoked: its owner took it back.
            ApiKeyExpired: its time is over.
        """
        if self.revoked_at is not None:
            raise ApiKeyRevoked
        if not self.active(now):
            raise ApiKeyExpired

    def revoke(self, now: datetime) -> Self:
        """The same key, refused from now on; revoking twice changes nothing."""
        if self.revoked_at is not None:
            return self
        return replace(self, revoked_at=now, version=self.version + 1)

    def change(self, *, name: str, scopes: frozenset[Scope], expires_at: datetime | None, now: datetime) -> Self:
        """The same key under another name, with other scopes or another expiry.

        Raises:
            InvalidRequest: there is no scope left, or a new expiry lies in the past.
            ApiKeyRevoked: it is kept for the record only.
        """
        if self.revoked_at is not None:
            raise ApiKeyRevoked
        _check(scopes, expires_at if expires_at != self.expires_at else None, now)
        return replace(self, name=name, scopes=scopes, expires_at=expires_at, version=self.version + 1)

    def use_is_news(self, now: datetime) -> bool:
        """Whether `last_used_at` is old enough to be written again."""
        return self.last_used_at is None or now - self.last_used_at >= _USE_RESOLUTION


def _check(scopes: frozenset[Scope], expires_at: datetime | None, now: datetime) -> None:
    if not scopes:
        raise InvalidRequest(faults=(Fault("/scopes", "A key needs at least one scope."),))
    if expires_at is not None and expires_at <= now:
        raise InvalidRequest(faults=(Fault("/expires_at", "The expiry lies in the past."),))
