"""Passwords and access tokens."""

from abc import abstractmethod
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from imagegen.domain.identifiers import SessionId, UserId


class PasswordHasher(Protocol):
    """Argon2id, bounded and off the event loop."""

    @abstractmethod
    async def hash(self, password: str) -> str:
        """An encoded hash with its own salt.

        Raises:
            Overloaded: too many are waiting.
        """

    @abstractmethod
    async def verify(self, password: str, encoded: str | None) -> bool:
        """Whether the password belongs to the hash. `None` takes as long and is never right.

        Raises:
            Overloaded: too many are waiting.
        """

    @abstractmethod
    def outdated(self, encoded: str) -> bool:
        """Whether it was made with other parameters than today's."""

    @abstractmethod
    async def common(self, password: str) -> bool:
        """Whether it is, however capitalized, among the commonest 3,000 that are long enough.

        Raises:
            Overloaded: too many are waiting.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessClaims:
    """What an access token says: whose it is, of which session, and until when."""

    user_id: UserId
    session_id: SessionId
    issued_at: datetime
    expires_at: datetime


class TokenSigner(Protocol):
    """Access tokens: signed, short-lived, verified strictly."""

    @abstractmethod
    def sign(self, claims: AccessClaims) -> str:
        """The token's text."""

    @abstractmethod
    def read(self, token: str, now: datetime) -> AccessClaims:
        """What a genuine token that has not expired says.

        Raises:
            InvalidAccessToken: anything else, whatever is wrong with it.
        """
