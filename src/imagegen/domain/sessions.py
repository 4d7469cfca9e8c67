"""Sessions: opened at login, kept alive by rotating refresh tokens, ended for good."""

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final, Self

from imagegen.domain.errors import InvalidRefreshToken
from imagegen.domain.identifiers import SessionId, UserId

REFRESH_LIFETIME: Final = timedelta(days=7)
ROTATION_GRACE: Final = timedelta(seconds=10)
"""How long after a rotation the spent token still gets the same successor: its answer may have been lost."""

_FAMILY_BYTES: Final = 16
_SECRET_BYTES: Final = 32
_PREFIX: Final = "rt_"
_TEXT_LENGTH: Final = len(_PREFIX) + 4 * (_FAMILY_BYTES + _SECRET_BYTES) // 3


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """An opaque random credential: a family that all tokens of a session share, and a secret of its own.

    The family lets a token that was spent long ago be recognized without keeping every spent token, and
    only somebody who was once given a token of the session knows it. It prints as `***`.
    """

    family: bytes = field(repr=False)
    secret: bytes = field(repr=False)

    @classmethod
    def fresh(cls, family: bytes | None = None) -> Self:
        """A new token, of a new family unless one is given."""
        return cls(family or secrets.token_bytes(_FAMILY_BYTES), secrets.token_bytes(_SECRET_BYTES))

    @classmethod
    def read(cls, text: str) -> Self:
        """Read what `text` wrote.

        Raises:
            InvalidRefreshToken: it is not the text of a token.
        """
        if len(text) != _TEXT_LENGTH or not text.startswith(_PREFIX) or not text.isascii():
            raise InvalidRefreshToken
        try:
            raw = urlsafe_b64decode(text.removeprefix(_PREFIX))
        except ValueError:
            raise InvalidRefreshToken from None
        token = cls(raw[:_FAMILY_BYTES], raw[_FAMILY_BYTES:])
        if token.text != text:
            raise InvalidRefreshToken
        return token

    def __str__(self) -> str:
        return "***"

    @property
    def text(self) -> str:
        """The form that clients keep."""
        return _PREFIX + urlsafe_b64encode(self.family + self.secret).decode()

    @property
    def family_hash(self) -> bytes:
        """SHA-256 of the family, 32 bytes: how its session is found."""
        return sha256(b"family" + self.family).digest()

    @property
    def secret_hash(self) -> bytes:
        """SHA-256 of the secret, 32 bytes: how it is recognized."""
        return sha256(b"secret" + self.secret).digest()

    def seal(self, successor: Self) -> bytes:
        """The successor's secret, readable only by the holder of this token (a one-time pad of its hash)."""
        return _xor(successor.secret, sha256(b"seal" + self.secret).digest())

    def unseal(self, sealed: bytes) -> Self:
        """The successor that `seal` hid."""
        return replace(self, secret=_xor(sealed, sha256(b"seal" + self.secret).digest()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One login of one user on one device. Tokens are kept only as hashes."""

    id: SessionId
    user_id: UserId
    family_hash: bytes
    secret_hash: bytes
    spent_hash: bytes | None
    sealed_successor: bytes | None
    user_agent: str | None
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None
    version: int = 1

    @classmethod
    def open(
        cls,
        *,
        id: SessionId,
        user_id: UserId,
        user_agent: str | None,
        now: datetime,
    ) -> tuple[Self, RefreshToken]:
        """A new session and its first refresh token, whose text exists nowhere else."""
        token = RefreshToken.fresh()
        session = cls(
            id=id,
            user_id=user_id,
            family_hash=token.family_hash,
            secret_hash=token.secret_hash,
            spent_hash=None,
            sealed_successor=None,
            user_agent=user_agent,
            created_at=now,
            last_used_at=now,
            expires_at=now + REFRESH_LIFETIME,
        )
        return session, token

    def alive(self, now: datetime) -> bool:
        """Whether its tokens are still accepted."""
        return self.ended_at is None and now < self.expires_at

    def end(self, now: datetime) -> Self:
        """The same session, over; ending it twice changes nothing."""
        if self.ended_at is not None:
            return self
        return replace(self, ended_at=now, version=self.version + 1)

    def repeats(self, token: RefreshToken, now: datetime) -> RefreshToken | None:
        """The successor already given for this just-spent token, while the grace lasts."""
        recent = now - self.last_used_at <= ROTATION_GRACE
        if recent and token.secret_hash == self.spent_hash and self.sealed_successor is not None:
            return token.unseal(self.sealed_successor)
        return None

    def rotate(self, token: RefreshToken, now: datetime) -> tuple[Self, RefreshToken] | None:
        """The session after spending its current token, and the token's successor.

        `None` when the token is not the current one: it was spent before, and somebody is replaying it.
        """
        if token.secret_hash != self.secret_hash:
            return None
        successor = RefreshToken.fresh(token.family)
        rotated = replace(
            self,
            secret_hash=successor.secret_hash,
            spent_hash=token.secret_hash,
            sealed_successor=token.seal(successor),
            last_used_at=now,
            expires_at=now + REFRESH_LIFETIME,
            version=self.version + 1,
        )
        return rotated, successor


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))
