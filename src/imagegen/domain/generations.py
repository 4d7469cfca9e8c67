"""A generation: a durable job that was asked for, runs, and ends once.

    queued ──→ running ──→ succeeded
      ├───────────┼──────→ failed
      └───────────┴──────→ canceled

A final state never changes. Every step returns the next state and raises `IllegalTransition` when there is none;
nothing is remembered until a unit of work is told to.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final, Self

from imagegen.domain.errors import (
    PROVIDER_ERRORS,
    Billed,
    GenerationCanceled,
    IllegalTransition,
    ProviderError,
    Stage,
)
from imagegen.domain.identifiers import ApiKeyId, BatchId, GenerationId, UserId, WorkerId
from imagegen.domain.images import Image, ImageRequest, Labels


class Status(StrEnum):
    """Where a generation is in its life."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def final(self) -> bool:
        """Whether nothing can follow."""
        return self in _FINAL


_FINAL: Final = frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELED})


class Priority(StrEnum):
    """Which of the waiting go first: those of the highest priority, and of these the oldest."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"

    @property
    def above(self) -> Sequence["Priority"]:
        """The higher ones, the highest first."""
        ranked = (Priority.HIGH, Priority.NORMAL, Priority.LOW)
        return ranked[: ranked.index(self)]


@dataclass(frozen=True, slots=True)
class Adjustment:
    """One parameter that was not applied as asked, and why."""

    parameter: str
    asked: str | int | None
    applied: str | int | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a generation has no picture, for the caller: a stable code and what it means for their money."""

    code: str
    detail: str
    stage: Stage
    retryable: bool
    billed: Billed
    provider_code: str | None = None
    retry_after: float | None = None

    @classmethod
    def of(cls, error: ProviderError) -> Self:
        """What is remembered of an error."""
        return cls(
            code=error.code,
            detail=error.detail,
            stage=error.stage,
            retryable=error.retryable,
            billed=error.billed,
            provider_code=error.provider_code,
            retry_after=error.retry_after,
        )

    def error(self) -> ProviderError:
        """The error that this was made of."""
        return PROVIDER_ERRORS.get(self.code, ProviderError)(
            self.detail,
            stage=self.stage,
            retryable=self.retryable,
            billed=self.billed,
            provider_code=self.provider_code,
            retry_after=self.retry_after,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """A request for pictures and everything that became of it.

    `requested` is what the caller said, `applied` what is asked of the provider, `adjustments` why they differ.
    `cost_micros` is in millionths of a US dollar; `None` means that nobody knows. While it runs, `worker_id` names who
    draws it: as long as that one's lease lasts, nobody else settles it. It is given up unless it starts by `start_by`.
    What was asked for in a batch has its place there, counted from 0.
    """

    id: GenerationId
    user_id: UserId
    api_key_id: ApiKeyId | None
    status: Status
    requested: ImageRequest
    applied: ImageRequest
    adjustments: tuple[Adjustment, ...]
    provider: str
    model: str
    labels: Labels
    priority: Priority
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    images: tuple[Image, ...] = ()
    failure: Failure | None = None
    cost_micros: int | None = None
    worker_id: WorkerId | None = None
    start_by: datetime | None = None
    retry_of: GenerationId | None = None
    batch_id: BatchId | None = None
    batch_index: int | None = None
    version: int = 1

    @property
    def batched(self) -> bool:
        """Whether it waits in the line of the batches."""
        return self.batch_id is not None

    @property
    def progress(self) -> float:
        """The part that is done, from 0.0 to 1.0."""
        return 1.0 if self.status.final else 0.0

    def overdue(self, now: datetime) -> bool:
        """Whether it was to start by a moment that has passed."""
        return self.status is Status.QUEUED and self.start_by is not None and self.start_by <= now

    def start(self, worker_id: WorkerId, now: datetime) -> Self:
        """A worker is about to send it to its provider."""
        self._must_be(Status.QUEUED)
        return self._next(Status.RUNNING, worker_id=worker_id, started_at=_not_before(now, self.created_at))

    def moved(self, applied: ImageRequest, *, provider: str, model: str, adjustments: tuple[Adjustment, ...]) -> Self:
        """The same generation as another model was asked for it; remembered with its next step.

        Raises:
            IllegalTransition: it is not running.
        """
        self._must_be(Status.RUNNING)
        return replace(self, applied=applied, provider=provider, model=model, adjustments=adjustments)

    def succeed(
        self,
        images: Sequence[Image],
        *,
        cost_micros: int | None,
        adjustments: tuple[Adjustment, ...] = (),
        now: datetime,
    ) -> Self:
        """Its pictures are here; `adjustments` are what only the answer could tell.

        Raises:
            IllegalTransition: it is not running, or there is no picture, or one that is not its own.
        """
        self._must_be(Status.RUNNING)
        if not images or any(i.generation_id != self.id or i.user_id != self.user_id for i in images):
            raise IllegalTransition("A generation succeeds with pictures of its own.")
        return self._next(
            Status.SUCCEEDED,
            images=tuple(images),
            cost_micros=cost_micros,
            adjustments=self.adjustments + adjustments,
            finished_at=self._end(now),
        )

    def fail(self, failure: Failure, *, cost_micros: int | None, now: datetime) -> Self:
        """It ends without a picture."""
        self._must_be(Status.RUNNING, Status.QUEUED)
        return self._next(Status.FAILED, failure=failure, cost_micros=cost_micros, finished_at=self._end(now))

    def cancel(self, now: datetime, *, calling: bool = True) -> Self:
        """Its owner takes it back. While it runs and a call is under way, nobody knows whether that will be billed."""
        self._must_be(Status.QUEUED, Status.RUNNING)
        billed = Billed.UNKNOWN if calling and self.status is Status.RUNNING else Billed.NO
        return self._next(
            Status.CANCELED,
            failure=Failure.of(GenerationCanceled(billed=billed)),
            cost_micros=0 if billed is Billed.NO else None,
            finished_at=self._end(now),
        )

    def relabel(self, labels: Labels) -> Self:
        """The same generation, filed otherwise; possible in every state."""
        return replace(self, labels=labels, version=self.version + 1)

    def _must_be(self, *statuses: Status) -> None:
        if self.status not in statuses:
            raise IllegalTransition(f"The generation is {self.status}.")

    def _next(self, status: Status, **changes: object) -> Self:
        return replace(self, status=status, version=self.version + 1, **changes)  # type: ignore[arg-type]  # replace checks the names at run time

    def _end(self, now: datetime) -> datetime:
        return _not_before(now, self.started_at or self.created_at)


def _not_before(now: datetime, earlier: datetime) -> datetime:
    """Clocks are set back at times; a life is not."""
    return max(now, earlier)
