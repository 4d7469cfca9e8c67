"""Batches, and what came of them."""

from typing import Self

from msgspec import Struct

from imagegen.domain.batches import Batch, BatchStatus
from imagegen.domain.generations import Generation
from imagegen.domain.identifiers import BATCH, external
from imagegen.web.api.moments import Moment
from imagegen.web.api.views.generations import Address, GenerationView


class BatchCountsView(Struct, frozen=True, kw_only=True):
    """How many generations of a batch are in each state; those that were deleted are in none."""

    queued: int
    running: int
    succeeded: int
    failed: int
    canceled: int


class BatchView(Struct, frozen=True, kw_only=True):
    """Requests that were handed in as one: `total` of them, counted by what became of each."""

    id: str
    status: BatchStatus
    total: int
    counts: BatchCountsView
    created_at: Moment
    canceled_at: Moment | None
    finished_at: Moment | None

    @classmethod
    def of(cls, batch: Batch) -> Self:
        """The batch as it stands."""
        counts = batch.counts
        return cls(
            id=external(BATCH, batch.id),
            status=batch.status,
            total=batch.total,
            counts=BatchCountsView(
                queued=counts.queued,
                running=counts.running,
                succeeded=counts.succeeded,
                failed=counts.failed,
                canceled=counts.canceled,
            ),
            created_at=batch.created_at,
            canceled_at=batch.canceled_at,
            finished_at=batch.finished_at,
        )


class ResultView(Struct, frozen=True, kw_only=True):
    """What came of one request of a batch: the one at `index`, counted from 0."""

    index: int
    external_id: str | None
    generation: GenerationView

    @classmethod
    def of(cls, generation: Generation, address: Address) -> Self:
        """The generation in its place."""
        assert generation.batch_index is not None
        return cls(
            index=generation.batch_index,
            external_id=generation.labels.external_id,
            generation=GenerationView.of(generation, address),
        )
