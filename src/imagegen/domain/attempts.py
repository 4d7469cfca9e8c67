"""An attempt: one call to a provider, on record before it is made, with what became of it.

started ──→ succeeded
├──────→ failed
└──────→ unknown
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Self

from imagegen.domain.errors import Billed, IllegalTransition, ProviderError
from imagegen.domain.identifiers import AttemptId, GenerationId


class Outcome(StrEnum):
    """How one call to a provider ended."""

    STARTED = "started"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"


def outcome_of(error: ProviderError) -> Outcome:
    """How a call ended that ended with an error."""
    return Outcome.UNKNOWN if error.billed is Billed.UNKNOWN else Outcome.FAILED


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One call to a provider for `count` pictures: written before it is made, settled after."""

    id: AttemptId
    generation_id: GenerationId
    number: int
    provider: str
    model: str
    count: int
    started_at: datetime
    finished_at: datetime | None = None
    outcome: Outcome = Outcome.STARTED
    billed: Billed = Billed.UNKNOWN
    cost_micros: int | None = None
    provider_request_id: str | None = None
    error_code: str | None = None

    def succeed(self, *, cost_micros: int | None, request_id: str | None, billed: Billed, now: datetime) -> Self:
        """The call answered with pictures."""
        self._must_be_open()
        return replace(
            self,
            finished_at=self._end(now),
            outcome=Outcome.SUCCEEDED,
            billed=billed,
            cost_micros=cost_micros,
            provider_request_id=request_id,
        )

    def fail(self, error: ProviderError, now: datetime, *, cost_micros: int | None = None) -> Self:
        """The call ended without pictures; it costs nothing only when it was certainly not billed."""
        self._must_be_open()
        return replace(
            self,
            finished_at=self._end(now),
            outcome=outcome_of(error),
            billed=error.billed,
            cost_micros=0 if error.billed is Billed.NO else cost_micros,
            provider_request_id=error.request_id,
            error_code=error.code,
        )

    def _must_be_open(self) -> None:
        if self.outcome is not Outcome.STARTED:
            raise IllegalTransition("This call has ended already.")

    def _end(self, now: datetime) -> datetime:
        """Clocks are set back at times; a call is not."""
        return max(now, self.started_at)
