"""The life of a batch, and what is told of its requests."""

from dataclasses import replace
from datetime import timedelta

import pytest

from builders import NOW, new_batch, new_user
from imagegen.domain.batches import MOST_FAULTS, Batch, BatchCounts, BatchStatus, each
from imagegen.domain.errors import BrokenCursor, Fault, IllegalTransition, InvalidRequest, ProviderNotConfigured

LATER = NOW + timedelta(seconds=9)
BEFORE = NOW - timedelta(seconds=9)


def a_batch(**counts: int) -> Batch:
    """A batch of three, as far as these numbers say."""
    return replace(new_batch(new_user(), 3), counts=BatchCounts(**counts))


@pytest.mark.parametrize(
    ("counts", "status"),
    [
        ({"queued": 3}, BatchStatus.QUEUED),
        ({"queued": 2, "running": 1}, BatchStatus.RUNNING),
        ({"queued": 2, "failed": 1}, BatchStatus.RUNNING),
        ({"queued": 2}, BatchStatus.RUNNING),  # one of them was deleted
        ({"succeeded": 1, "failed": 1, "canceled": 1}, BatchStatus.RUNNING),
    ],
)
def test_a_batch_runs_from_its_first_to_its_last(counts: dict[str, int], status: BatchStatus) -> None:
    """It is queued while all of it waits, and runs until it is said that it is finished."""
    assert a_batch(**counts).status is status


def test_a_batch_is_finished_once() -> None:
    """When nothing of it is unfinished it ends, however its generations did; a clock that was set back changes it."""
    batch = a_batch(succeeded=1, failed=2)
    finished = batch.finish(LATER)
    assert (finished.status, finished.finished_at, finished.version) == (BatchStatus.FINISHED, LATER, 2)
    assert batch.finish(BEFORE).finished_at == NOW
    for step in (finished.finish, finished.cancel):
        with pytest.raises(IllegalTransition, match="finished"):
            step(LATER)


@pytest.mark.parametrize("left", [{"queued": 1}, {"running": 1}])
def test_a_batch_is_not_finished_before_its_generations(left: dict[str, int]) -> None:
    """As long as any of them has not ended there is no end."""
    with pytest.raises(IllegalTransition, match="running"):
        a_batch(succeeded=2, **left).finish(NOW)


def test_a_batch_is_taken_back_once() -> None:
    """It is canceled at once, and remains so at its end."""
    batch = a_batch(queued=2, running=1)
    canceled = batch.cancel(LATER)
    assert (canceled.status, canceled.canceled_at, canceled.version) == (BatchStatus.CANCELED, LATER, 2)
    assert batch.cancel(BEFORE).canceled_at == NOW
    with pytest.raises(IllegalTransition, match="canceled"):
        canceled.cancel(LATER)
    finished = replace(canceled, counts=BatchCounts(canceled=3)).finish(NOW)
    assert (finished.status, finished.finished_at, finished.version) == (BatchStatus.CANCELED, LATER, 3)


def test_what_is_wrong_with_each_request_is_told() -> None:
    """Every fault of every request leads to it, and no request is found good."""
    faults = {
        1: InvalidRequest(faults=(Fault("/prompt", "Empty."), Fault("/n", "Too many."))),
        3: BrokenCursor("Broken."),
    }

    def read(index: int) -> int:
        if index in faults:
            raise faults[index]
        return -index

    with pytest.raises(InvalidRequest, match="2 of 5") as refusal:
        each(range(5), read)
    assert refusal.value.faults == (
        Fault("/requests/1/prompt", "Empty."),
        Fault("/requests/1/n", "Too many."),
        Fault("/requests/3", "Broken."),
    )
    assert each([0, 2, 4], read) == [0, -2, -4]


def test_one_mistake_made_a_thousand_times_is_told_briefly() -> None:
    """Only so many faults are told, and how many requests have any."""

    def refuse(_: int) -> None:
        raise InvalidRequest(faults=(Fault("/model", "Unknown."),))

    with pytest.raises(InvalidRequest, match="1000 of 1000") as refusal:
        each(range(1000), refuse)
    assert len(refusal.value.faults) == MOST_FAULTS


def test_what_is_no_fault_of_a_request_is_raised() -> None:
    """A provider that is not configured is not the caller's mistake."""

    def refuse(_: int) -> None:
        raise ProviderNotConfigured("easel", ())

    with pytest.raises(ProviderNotConfigured):
        each(range(2), refuse)
