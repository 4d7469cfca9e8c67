"""The calls to providers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, insert, select, update

from imagegen.adapters.database.rows import attempt_of, attempt_values
from imagegen.adapters.database.statements import Query, Write
from imagegen.adapters.database.tables import attempts, generations
from imagegen.adapters.database.transaction import Repository
from imagegen.domain.attempts import Attempt, Outcome, outcome_of
from imagegen.domain.errors import Billed, ProviderError
from imagegen.domain.identifiers import AttemptId, GenerationId, WorkerId
from imagegen.domain.ports import Attempts

_MOST_AT_ONCE: Final = 1_000
_MOST_LOOKED_AT: Final = 10_000

_OF_GENERATION = Query(
    select(attempts).where(attempts.c.generation_id == bindparam("generation_id")).order_by(attempts.c.number),
    attempt_of,
)
_ADD = insert(attempts)
_ENDING = ("finished_at", "outcome", "billed", "cost_micros", "provider_request_id", "error_code")
_OPEN_ENDING = ("finished_at", "outcome", "billed", "cost_micros", "error_code")
_UPDATE = (
    update(attempts).where(attempts.c.id == bindparam("ended")).values({name: bindparam(name) for name in _ENDING})
)

_GET = Query(select(attempts).where(attempts.c.id == bindparam("id")), attempt_of)
_LATEST = (
    select(attempts)
    .where(attempts.c.id > bindparam("worker_id"))
    .order_by(attempts.c.id.desc())
    .limit(_MOST_LOOKED_AT)
    .subquery("latest")
)
# Not a join nor `EXISTS`: either would let Postgres begin at the other end, and read all generations there are.
_MADE_THERE = (
    select(generations.c.worker_id).where(generations.c.id == _LATEST.c.generation_id).scalar_subquery()
) == bindparam("worker_id")
_LATEST_OF = Query(
    select(_LATEST)
    .where(_LATEST.c.outcome != Outcome.STARTED, _MADE_THERE)
    .order_by(_LATEST.c.id.desc())
    .limit(_MOST_AT_ONCE),
    attempt_of,
)
_END_OPEN = (
    update(attempts)
    .where(attempts.c.generation_id == bindparam("of"), attempts.c.outcome == Outcome.STARTED)
    .values({name: bindparam(name) for name in _OPEN_ENDING})
)


class SqlAttempts(Repository, Attempts):
    """The calls to providers."""

    async def of_generation(self, generation_id: GenerationId) -> Sequence[Attempt]:
        """List the calls by their number."""
        return await self._transaction.look_up(_OF_GENERATION, {"generation_id": generation_id})

    def add(self, attempt: Attempt) -> None:
        """Insert a row."""
        self._transaction.write(Write(_ADD, attempt_values(attempt)))

    def update(self, attempt: Attempt) -> None:
        """Set how the call ended; it must be there."""
        self._transaction.write(Write(_UPDATE, {**attempt_values(attempt), "ended": attempt.id}, checked=True))

    async def get(self, attempt_id: AttemptId) -> Attempt | None:
        """Look the call up by primary key."""
        return await self._transaction.one(_GET, {"id": attempt_id})

    async def latest_of(self, worker_id: WorkerId) -> Sequence[Attempt]:
        """Go back by the primary key, and look each generation up by its own."""
        return await self._transaction.scan(_LATEST_OF, {"worker_id": worker_id})

    def end_open(self, generation_id: GenerationId, error: ProviderError, now: datetime) -> None:
        """Set the same end for all that have none."""
        ending = {
            "finished_at": now,
            "outcome": outcome_of(error),
            "billed": error.billed,
            "cost_micros": 0 if error.billed is Billed.NO else None,
            "error_code": error.code,
        }
        self._transaction.write(Write(_END_OPEN, {**ending, "of": generation_id}))
