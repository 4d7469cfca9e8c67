"""Webhooks: addresses that are told what became of a user's generations, as Standard Webhooks has it.

https://www.standardwebhooks.com: the names of the headers, the form of secrets and signatures, the shape of the
payload and the schedule of the tries are that specification's.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Self

from imagegen.domain.batches import Batch
from imagegen.domain.errors import Fault, InvalidRequest
from imagegen.domain.generations import Generation, Status
from imagegen.domain.identifiers import BATCH, GENERATION, EventId, UserId, WebhookId, external
from imagegen.domain.prices import dollars

MOST_WEBHOOKS: Final = 20
"""For one user: each end of a generation is written down once for every one of them."""
SECRET_OVERLAP: Final = timedelta(hours=24)
"""How long a secret goes on to sign after another one has taken its place, unless four others have by then."""

_MOST_RETIRED: Final = 4
"""Secrets in their overlap: however often somebody rotates, the header of the signatures stays short."""


_encode: Final = json.JSONEncoder(separators=(",", ":")).encode


class EventType(StrEnum):
    """What there is to tell."""

    GENERATION_SUCCEEDED = "generation.succeeded"
    GENERATION_FAILED = "generation.failed"
    GENERATION_CANCELED = "generation.canceled"
    BATCH_FINISHED = "batch.finished"


_ENDS: Final[Mapping[Status, EventType]] = {
    Status.SUCCEEDED: EventType.GENERATION_SUCCEEDED,
    Status.FAILED: EventType.GENERATION_FAILED,
    Status.CANCELED: EventType.GENERATION_CANCELED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEvent:
    """Something that happened, and the JSON text that tells of it: the same bytes at every try and to everybody."""

    id: EventId
    user_id: UserId
    type: EventType
    occurred_at: datetime
    payload: str

    @classmethod
    def of(
        cls, type: EventType, data: Mapping[str, Any], *, id: EventId, user_id: UserId, occurred_at: datetime
    ) -> Self:
        """The event with `data`, which are plain values; they say which thing it is about, not all about it."""
        moment = occurred_at.astimezone(UTC).isoformat().replace("+00:00", "Z")
        payload = _encode({"type": type, "timestamp": moment, "data": data})
        return cls(id=id, user_id=user_id, type=type, occurred_at=occurred_at, payload=payload)

    @classmethod
    def of_generation(cls, generation: Generation, id: EventId) -> Self:
        """The end of a generation: which one it is, how it ended and what it cost, and nothing of its prompt."""
        if generation.finished_at is None:
            raise ValueError("only the end of a generation is an event")
        failure = generation.failure
        data = {
            "id": external(GENERATION, generation.id),
            "status": generation.status,
            "external_id": generation.labels.external_id,
            "cost_usd": dollars(generation.cost_micros),
            "error": {"code": failure.code, "billed": failure.billed} if failure else None,
        }
        return cls.of(
            _ENDS[generation.status],
            data,
            id=id,
            user_id=generation.user_id,
            occurred_at=generation.finished_at,
        )

    @classmethod
    def of_batch(cls, batch: Batch, id: EventId) -> Self:
        """The end of a batch: which one it is, and how many of its generations ended in which way."""
        if batch.finished_at is None:
            raise ValueError("only the end of a batch is an event")
        data = {
            "id": external(BATCH, batch.id),
            "status": batch.status,
            "total": batch.total,
            "counts": asdict(batch.counts),
        }
        return cls.of(EventType.BATCH_FINISHED, data, id=id, user_id=batch.user_id, occurred_at=batch.finished_at)


class DisabledBy(StrEnum):
    """Who switched a webhook off."""

    OWNER = "owner"
    RECEIVER = "receiver"  # by answering 410


@dataclass(frozen=True, slots=True)
class RetiredSecret:
    """A secret whose place another one has taken, and until when it signs nevertheless."""

    number: int
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEndpoint:
    """An address, and the events that it is told of while it is enabled.

    Its secrets are known by their number and kept nowhere: `WebhookSigner` derives them.
    """

    id: WebhookId
    user_id: UserId
    url: str = field(repr=False)
    description: str | None
    events: frozenset[EventType]
    created_at: datetime
    secret_number: int = 1
    retired: tuple[RetiredSecret, ...] = ()
    disabled_at: datetime | None = None
    disabled_by: DisabledBy | None = None
    served_at: datetime | None = None
    """When messages were last begun to be sent there."""
    prompt: bool = False
    """Whether it answered promptly then; one that was never served has yet to show it."""
    version: int = 1

    def __post_init__(self) -> None:
        if not self.events:
            raise InvalidRequest(faults=(Fault("/events", "A webhook needs at least one event."),))

    @property
    def enabled(self) -> bool:
        """Whether it is told of anything."""
        return self.disabled_at is None

    def wants(self, type: EventType) -> bool:
        """Whether it is told of such an event."""
        return self.enabled and type in self.events

    def signing(self, now: datetime) -> Sequence[int]:
        """The numbers of the secrets that sign, the current one first."""
        return [self.secret_number, *(secret.number for secret in self.retired if now < secret.until)]

    def change(
        self,
        *,
        url: str,
        description: str | None,
        events: frozenset[EventType],
        enabled: bool,
        rotate: bool,
        now: datetime,
    ) -> Self:
        """The same webhook as it is to be from now on, with another secret if wished.

        Raises:
            InvalidRequest: there is no event left.
        """
        changed = self._rotated(now) if rotate else self
        if enabled != changed.enabled:
            changed = replace(
                changed, disabled_at=None if enabled else now, disabled_by=None if enabled else DisabledBy.OWNER
            )
        return replace(changed, url=url, description=description, events=events, version=self.version + 1)

    def gone(self, now: datetime) -> Self:
        """The same webhook, switched off because its receiver wants nothing any more."""
        return replace(self, disabled_at=now, disabled_by=DisabledBy.RECEIVER, version=self.version + 1)

    def _rotated(self, now: datetime) -> Self:
        latest = RetiredSecret(self.secret_number, now + SECRET_OVERLAP)
        living = (latest, *(secret for secret in self.retired if now < secret.until))
        return replace(self, secret_number=self.secret_number + 1, retired=living[:_MOST_RETIRED])
