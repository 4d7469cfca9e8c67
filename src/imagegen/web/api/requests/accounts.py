"""Accounts, sessions and keys."""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from imagegen.domain.users import Scope
from imagegen.web.api.moments import Moment
from imagegen.web.api.requests.body import Body

EmailText = Annotated[
    str,
    Meta(
        max_length=254,
        # Control characters are named, since readers of patterns differ on which of them are white space.
        # Spaces around it are trimmed.
        pattern=r"^ *[^@\s\x00-\x1f\x7f-\x9f]{1,64}@[^@\s\x00-\x1f\x7f-\x9f.]+(\.[^@\s\x00-\x1f\x7f-\x9f.]+)* *$",
        examples=["test@example.com"],
    ),
]
Password = Annotated[str, Meta(min_length=8, max_length=128, examples=["securepassword123"])]
Name = Annotated[str, Meta(min_length=1, max_length=100, examples=["My Test Key"])]
Scopes = Annotated[tuple[Scope, ...], Meta(min_length=1, max_length=20)]


class Registration(Body, frozen=True, kw_only=True):
    """A new account."""

    email: EmailText
    password: Password
    name: Name | None = None


class Credentials(Body, frozen=True, kw_only=True):
    """What somebody logs in with."""

    email: EmailText
    password: Annotated[str, Meta(min_length=1, max_length=128)]


class RefreshRequest(Body, frozen=True, kw_only=True):
    """A refresh token, to be traded for a new pair."""

    refresh_token: Annotated[str, Meta(min_length=1, max_length=512)]


class PasswordChange(Body, frozen=True, kw_only=True):
    """A new password, confirmed by the current one."""

    current_password: Annotated[str, Meta(min_length=1, max_length=128)]
    new_password: Password


class ProfileChange(Body, frozen=True, kw_only=True):
    """What to change of the account; what is left out stays, `null` clears."""

    name: Name | UnsetType | None = UNSET
    avatar_url: Annotated[str, Meta(max_length=2048, pattern=r"^https://[^\s]+$")] | UnsetType | None = UNSET


class AccountDeletion(Body, frozen=True, kw_only=True):
    """The password that confirms it."""

    password: Annotated[str, Meta(min_length=1, max_length=128)]


class NewKey(Body, frozen=True, kw_only=True):
    """A key to issue. Its two limits may only be `null` yet: a limit that nothing enforces is refused, not ignored."""

    name: Name | None = None
    expires_at: Moment | None = None
    scopes: Scopes | None = None
    daily_image_limit: None = None
    monthly_budget_usd: None = None


class KeyChange(Body, frozen=True, kw_only=True):
    """What to change of a key; what is left out stays. Its two limits may only be `null` yet, as with `NewKey`."""

    name: Name | UnsetType = UNSET
    expires_at: Moment | UnsetType | None = UNSET
    scopes: Scopes | UnsetType = UNSET
    daily_image_limit: None = None
    monthly_budget_usd: None = None
