"""Deliveries of webhooks: one event on its way to one endpoint, tried until it is taken or given up.

    pending ──(a reply of 2xx)──→ delivered
       │ ↖──(anything else)
       └──(410, or the tries are used up)──→ failed

Its owner may have any of them sent anew.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Final, Self

from imagegen.domain.errors import IllegalTransition
from imagegen.domain.identifiers import EventId, WebhookId
from imagegen.domain.webhooks import EventType, WebhookEvent

SCHEDULE: Final = (
    timedelta(0),
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""The pause before each try: the schedule of the specification, over three days in all."""
JITTER: Final = 0.2
"""The part of a pause by which it is made longer at the most, lest what failed together come back together."""
CLAIM: Final = timedelta(seconds=60)
"""How long a try keeps others from the same one: well above what a try takes, and the price of a crash in it."""
KEPT: Final = timedelta(days=30)
"""For how long after its last try a delivery that is over can be seen and sent anew."""

_ACCEPTED: Final = range(200, 300)
_LONGEST_WISH: Final = timedelta(hours=24).total_seconds()
"""For how long a receiver may put off the next try."""


class DeliveryStatus(StrEnum):
    """Where a delivery is in its life."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class DeliveryError(StrEnum):
    """Why there was no reply."""

    NO_ADDRESS = "no_address"  # none that may be called: which of the two is nobody's business
    UNREACHABLE = "unreachable"
    TLS_FAILED = "tls_failed"
    TIMEOUT = "timeout"
    NO_ANSWER = "no_answer"  # the connection was lost, or what came was no HTTP


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookReply:
    """What came of a try: the status that the receiver answered, or why there is none."""

    status: int | None = None
    error: DeliveryError | None = None
    retry_after: float | None = None
    """Seconds for which the receiver asked to be left alone."""

    @property
    def accepted(self) -> bool:
        """Whether the receiver took the message."""
        return self.status in _ACCEPTED

    @property
    def gone(self) -> bool:
        """Whether the receiver wants no more messages, ever."""
        return self.status == HTTPStatus.GONE


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDelivery:
    """One event for one endpoint; `id` is the event's, and the receiver sees it in each try.

    `tries` are those that were begun, `next_try_at` is `None` when there will be no other.
    """

    id: EventId
    webhook_id: WebhookId
    type: EventType
    payload: str
    created_at: datetime
    tries: int = 0
    next_try_at: datetime | None
    tried_at: datetime | None = None
    last_status: int | None = None
    last_error: DeliveryError | None = None
    delivered_at: datetime | None = None
    given_up_at: datetime | None = None
    version: int = 1

    @classmethod
    def of(cls, event: WebhookEvent, webhook_id: WebhookId) -> Self:
        """The delivery of an event, due at once."""
        return cls(
            id=event.id,
            webhook_id=webhook_id,
            type=event.type,
            payload=event.payload,
            created_at=event.occurred_at,
            next_try_at=event.occurred_at,
        )

    @property
    def status(self) -> DeliveryStatus:
        """Where it is in its life."""
        if self.next_try_at is not None:
            return DeliveryStatus.PENDING
        return DeliveryStatus.FAILED if self.delivered_at is None else DeliveryStatus.DELIVERED

    def claim(self, now: datetime) -> Self:
        """A try begins: whoever gets this committed makes it. Should they not come back, the next one is due soon.

        Raises:
            IllegalTransition: there is nothing left to try.
        """
        if self.next_try_at is None:
            raise IllegalTransition(f"The delivery is {self.status}.")
        return self._next(tries=self.tries + 1, tried_at=now, next_try_at=now + CLAIM)

    def settle(self, reply: WebhookReply, *, now: datetime, jitter: float) -> Self:
        """The try ended. `jitter`, from 0.0 to 1.0, is the part of `JITTER` by which the next pause is longer."""
        settled = self._next(last_status=reply.status, last_error=reply.error)
        if reply.accepted:
            return replace(settled, delivered_at=now, next_try_at=None)
        if reply.gone or self.tries >= len(SCHEDULE):
            return replace(settled, given_up_at=now, next_try_at=None)
        wished = timedelta(seconds=min(reply.retry_after or 0.0, _LONGEST_WISH))
        return replace(settled, next_try_at=now + max(SCHEDULE[self.tries] * (1 + JITTER * jitter), wished))

    def redeliver(self, now: datetime) -> Self:
        """It is sent anew, at once and with all of its tries, whatever became of it before."""
        return self._next(tries=0, next_try_at=now, delivered_at=None, given_up_at=None)

    def _next(self, **changes: object) -> Self:
        return replace(self, version=self.version + 1, **changes)  # type: ignore[arg-type]  # replace checks the names at run time
