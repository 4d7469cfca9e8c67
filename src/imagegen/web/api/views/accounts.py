"""Accounts, sessions and keys, as their owner sees them."""

from typing import Self

from msgspec import Struct, structs

from imagegen.application.sessions import Login
from imagegen.domain.api_keys import ApiKey, PlainKey
from imagegen.domain.identifiers import API_KEY, SESSION, USER, external
from imagegen.domain.sessions import Session
from imagegen.domain.users import Role, Scope, User
from imagegen.web.api.moments import Moment


class UserView(Struct, frozen=True, kw_only=True):
    """An account."""

    id: str
    email: str
    name: str | None
    avatar_url: str | None
    role: Role
    created_at: Moment

    @classmethod
    def of(cls, user: User) -> Self:
        """What its owner may see."""
        return cls(
            id=external(USER, user.id),
            email=user.email.text,
            name=user.name,
            avatar_url=user.avatar_url,
            role=user.role,
            created_at=user.created_at,
        )


class LoginView(Struct, frozen=True, kw_only=True):
    """A user who is in. `expires_in` is the access token's life in seconds; the refresh token is good once."""

    user: UserView
    access_token: str
    refresh_token: str
    token_type: str
    expires_in: int

    @classmethod
    def of(cls, login: Login) -> Self:
        """The tokens, once."""
        return cls(
            user=UserView.of(login.user),
            access_token=login.access_token,
            refresh_token=login.refresh_token,
            token_type="bearer",  # noqa: S106 - the type's name
            expires_in=login.expires_in,
        )


class SessionView(Struct, frozen=True, kw_only=True):
    """A login on one device."""

    id: str
    user_agent: str | None
    created_at: Moment
    last_used_at: Moment
    expires_at: Moment
    current: bool

    @classmethod
    def of(cls, session: Session, *, current: bool) -> Self:
        """Everything but its tokens."""
        return cls(
            id=external(SESSION, session.id),
            user_agent=session.user_agent,
            created_at=session.created_at,
            last_used_at=session.last_used_at,
            expires_at=session.expires_at,
            current=current,
        )


class KeyView(Struct, frozen=True, kw_only=True):
    """An API key, without its text. It has no limits: there are none yet."""

    id: str
    name: str
    prefix: str
    scopes: list[Scope]
    is_active: bool
    last_used_at: Moment | None
    expires_at: Moment | None
    revoked_at: Moment | None
    created_at: Moment

    @classmethod
    def of(cls, key: ApiKey, now: Moment) -> Self:
        """What may be seen of it ever after."""
        return cls(
            id=external(API_KEY, key.id),
            name=key.name,
            prefix=key.prefix,
            scopes=sorted(key.scopes),
            is_active=key.active(now),
            last_used_at=key.last_used_at,
            expires_at=key.expires_at,
            revoked_at=key.revoked_at,
            created_at=key.created_at,
        )


class IssuedKeyView(KeyView, frozen=True, kw_only=True):
    """A new API key with its text, which is shown this once."""

    key: str

    @classmethod
    def of_issued(cls, key: ApiKey, plain: PlainKey, now: Moment) -> Self:
        """The key and, this once, its text."""
        return cls(**structs.asdict(KeyView.of(key, now)), key=plain.text)
