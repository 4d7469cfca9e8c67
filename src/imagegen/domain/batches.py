"""A batch: up to 1,000 requests handed in as one, whose generations wait in a line of their own.

    queued ──→ running ──→ finished
      └───────────┴──────→ canceled

It is not a job: its generations are. It runs from the moment at which the first of them no longer waits, and is
finished, once and for all, when all of them have ended, however that was.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final, Self, TypeVar

from imagegen.domain.errors import Fault, IllegalTransition, InvalidRequest
from imagegen.domain.identifiers import ApiKeyId, BatchId, UserId

MOST_REQUESTS: Final = 1_000
MOST_FAULTS: Final = 100
"""That are told of one batch: whoever has so many has made one mistake many times."""

Given = TypeVar("Given")
Found = TypeVar("Found")


class BatchStatus(StrEnum):
    """Where a batch is in its life."""

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchCounts:
    """How many generations of a batch are in each state; those that their owner has deleted are in none."""

    queued: int = 0
    running: int = 0
    succeeded: int = 0
    failed: int = 0
    canceled: int = 0

    @property
    def unfinished(self) -> int:
        """How many have not ended."""
        return self.queued + self.running


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Requests that were handed in as one: `total` of them, whose generations are counted as they stood when read.

    It is canceled from the moment at which its owner takes it back, and finished, then as well, at the moment of
    `finished_at`.
    """

    id: BatchId
    user_id: UserId
    api_key_id: ApiKeyId | None
    total: int
    counts: BatchCounts
    created_at: datetime
    canceled_at: datetime | None = None
    finished_at: datetime | None = None
    version: int = 1

    @property
    def status(self) -> BatchStatus:
        """Where it is."""
        if self.canceled_at is not None:
            return BatchStatus.CANCELED
        if self.finished_at is not None:
            return BatchStatus.FINISHED
        return BatchStatus.QUEUED if self.counts.queued == self.total else BatchStatus.RUNNING

    def cancel(self, now: datetime) -> Self:
        """Its owner takes it back: nothing of it is to start any more.

        Raises:
            IllegalTransition: it was canceled or is finished.
        """
        if self.canceled_at is not None or self.finished_at is not None:
            raise IllegalTransition(f"The batch is {self.status}.")
        return replace(self, canceled_at=max(now, self.created_at), version=self.version + 1)

    def finish(self, now: datetime) -> Self:
        """All of its generations have ended.

        Raises:
            IllegalTransition: some have not, or it is finished.
        """
        if self.finished_at is not None or self.counts.unfinished:
            raise IllegalTransition(f"The batch is {self.status}.")
        return replace(self, finished_at=max(now, self.canceled_at or self.created_at), version=self.version + 1)


def each(requests: Iterable[Given], read: Callable[[Given], Found]) -> list[Found]:
    """What `read` makes of each of the requests of a batch.

    Raises:
        InvalidRequest: it refused some of them; each fault says which one, as in `/requests/3/prompt`.
    """
    found: list[Found] = []
    faults: list[Fault] = []
    refused = 0
    for index, request in enumerate(requests):
        try:
            found.append(read(request))
        except InvalidRequest as error:
            refused += 1
            told = error.faults or (Fault("", error.detail),)
            faults += [Fault(f"/requests/{index}{fault.pointer}", fault.message) for fault in told]
    if refused:
        detail = f"{refused} of {refused + len(found)} requests are not valid, so none was taken."
        raise InvalidRequest(detail, faults=tuple(faults[:MOST_FAULTS]))
    return found
