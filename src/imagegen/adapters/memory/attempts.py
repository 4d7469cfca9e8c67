"""The calls to providers in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from imagegen.adapters.memory.rows import Rows, insert, require
from imagegen.adapters.memory.transaction import Repository
from imagegen.domain.attempts import Attempt, Outcome, outcome_of
from imagegen.domain.errors import Billed, ProviderError
from imagegen.domain.identifiers import AttemptId, GenerationId, WorkerId
from imagegen.domain.ports import Attempts

_MOST_AT_ONCE: Final = 1_000
_MOST_LOOKED_AT: Final = 10_000


class MemoryAttempts(Repository, Attempts):
    """The calls to providers."""

    async def of_generation(self, generation_id: GenerationId) -> Sequence[Attempt]:
        """The calls of that generation by their number."""
        attempts = (await self._read()).attempts.values()
        return sorted((a for a in attempts if a.generation_id == generation_id), key=lambda attempt: attempt.number)

    def add(self, attempt: Attempt) -> None:
        """Add a call of a generation that is there."""

        def add(rows: Rows) -> None:
            require(rows.generations, attempt.generation_id)
            insert(rows.attempts, attempt.id, attempt, "attempts.id")

        self._write(add)

    def update(self, attempt: Attempt) -> None:
        """Put the end of a call in the place of its start."""

        def update(rows: Rows) -> None:
            require(rows.attempts, attempt.id)
            rows.attempts[attempt.id] = attempt

        self._write(update)

    async def get(self, attempt_id: AttemptId) -> Attempt | None:
        """The call of that identifier."""
        return (await self._read()).attempts.get(attempt_id)

    async def latest_of(self, worker_id: WorkerId) -> Sequence[Attempt]:
        """The worker's, by their identifiers."""
        rows = await self._read()
        younger = sorted((id_ for id_ in rows.attempts if id_ > worker_id), reverse=True)[:_MOST_LOOKED_AT]
        ended = (a for a in map(rows.attempts.__getitem__, younger) if a.outcome is not Outcome.STARTED)
        return [a for a in ended if rows.generations[a.generation_id].worker_id == worker_id][:_MOST_AT_ONCE]

    def end_open(self, generation_id: GenerationId, error: ProviderError, now: datetime) -> None:
        """End those that have not ended."""

        def end(rows: Rows) -> None:
            for attempt in [*rows.attempts.values()]:
                if attempt.generation_id == generation_id and attempt.outcome is Outcome.STARTED:
                    rows.attempts[attempt.id] = replace(
                        attempt,
                        finished_at=now,
                        outcome=outcome_of(error),
                        billed=error.billed,
                        cost_micros=0 if error.billed is Billed.NO else None,
                        error_code=error.code,
                    )

        self._write(end)
