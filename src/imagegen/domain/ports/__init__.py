"""Everything the core asks of the world: the table of contents of the outside.

A port's docstrings are promises that every adapter keeps; `tests/contract` holds each adapter to them. They lie in
seven files: what is remembered of people (`records`, with the unit of work), of work (`history`) and of work handed in
as one (`batches`), what deals with pictures, what carries jobs, what knows credentials, and what tells others.
"""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from imagegen.domain.ports.batches import Batches
from imagegen.domain.ports.credentials import AccessClaims, PasswordHasher, TokenSigner
from imagegen.domain.ports.history import (
    Attempts,
    ForgottenBlobs,
    GenerationFilter,
    Generations,
    Images,
    Usage,
    Workers,
)
from imagegen.domain.ports.jobs import GenerationEvents, GenerationQueue, Place, Watch
from imagegen.domain.ports.pictures import (
    Blob,
    BlobStore,
    ImageProvider,
    Pixels,
    ProviderAnswer,
    StoredBlob,
    UnreadablePicture,
    Wanted,
)
from imagegen.domain.ports.records import ApiKeys, IdempotencyKeys, Sessions, UnitOfWork, UnitOfWorkFactory, Users
from imagegen.domain.ports.webhooks import WebhookDeliveries, WebhookEndpoints, WebhookSender

__all__ = [
    "AccessClaims",
    "ApiKeys",
    "Attempts",
    "Batches",
    "Blob",
    "BlobStore",
    "Clock",
    "ForgottenBlobs",
    "GenerationEvents",
    "GenerationFilter",
    "GenerationQueue",
    "Generations",
    "IdempotencyKeys",
    "ImageProvider",
    "Images",
    "NewId",
    "PasswordHasher",
    "Pixels",
    "Place",
    "ProviderAnswer",
    "Sessions",
    "StoredBlob",
    "TokenSigner",
    "UnitOfWork",
    "UnitOfWorkFactory",
    "UnreadablePicture",
    "Usage",
    "Users",
    "Wanted",
    "Watch",
    "WebhookDeliveries",
    "WebhookEndpoints",
    "WebhookSender",
    "Workers",
]

Clock = Callable[[], datetime]
"""Now, with a time zone (UTC)."""

NewId = Callable[[], UUID]
"""A new version-7 UUID; within one process each is greater than the one before."""
