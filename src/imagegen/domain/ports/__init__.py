"""Everything the core asks of the world: the table of contents of the outside.

A port's docstrings are promises that every adapter keeps; `tests/contract` holds each adapter to them. They lie in
four files: what is remembered, what deals with pictures, what carries jobs, and what knows credentials.
"""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from imagegen.domain.ports.credentials import AccessClaims, PasswordHasher, TokenSigner
from imagegen.domain.ports.jobs import GenerationEvents, GenerationQueue, Watch
from imagegen.domain.ports.pictures import (
    BlobStore,
    ImageProvider,
    Pixels,
    ProviderAnswer,
    StoredBlob,
    UnreadablePicture,
)
from imagegen.domain.ports.records import (
    ApiKeys,
    Attempts,
    GenerationFilter,
    Generations,
    Images,
    Sessions,
    UnitOfWork,
    UnitOfWorkFactory,
    Usage,
    Users,
)

__all__ = [
    "AccessClaims",
    "ApiKeys",
    "Attempts",
    "BlobStore",
    "Clock",
    "GenerationEvents",
    "GenerationFilter",
    "GenerationQueue",
    "Generations",
    "ImageProvider",
    "Images",
    "NewId",
    "PasswordHasher",
    "Pixels",
    "ProviderAnswer",
    "Sessions",
    "StoredBlob",
    "TokenSigner",
    "UnitOfWork",
    "UnitOfWorkFactory",
    "UnreadablePicture",
    "Usage",
    "Users",
    "Watch",
]

Clock = Callable[[], datetime]
"""Now, with a time zone (UTC)."""

NewId = Callable[[], UUID]
"""A new version-7 UUID; within one process each is greater than the one before."""
