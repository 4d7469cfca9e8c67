"""Usage: one record per finished generation, written with its end and kept when its history is cleared."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Self

from imagegen.domain.attempts import Attempt
from imagegen.domain.errors import Billed
from imagegen.domain.generations import Generation, Status
from imagegen.domain.identifiers import ApiKeyId, GenerationId, UserId


class GroupBy(StrEnum):
    """What a bucket of usage stands for."""

    DAY = "day"
    KEY = "key"
    MODEL = "model"


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRecord:
    """What one generation came to. `cost_micros` is `None` when nobody knows."""

    generation_id: GenerationId
    user_id: UserId
    api_key_id: ApiKeyId | None
    provider: str
    model: str
    finished_at: datetime
    images: int
    failed: bool
    billed: Billed
    cost_micros: int | None

    @classmethod
    def of(cls, generation: Generation, attempts: Iterable[Attempt] = ()) -> Self:
        """The record of a generation that has ended; of pictures only the calls can tell whether they were billed."""
        if generation.finished_at is None:
            raise ValueError("only a finished generation has a usage record")
        failure = generation.failure
        return cls(
            generation_id=generation.id,
            user_id=generation.user_id,
            api_key_id=generation.api_key_id,
            provider=generation.provider,
            model=generation.model,
            finished_at=generation.finished_at,
            images=len(generation.images),
            failed=generation.status is Status.FAILED,
            billed=failure.billed if failure else Billed.of_all(attempt.billed for attempt in attempts),
            cost_micros=generation.cost_micros,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageBucket:
    """The sum of some records. `cost_micros` sums the known costs; `unknown_costs` counts the others."""

    bucket: date | ApiKeyId | str | None
    requests: int
    images: int
    failures: int
    cost_micros: int
    unknown_costs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageQuery:
    """Whose usage, from `since` (inclusive) until `until` (exclusive), in which buckets."""

    user_id: UserId
    since: datetime
    until: datetime
    group_by: GroupBy
