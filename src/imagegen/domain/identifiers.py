"""Identifiers: version-7 UUIDs inside, `gen_…` and its like outside."""

from typing import Final, NewType
from uuid import UUID

UserId = NewType("UserId", UUID)
SessionId = NewType("SessionId", UUID)
ApiKeyId = NewType("ApiKeyId", UUID)
GenerationId = NewType("GenerationId", UUID)
AttemptId = NewType("AttemptId", UUID)
ImageId = NewType("ImageId", UUID)
WorkerId = NewType("WorkerId", UUID)
BatchId = NewType("BatchId", UUID)
WebhookId = NewType("WebhookId", UUID)
EventId = NewType("EventId", UUID)

USER: Final = "usr"
SESSION: Final = "ses"
API_KEY: Final = "key"
GENERATION: Final = "gen"
ATTEMPT: Final = "att"
IMAGE: Final = "img"
BATCH: Final = "bat"
WEBHOOK: Final = "whk"
EVENT: Final = "evt"

_UUID_LENGTH: Final = 36


def external(prefix: str, identifier: UUID) -> str:
    """Write an identifier as clients see it: prefix, underscore, 36 lower-case characters."""
    return f"{prefix}_{identifier}"


def internal(prefix: str, text: str) -> UUID | None:
    """Read what `external` wrote; `None` for anything it would not have written."""
    head, separator, tail = text.partition("_")
    if head != prefix or not separator or len(tail) != _UUID_LENGTH:
        return None
    try:
        identifier = UUID(tail)
    except ValueError:
        return None
    return identifier if str(identifier) == tail else None
