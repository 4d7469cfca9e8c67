"""Everything that can go wrong, in the language of the product; no HTTP in it.

ImagegenError
├── InvalidRequest            understood, but not valid; carries a fault per field
│   ├── UnknownModel · UnsupportedParameters · BrokenCursor · WeakPassword · MalformedEmail
│   └── IdempotencyKeyReused
├── Unauthenticated           who are you?
│   ├── CredentialsMissing · InvalidCredentials · InvalidAccessToken · InvalidRefreshToken · InvalidLink
│   └── InvalidApiKey · ApiKeyExpired · ApiKeyRevoked
├── Forbidden                 you may not
│   └── ScopeMissing · SessionRequired · WrongPassword · AccountSuspended
├── NotFound                  not there, or not yours: nobody can tell which
├── Conflict
│   └── AlreadyExists · EmailTaken · StaleWrite · IllegalTransition
├── Unavailable               not now; try again, or configure it
│   └── ProviderNotConfigured · StorageUnavailable · DatabaseUnavailable · Overloaded
└── ProviderError             what became of a call to a provider; says where, whether it was billed
    ├── ContentBlocked        the provider's policy said no; final, never sent elsewhere
    ├── NoImage               it answered without a picture
    ├── ProviderBusy          rate limited or out of capacity; certainly not billed
    ├── ProviderUnreachable   the call did not begin, or the provider failed
    ├── ProviderMisbehaved    an answer nobody can use
    ├── ProviderAccount       key, credit or permission of the operator's account
    ├── OutcomeUnknown        it may have been billed, and nobody can tell
    ├── DeadlineExceeded      it was given up before it was sent
    ├── PictureNotStored      drawn and paid for, but the store took no bytes
    └── GenerationCanceled    the caller took it back
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Final, Self


class Stage(StrEnum):
    """Where a generation failed."""

    INPUT = "input"
    OUTPUT = "output"
    TRANSPORT = "transport"
    STORAGE = "storage"


class Billed(StrEnum):
    """Whether the provider charged for a call, as far as anybody can know."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"

    @classmethod
    def of_all(cls, words: Iterable[Self]) -> Self:
        """What is said of several calls, or of none: unknown if it is of any, else yes if any was billed."""
        said = set(words)
        return next((word for word in (cls.UNKNOWN, cls.YES, cls.NO) if word in said), cls.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a request: a JSON pointer to it and a sentence."""

    pointer: str
    message: str


class ImagegenError(Exception):
    """Something imagegen refuses or cannot do; `code` is stable and has a page in the documentation."""

    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Something went wrong"
    retry_after: float | None = None

    def __init__(self, detail: str | None = None) -> None:
        self.detail = detail or self.title
        super().__init__(self.detail)


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


class NotFound(ImagegenError):
    """It is not there, or it is somebody else's."""

    code = "not_found"
    title = "Not found"


class Conflict(ImagegenError):
    """The state of things does not allow this."""

    code = "conflict"
    title = "This conflicts with the current state"


class AlreadyExists(Conflict):
    """A store refused a second row with the same unique value; `what` names the constraint."""

    code = "already_exists"
    title = "It exists already"

    def __init__(self, what: str) -> None:
        super().__init__()
        self.what = what


class EmailTaken(Conflict):
    """An account with this email exists."""

    code = "email_taken"
    title = "An account with this email exists already"


class StaleWrite(Conflict):
    """Somebody else changed the row since it was read; nothing was written."""

    code = "stale_write"
    title = "It was changed by somebody else meanwhile"


class IllegalTransition(Conflict):
    """The life cycle has no such step from here."""

    code = "illegal_transition"
    title = "This is not possible in the current state"


class Unavailable(ImagegenError):
    """It cannot be done now."""

    code = "unavailable"
    title = "Not available at the moment"

    def __init__(self, detail: str | None = None, *, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class ProviderNotConfigured(Unavailable):
    """The provider lacks its credentials; the detail names the variable to set."""

    code = "provider_not_configured"
    title = "The image provider is not configured"

    def __init__(self, provider: str, variables: tuple[str, ...] = ()) -> None:
        wanted = f"set {' or '.join(variables)}" if variables else "add it to IMAGEGEN_PROVIDERS"
        super().__init__(f"The provider '{provider}' is not configured: {wanted}.")
        self.provider = provider


class StorageUnavailable(Unavailable):
    """The blob store did not answer or did not take the bytes."""

    code = "storage_unavailable"
    title = "The image store is not available"


class DatabaseUnavailable(Unavailable):
    """The database did not answer; nothing is known to have been written."""

    code = "database_unavailable"
    title = "The database is not available"


class Overloaded(Unavailable):
    """More is waiting than this process takes on."""

    code = "overloaded"
    title = "Too much is waiting; try again shortly"


class ProviderError(ImagegenError):
    """What became of a call to a provider.

    Args:
        detail: one sentence of ours; a provider's own text never goes in here.
        billed: whether the provider charged for the call.
        stage: where it failed.
        retryable: whether the caller may sensibly ask for the same again.
        provider_code: the provider's own short code, for support.
        retry_after: seconds to leave the provider alone, when it said so.
        request_id: the provider's name for the call.
    """

    code = "provider_error"
    title = "The image provider failed"
    default_stage: ClassVar[Stage] = Stage.TRANSPORT
    default_billed: ClassVar[Billed] = Billed.UNKNOWN
    default_retryable: ClassVar[bool] = False

    def __init__(
        self,
        detail: str | None = None,
        *,
        billed: Billed | None = None,
        stage: Stage | None = None,
        retryable: bool | None = None,
        provider_code: str | None = None,
        retry_after: float | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.billed = self.default_billed if billed is None else billed
        self.stage = self.default_stage if stage is None else stage
        self.retryable = self.default_retryable if retryable is None else retryable
        self.provider_code = provider_code
        self.retry_after = retry_after
        self.request_id = request_id
        self.provider: str | None = None
        self.generation: str | None = None
        self.replayed = False


class ContentBlocked(ProviderError):
    """The provider's policy refused the prompt (input) or the picture (output)."""

    code = "content_blocked"
    title = "The provider's safety system refused this"
    default_stage = Stage.INPUT


class NoImage(ProviderError):
    """The provider answered, but with no picture."""

    code = "no_image"
    title = "The provider answered without a picture"
    default_stage = Stage.OUTPUT
    default_retryable = True


class ProviderBusy(ProviderError):
    """The provider is rate limited or out of capacity; the call was not taken and not billed."""

    code = "provider_busy"
    title = "The image provider is busy"
    default_billed = Billed.NO
    default_retryable = True


class ProviderUnreachable(ProviderError):
    """No connection could be made, or the provider failed on its side."""

    code = "provider_unreachable"
    title = "The image provider could not be reached"
    default_retryable = True


class ProviderMisbehaved(ProviderError):
    """The provider's answer is of no use: malformed, truncated, too large, or not a picture."""

    code = "provider_misbehaved"
    title = "The image provider gave an unusable answer"
    default_stage = Stage.OUTPUT


class ProviderAccount(ProviderError):
    """The operator's account at the provider is the trouble: key, credit, permission, or a model it may not use."""

    code = "provider_account"
    title = "The image provider refused the operator's account"
    default_billed = Billed.NO


class OutcomeUnknown(ProviderError):
    """The call was sent and its answer never came: it may have been billed, so it is never repeated by itself."""

    code = "outcome_unknown"
    title = "The provider did not answer in time"


class DeadlineExceeded(ProviderError):
    """The time allowed ran out before the call was sent."""

    code = "deadline_exceeded"
    title = "The time allowed ran out"
    default_billed = Billed.NO
    default_retryable = True


class PictureNotStored(ProviderError):
    """The picture was drawn and paid for, but could not be stored."""

    code = "storage_unavailable"
    title = "The picture could not be stored"
    default_stage = Stage.STORAGE
    default_billed = Billed.YES
    default_retryable = True


class GenerationCanceled(ProviderError):
    """The caller canceled it."""

    code = "canceled"
    title = "The generation was canceled"
    default_billed = Billed.NO


PROVIDER_ERRORS: Final[Mapping[str, type[ProviderError]]] = {
    kind.code: kind
    for kind in (
        ContentBlocked,
        NoImage,
        ProviderBusy,
        ProviderUnreachable,
        ProviderMisbehaved,
        ProviderAccount,
        OutcomeUnknown,
        DeadlineExceeded,
        PictureNotStored,
        GenerationCanceled,
    )
}
"""The code of a failed generation, and the error that it stands for."""
