"""Bodies of requests: their shape. What needs knowledge (does this model draw that?) is the domain's to judge."""

from imagegen.web.api.requests.accounts import (
    AccountDeletion,
    Credentials,
    KeyChange,
    NewKey,
    PasswordChange,
    ProfileChange,
    RefreshRequest,
    Registration,
)
from imagegen.web.api.requests.body import Body
from imagegen.web.api.requests.generations import (
    BatchRequest,
    GenerationChange,
    ImageChange,
    NewBatch,
    NewGeneration,
)
from imagegen.web.api.requests.webhooks import NewWebhook, WebhookChange

__all__ = [
    "AccountDeletion",
    "BatchRequest",
    "Body",
    "Credentials",
    "GenerationChange",
    "ImageChange",
    "KeyChange",
    "NewBatch",
    "NewGeneration",
    "NewKey",
    "NewWebhook",
    "PasswordChange",
    "ProfileChange",
    "RefreshRequest",
    "Registration",
    "WebhookChange",
]
