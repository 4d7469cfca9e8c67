"""Asking once: how a request that comes a second time is known, and for how long."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from imagegen.domain.errors import IdempotencyKeyReused
from imagegen.domain.identifiers import UserId

REMEMBERED: Final = timedelta(hours=24)
"""How long a caller's key is known; Stripe's clients count on as much."""
RETRIED: Final = timedelta(minutes=10)
"""How long a client's own retry is known for one. The official OpenAI clients wait 10 minutes for an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Once:
    """How a caller says that a request is the same as an earlier one.

    `fingerprint` is the SHA-256 of what is asked for. Under a `fresh` key something new is asked for, whatever was
    asked under it before; a `repeated` request had a fresh one before it, which may come later.
    """

    key: str
    fingerprint: bytes
    lifetime: timedelta = REMEMBERED
    fresh: bool = False
    repeated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyKey:
    """A key that an owner has used, what was asked under it, and the generation or batch that came of it.

    With `early` it was a repetition that came first: the fresh request that it repeats is still on its way.
    """

    user_id: UserId
    key: str
    fingerprint: bytes
    target: UUID
    created_at: datetime
    early: bool = False

    def answers(self, once: Once, now: datetime) -> bool:
        """Whether the request was taken already, and `target` is what came of it.

        Raises:
            IdempotencyKeyReused: the key is known, and something else was asked for under it.
        """
        if now - self.created_at >= once.lifetime or (once.fresh and not self.early):
            return False
        if self.fingerprint != once.fingerprint:
            raise IdempotencyKeyReused
        return True
