"""Passwords and access tokens, quick to make and no protection: for tests, never for people."""

from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import count
from typing import Final

from imagegen.domain.errors import InvalidAccessToken
from imagegen.domain.ports import AccessClaims, PasswordHasher, TokenSigner

_FORM: Final = "memory"
_LEEWAY: Final = timedelta(seconds=5)
"""How far the clocks of two machines may be apart."""


class MemoryPasswordHasher(PasswordHasher):
    """Salted SHA-256 instead of Argon2id; `commonest` are the passwords that it finds common."""

    def __init__(self, commonest: frozenset[str] = frozenset({"password", "12345678"})) -> None:
        self._commonest = commonest
        self._salts = count(1)

    async def hash(self, password: str) -> str:
        """`memory$SALT$DIGEST`, with the next salt."""
        return _encoded(password, str(next(self._salts)))

    async def verify(self, password: str, encoded: str | None) -> bool:
        """Whether the same salt makes the same hash."""
        return encoded is not None and encoded == _encoded(
            password, encoded.rpartition("$")[0].removeprefix(f"{_FORM}$")
        )

    def outdated(self, encoded: str) -> bool:
        """Whether it was made elsewhere."""
        return not encoded.startswith(f"{_FORM}$")

    async def common(self, password: str) -> bool:
        """Whether it is among `commonest`, which are in lower case."""
        return password.lower() in self._commonest


class MemoryTokenSigner(TokenSigner):
    """Remembers what it signed, and the text says nothing."""

    def __init__(self) -> None:
        self._signed: dict[str, AccessClaims] = {}

    def sign(self, claims: AccessClaims) -> str:
        """A text under which the claims are found again, in whole seconds."""
        token = f"{_FORM}.{len(self._signed) + 1}"
        self._signed[token] = replace(
            claims,
            issued_at=claims.issued_at.replace(microsecond=0),
            expires_at=claims.expires_at.replace(microsecond=0),
        )
        return token

    def read(self, token: str, now: datetime) -> AccessClaims:
        """The claims that were signed, from their issue until they expire."""
        claims = self._signed.get(token)
        if claims is None or not claims.issued_at - _LEEWAY <= now < claims.expires_at:
            raise InvalidAccessToken
        return claims


def _encoded(password: str, salt: str) -> str:
    return f"{_FORM}${salt}${sha256((salt + password).encode(errors='surrogatepass')).hexdigest()}"
