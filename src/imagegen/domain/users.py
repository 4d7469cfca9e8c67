"""Users, and the principal on whose behalf something is done."""

import re
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final, Self

from imagegen.domain.errors import Fault, InvalidRequest, MalformedEmail, ScopeMissing, SessionRequired
from imagegen.domain.identifiers import ApiKeyId, SessionId, UserId

PASSWORD_LENGTH: Final = range(8, 129)
"""How long a password may be, in characters."""

_EMAIL: Final = re.compile(r"[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f.]+(\.[^@\s\x00-\x1f\x7f.]+)*")
_EMAIL_LIMIT: Final = 254  # RFC 5321, section 4.5.3.1.3: a path is at most 256 octets with its brackets


class Role(StrEnum):
    """What a user may do beyond their own things."""

    USER = "user"
    ADMIN = "admin"


class Scope(StrEnum):
    """What an API key may do."""

    GENERATE = "generate"
    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class Email:
    """An email address as its owner writes it, trimmed, its domain in lower case.

    Raises:
        MalformedEmail: the text cannot be an address.
    """

    text: str

    def __post_init__(self) -> None:
        local, _, domain = self.text.strip().rpartition("@")
        normal = f"{local}@{domain.lower()}"
        if len(normal) > _EMAIL_LIMIT or not _EMAIL.fullmatch(normal):
            raise MalformedEmail(faults=(Fault("/email", "This is not an email address."),))
        object.__setattr__(self, "text", normal)

    @property
    def key(self) -> str:
        """The form under which addresses are compared: case does not count."""
        return self.text.casefold()


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """An account. `password_hash` is an encoded Argon2id hash and never leaves the core."""

    id: UserId
    email: Email
    password_hash: str = field(repr=False)
    name: str | None
    avatar_url: str | None
    role: Role
    created_at: datetime
    suspended_at: datetime | None = None
    version: int = 1

    def with_password(self, password_hash: str) -> Self:
        """The same user with another password."""
        return replace(self, password_hash=password_hash, version=self.version + 1)

    def with_profile(self, *, name: str | None, avatar_url: str | None) -> Self:
        """The same user under another name and picture.

        Raises:
            InvalidRequest: the picture's address is not `https`.
        """
        if avatar_url is not None and not avatar_url.startswith("https://"):
            raise InvalidRequest(faults=(Fault("/avatar_url", "The address must begin with https://."),))
        return replace(self, name=name, avatar_url=avatar_url, version=self.version + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who is asking: a user, through a session (an access token) or an API key with its scopes."""

    user_id: UserId
    role: Role
    scopes: frozenset[Scope]
    session_id: SessionId | None = None
    api_key_id: ApiKeyId | None = None

    def require(self, scope: Scope) -> None:
        """Raise `ScopeMissing` unless this principal has the scope."""
        if scope not in self.scopes:
            raise ScopeMissing(f"This needs an API key with the scope '{scope}'.")

    def require_session(self) -> SessionId:
        """The session that is asking; raise `SessionRequired` when it is an API key."""
        if self.session_id is None:
            raise SessionRequired
        return self.session_id
