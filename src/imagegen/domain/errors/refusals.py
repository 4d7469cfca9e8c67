"""What is wrong with what is asked, or with who asks."""

from dataclasses import dataclass

from imagegen.domain.errors.root import ImagegenError


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a request: a JSON pointer to it and a sentence."""

    pointer: str
    message: str


class InvalidRequest(ImagegenError):
    """The request was understood and is not valid."""

    code = "invalid_request"
    title = "The request is not valid"

    def __init__(self, detail: str | None = None, *, faults: tuple[Fault, ...] = ()) -> None:
        super().__init__(detail or ("; ".join(fault.message for fault in faults) or None))
        self.faults = faults


class IdempotencyKeyReused(InvalidRequest):
    """The idempotency key was used before, for something else."""

    code = "idempotency_key_reused"
    title = "The idempotency key was used for another request"


class UnknownModel(InvalidRequest):
    """No model of that name or alias is in the catalog."""

    code = "unknown_model"
    title = "No such model"


class UnsupportedParameters(InvalidRequest):
    """A strict request asked for something that the model cannot do."""

    code = "unsupported_parameters"
    title = "The model cannot do what was asked"


class BrokenCursor(InvalidRequest):
    """The cursor was not made by this list."""

    code = "invalid_cursor"
    title = "The cursor is not one of ours"


class WeakPassword(InvalidRequest):
    """The password is among the commonest ones."""

    code = "weak_password"
    title = "The password is too easy to guess"


class MalformedEmail(InvalidRequest):
    """The address cannot be an email address."""

    code = "invalid_email"
    title = "The email address is not valid"


class Unauthenticated(ImagegenError):
    """Nobody we know is asking."""

    code = "unauthenticated"
    title = "Authentication is required"


class CredentialsMissing(Unauthenticated):
    """There was no usable `Authorization` header."""

    code = "credentials_missing"
    title = "An Authorization header with a bearer credential is required"


class InvalidCredentials(Unauthenticated):
    """Unknown email or wrong password; the same answer for both."""

    code = "invalid_credentials"
    title = "Email or password is wrong"


class InvalidAccessToken(Unauthenticated):
    """The access token is malformed, forged, expired, or its session or user is gone."""

    code = "invalid_access_token"
    title = "The access token is not valid"


class InvalidRefreshToken(Unauthenticated):
    """The refresh token is unknown, expired or spent."""

    code = "invalid_refresh_token"
    title = "The refresh token is not valid"


class InvalidLink(Unauthenticated):
    """The signature of an image link is wrong or has expired."""

    code = "invalid_link"
    title = "The link is not valid any more"


class InvalidApiKey(Unauthenticated):
    """The API key is malformed or unknown."""

    code = "invalid_api_key"
    title = "The API key is not valid"


class ApiKeyExpired(Unauthenticated):
    """The API key is past its expiry."""

    code = "key_expired"
    title = "The API key has expired"


class ApiKeyRevoked(Unauthenticated):
    """The API key was revoked."""

    code = "key_revoked"
    title = "The API key has been revoked"


class Forbidden(ImagegenError):
    """We know who is asking, and they may not."""

    code = "forbidden"
    title = "This is not allowed"


class ScopeMissing(Forbidden):
    """The API key lacks the scope that this needs."""

    code = "scope_missing"
    title = "The API key lacks a scope"


class SessionRequired(Forbidden):
    """An API key tried to manage keys, sessions or the account."""

    code = "session_required"
    title = "This needs an access token; an API key may not do it"


class WrongPassword(Forbidden):
    """The password that confirms a change of the account is wrong."""

    code = "wrong_password"
    title = "The current password is wrong"


class AccountSuspended(Forbidden):
    """The account has been suspended by the operator."""

    code = "account_suspended"
    title = "The account is suspended"
