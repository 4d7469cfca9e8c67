"""The life of a generation."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from builders import NOW, WORKER, failed, new_generation, new_image, new_user, succeeded
from imagegen.domain.errors import (
    PROVIDER_ERRORS,
    Billed,
    ContentBlocked,
    IllegalTransition,
    OutcomeUnknown,
    ProviderError,
    Stage,
)
from imagegen.domain.generations import Adjustment, Failure, Generation, Priority, Status
from imagegen.domain.images import Labels

LATER = NOW + timedelta(seconds=30)
EARLIER = NOW - timedelta(hours=1)
INSTANT = timedelta(microseconds=1)
QUEUED = new_generation(new_user())
RUNNING = QUEUED.start(WORKER, NOW)
FINAL = [succeeded(QUEUED), failed(QUEUED), QUEUED.cancel(NOW)]


def test_three_states_are_final() -> None:
    """Waiting and working are not."""
    assert {status for status in Status if status.final} == {Status.SUCCEEDED, Status.FAILED, Status.CANCELED}


def test_it_starts() -> None:
    """From waiting to working, at a moment and by a worker that are remembered."""
    running = QUEUED.start(WORKER, LATER)
    assert (running.status, running.started_at, running.version) == (Status.RUNNING, LATER, 2)
    assert running.worker_id == WORKER


def test_priorities_are_ranked() -> None:
    """Above each are the higher ones, the highest first."""
    ranked = {priority: list(priority.above) for priority in Priority}
    assert ranked == {
        Priority.LOW: [Priority.HIGH, Priority.NORMAL],
        Priority.NORMAL: [Priority.HIGH],
        Priority.HIGH: [],
    }


def test_it_is_overdue_from_the_moment_by_which_it_was_to_start() -> None:
    """Not before, and never without such a moment."""
    wanted = replace(QUEUED, start_by=LATER)
    assert [wanted.overdue(now) for now in (NOW, LATER - INSTANT, LATER, LATER + INSTANT)] == [False, False, True, True]
    assert not QUEUED.overdue(LATER)


def test_what_has_begun_is_not_overdue() -> None:
    """Only what waits is given up for having waited."""
    for generation in (RUNNING, *FINAL):
        assert not replace(generation, start_by=NOW).overdue(LATER)


def test_another_model_may_draw_it() -> None:
    """What is asked of whom, and why that differs from what was said, moves along; remembered with the next step."""
    applied = replace(RUNNING.applied, model="easel-1", provider="easel")
    why = (Adjustment("model", "sketch-1", "easel-1", "The first one was busy."),)
    moved = RUNNING.moved(applied, provider="easel", model="easel-1", adjustments=why)
    assert moved == replace(RUNNING, applied=applied, provider="easel", model="easel-1", adjustments=why)
    assert moved.requested == RUNNING.requested
    done = moved.succeed([new_image(moved)], cost_micros=0, now=LATER)
    assert (done.provider, done.adjustments, done.version) == ("easel", why, RUNNING.version + 1)


@pytest.mark.parametrize("generation", [QUEUED, *FINAL], ids=lambda generation: generation.status)
def test_only_what_runs_moves(generation: Generation) -> None:
    """Nobody was asked yet, or nobody is asked any more."""
    with pytest.raises(IllegalTransition, match=str(generation.status)):
        generation.moved(generation.applied, provider="easel", model="easel-1", adjustments=())


def test_it_succeeds_with_its_pictures() -> None:
    """Pictures, cost and what only the answer could tell are remembered."""
    pictures = [new_image(RUNNING, position) for position in range(2)]
    early = Adjustment("seed", 7, None, "It takes no seed.")
    late = Adjustment("size", "1024x1024", "1040x1024", "It drew this.")
    done = replace(RUNNING, adjustments=(early,)).succeed(pictures, cost_micros=39_000, adjustments=(late,), now=LATER)
    assert (done.status, done.finished_at, done.cost_micros) == (Status.SUCCEEDED, LATER, 39_000)
    assert done.images == tuple(pictures)
    assert done.adjustments == (early, late)
    assert done.failure is None


def test_it_does_not_succeed_without_a_picture_of_its_own() -> None:
    """No picture, or anybody else's, is no success."""
    own, strange = new_image(RUNNING), new_image(new_generation(new_user()))
    other_work, other_owner = replace(own, generation_id=strange.generation_id), replace(own, user_id=strange.user_id)
    for pictures in ([], [strange], [own, strange], [other_work], [other_owner]):
        with pytest.raises(IllegalTransition):
            RUNNING.succeed(pictures, cost_micros=0, now=LATER)


@pytest.mark.parametrize("before", [QUEUED, RUNNING], ids=["queued", "running"])
def test_it_fails_with_a_reason(before: Generation) -> None:
    """Sent or not, it can end without a picture, and its cost may be unknown."""
    failure = Failure.of(OutcomeUnknown())
    done = before.fail(failure, cost_micros=None, now=LATER)
    assert (done.status, done.failure, done.cost_micros) == (Status.FAILED, failure, None)
    assert (done.images, done.finished_at) == ((), LATER)


def test_what_is_canceled_before_it_began_costs_nothing() -> None:
    """Nothing was sent, so nothing was billed."""
    done = QUEUED.cancel(LATER)
    assert done.failure is not None
    assert (done.status, done.failure.code, done.failure.billed) == (Status.CANCELED, "canceled", Billed.NO)
    assert done.cost_micros == 0


def test_what_is_canceled_while_it_runs_has_an_unknown_cost() -> None:
    """The provider may have charged for it."""
    done = RUNNING.cancel(LATER)
    assert done.failure is not None
    assert (done.failure.billed, done.cost_micros) == (Billed.UNKNOWN, None)


@pytest.mark.parametrize("final", FINAL, ids=lambda generation: generation.status)
def test_an_end_is_an_end(final: Generation) -> None:
    """Nothing follows, and the error says where it stands."""
    steps: list[Callable[[], Generation]] = [
        lambda: final.start(WORKER, LATER),
        lambda: final.succeed([new_image(final)], cost_micros=0, now=LATER),
        lambda: final.fail(Failure.of(OutcomeUnknown()), cost_micros=0, now=LATER),
        lambda: final.cancel(LATER),
    ]
    for step in steps:
        with pytest.raises(IllegalTransition, match=str(final.status)):
            step()


def test_it_starts_once_and_before_it_succeeds() -> None:
    """Neither is a second worker let in, nor an answer without a call."""
    with pytest.raises(IllegalTransition):
        RUNNING.start(WORKER, LATER)
    with pytest.raises(IllegalTransition):
        QUEUED.succeed([new_image(QUEUED)], cost_micros=0, now=LATER)


@pytest.mark.parametrize("generation", [QUEUED, RUNNING, *FINAL], ids=lambda generation: generation.status)
def test_it_can_be_filed_otherwise_at_any_time(generation: Generation) -> None:
    """Labels are the caller's own, and nothing else changes with them."""
    labels = Labels(title="Banana", tags=("fruit",), favorite=True)
    assert generation.relabel(labels) == replace(generation, labels=labels, version=generation.version + 1)


def test_a_clock_set_back_does_not_turn_its_life_back() -> None:
    """Nothing ends before it began, or begins before it was asked for."""
    running = QUEUED.start(WORKER, EARLIER)
    assert running.started_at == QUEUED.created_at
    done = QUEUED.start(WORKER, LATER).cancel(EARLIER)
    assert done.finished_at == LATER
    assert QUEUED.cancel(EARLIER).finished_at == QUEUED.created_at


def test_progress_is_nothing_or_everything() -> None:
    """Providers do not tell, so neither do we."""
    assert (QUEUED.progress, RUNNING.progress) == (0.0, 0.0)
    assert {generation.progress for generation in FINAL} == {1.0}


@pytest.mark.parametrize("kind", PROVIDER_ERRORS.values(), ids=lambda kind: kind.code)
def test_a_failure_is_its_error_again(kind: type[ProviderError]) -> None:
    """What was remembered raises the same error: kind, sentence, stage, bill and the provider's code."""
    error = kind("It went wrong.", billed=Billed.YES, stage=Stage.OUTPUT, retryable=True, provider_code="E42")
    again = Failure.of(error).error()
    assert type(again) is kind
    assert Failure.of(again) == Failure.of(error)


def test_a_failure_of_no_known_kind_is_still_an_error() -> None:
    """A code from a later version is not lost on an older one."""
    unknown = replace(Failure.of(ContentBlocked()), code="unheard_of")
    assert type(unknown.error()) is ProviderError
