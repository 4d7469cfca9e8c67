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

What is wrong with what is asked, or with who asks, lies in `refusals`, what stands in the way of it in `obstacles`, and
what became of a call to a provider in `calls`.
"""

from imagegen.domain.errors.calls import (
    PROVIDER_ERRORS,
    Billed,
    ContentBlocked,
    DeadlineExceeded,
    GenerationCanceled,
    NoImage,
    OutcomeUnknown,
    PictureNotStored,
    ProviderAccount,
    ProviderBusy,
    ProviderError,
    ProviderMisbehaved,
    ProviderUnreachable,
    Stage,
)
from imagegen.domain.errors.obstacles import (
    AlreadyExists,
    Conflict,
    DatabaseUnavailable,
    EmailTaken,
    IllegalTransition,
    NotFound,
    Overloaded,
    ProviderNotConfigured,
    StaleWrite,
    StorageUnavailable,
    Unavailable,
)
from imagegen.domain.errors.refusals import (
    AccountSuspended,
    ApiKeyExpired,
    ApiKeyRevoked,
    BrokenCursor,
    CredentialsMissing,
    Fault,
    Forbidden,
    IdempotencyKeyReused,
    InvalidAccessToken,
    InvalidApiKey,
    InvalidCredentials,
    InvalidLink,
    InvalidRefreshToken,
    InvalidRequest,
    MalformedEmail,
    ScopeMissing,
    SessionRequired,
    Unauthenticated,
    UnknownModel,
    UnsupportedParameters,
    WeakPassword,
    WrongPassword,
)
from imagegen.domain.errors.root import (
    ImagegenError,
)

__all__ = [
    "PROVIDER_ERRORS",
    "AccountSuspended",
    "AlreadyExists",
    "ApiKeyExpired",
    "ApiKeyRevoked",
    "Billed",
    "BrokenCursor",
    "Conflict",
    "ContentBlocked",
    "CredentialsMissing",
    "DatabaseUnavailable",
    "DeadlineExceeded",
    "EmailTaken",
    "Fault",
    "Forbidden",
    "GenerationCanceled",
    "IdempotencyKeyReused",
    "IllegalTransition",
    "ImagegenError",
    "InvalidAccessToken",
    "InvalidApiKey",
    "InvalidCredentials",
    "InvalidLink",
    "InvalidRefreshToken",
    "InvalidRequest",
    "MalformedEmail",
    "NoImage",
    "NotFound",
    "OutcomeUnknown",
    "Overloaded",
    "PictureNotStored",
    "ProviderAccount",
    "ProviderBusy",
    "ProviderError",
    "ProviderMisbehaved",
    "ProviderNotConfigured",
    "ProviderUnreachable",
    "ScopeMissing",
    "SessionRequired",
    "Stage",
    "StaleWrite",
    "StorageUnavailable",
    "Unauthenticated",
    "Unavailable",
    "UnknownModel",
    "UnsupportedParameters",
    "WeakPassword",
    "WrongPassword",
]
