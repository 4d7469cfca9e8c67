"""No sequence of steps, at whatever times, bends the life of a generation."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from builders import NOW, WORKER, new_attempt, new_generation, new_image, new_user
from imagegen.domain.attempts import Attempt, Outcome
from imagegen.domain.errors import (
    Billed,
    ContentBlocked,
    IllegalTransition,
    OutcomeUnknown,
    ProviderBusy,
    ProviderError,
)
from imagegen.domain.generations import Adjustment, Failure, Generation, Status
from imagegen.domain.images import Image, Labels

STEPS: Final = {
    Status.QUEUED: {Status.RUNNING, Status.FAILED, Status.CANCELED},
    Status.RUNNING: {Status.SUCCEEDED, Status.FAILED, Status.CANCELED},
}
"""The drawing at the head of `imagegen.domain.generations`."""

MOMENTS = st.timedeltas(min_value=timedelta(days=-3), max_value=timedelta(days=3)).map(lambda away: NOW + away)
COSTS = st.none() | st.integers(min_value=0, max_value=10**9)
ERRORS = st.sampled_from([ContentBlocked(), OutcomeUnknown(), ProviderBusy()])
ADJUSTMENTS = st.lists(st.builds(Adjustment, st.just("seed"), st.integers(), st.none(), st.just("")), max_size=2)


class GenerationLife(RuleBasedStateMachine):
    """Takes every step at every moment, legal or not, and holds each against the drawing."""

    def __init__(self) -> None:
        super().__init__()
        self.generation = replace(new_generation(new_user()), start_by=NOW)
        self.first = self.generation

    def step(self, wanted: Status, take: Callable[[Generation], Generation], pictures: tuple[Image, ...] = ()) -> None:
        """Take a step that must succeed if it is in the drawing, and change nothing if it is not."""
        before = self.generation
        try:
            after = take(before)
        except IllegalTransition:
            assert wanted not in STEPS.get(before.status, ())
            return
        assert wanted in STEPS[before.status]
        assert after.status is wanted
        assert after.version == before.version + 1
        assert after.images == before.images + pictures
        assert after.adjustments[: len(before.adjustments)] == before.adjustments
        self.generation = after

    @rule(now=MOMENTS)
    def start(self, now: datetime) -> None:
        """It is about to be sent."""
        self.step(Status.RUNNING, lambda generation: generation.start(WORKER, now))

    @rule(model=st.sampled_from(["sketch-2", "easel-1"]), adjustments=ADJUSTMENTS)
    def move(self, model: str, adjustments: list[Adjustment]) -> None:
        """Another model is asked for it, which is no step in its life and possible only while it runs."""
        before, said = self.generation, tuple(adjustments)
        provider, _, _ = model.partition("-")
        try:
            after = before.moved(before.applied, provider=provider, model=model, adjustments=said)
        except IllegalTransition:
            assert before.status is not Status.RUNNING
        else:
            assert before.status is Status.RUNNING
            assert (after.model, after.adjustments, after.version) == (model, said, before.version)
            self.generation = after

    @rule(now=MOMENTS, count=st.integers(min_value=1, max_value=10), cost=COSTS, adjustments=ADJUSTMENTS)
    def succeed(self, now: datetime, count: int, cost: int | None, adjustments: list[Adjustment]) -> None:
        """Its pictures are here."""
        pictures = tuple(new_image(self.generation, position) for position in range(count))
        said = tuple(adjustments)
        self.step(
            Status.SUCCEEDED,
            lambda generation: generation.succeed(pictures, cost_micros=cost, adjustments=said, now=now),
            pictures,
        )

    @rule(now=MOMENTS, error=ERRORS, cost=COSTS)
    def fail(self, now: datetime, error: ProviderError, cost: int | None) -> None:
        """It ends without a picture."""
        failure = Failure.of(error)
        self.step(Status.FAILED, lambda generation: generation.fail(failure, cost_micros=cost, now=now))

    @rule(now=MOMENTS)
    def cancel(self, now: datetime) -> None:
        """Its owner takes it back."""
        self.step(Status.CANCELED, lambda generation: generation.cancel(now))

    @rule(title=st.none() | st.text(max_size=5))
    def relabel(self, title: str | None) -> None:
        """Its owner files it otherwise, which is no step in its life."""
        before = self.generation
        self.generation = before.relabel(Labels(title=title))
        assert self.generation.version == before.version + 1
        assert (self.generation.status, self.generation.images) == (before.status, before.images)
        assert self.generation.finished_at == before.finished_at

    @invariant()
    def remains_itself(self) -> None:
        """What it is, whose it is and what was asked for never change."""
        constants = "id", "user_id", "api_key_id", "requested", "priority", "created_at", "start_by", "retry_of"
        for constant in constants:
            assert getattr(self.generation, constant) == getattr(self.first, constant)

    @invariant()
    def time_goes_on(self) -> None:
        """It is asked for, begins and ends in that order, whatever the clocks said."""
        created, started, finished = (
            getattr(self.generation, f"{step}_at") for step in ("created", "started", "finished")
        )
        assert started is None or created <= started
        assert finished is None or (started or created) <= finished

    @invariant()
    def says_what_it_is(self) -> None:
        """It has an end if it is final, pictures if it succeeded, and a reason if it did not."""
        generation = self.generation
        assert (generation.finished_at is not None) is generation.status.final
        assert bool(generation.images) is (generation.status is Status.SUCCEEDED)
        assert (generation.failure is not None) is (generation.status in {Status.FAILED, Status.CANCELED})
        assert (generation.worker_id is None) is (generation.started_at is None)
        assert generation.status is not Status.RUNNING or generation.worker_id is not None

    @invariant()
    def is_late_only_while_it_waits(self) -> None:
        """Once it has begun, no time is too late."""
        overdue = self.generation.overdue(NOW + timedelta(days=9))
        assert overdue is (self.generation.status is Status.QUEUED)


class AttemptLife(RuleBasedStateMachine):
    """Settles one call to a provider again and again: only the first time counts."""

    def __init__(self) -> None:
        super().__init__()
        self.attempt = new_attempt(new_generation(new_user()))

    def settle(self, how: Callable[[Attempt], Attempt]) -> None:
        """Settle it, unless it is settled."""
        before = self.attempt
        try:
            self.attempt = how(before)
        except IllegalTransition:
            assert before.outcome is not Outcome.STARTED
        else:
            assert before.outcome is Outcome.STARTED

    @rule(now=MOMENTS, cost=COSTS, billed=st.sampled_from(Billed))
    def succeed(self, now: datetime, cost: int | None, billed: Billed) -> None:
        """It answered."""
        self.settle(lambda call: call.succeed(cost_micros=cost, request_id="req_1", billed=billed, now=now))

    @rule(now=MOMENTS, error=ERRORS, cost=COSTS)
    def fail(self, now: datetime, error: ProviderError, cost: int | None) -> None:
        """It did not."""
        self.settle(lambda call: call.fail(error, now, cost_micros=cost))

    @invariant()
    def says_what_it_is(self) -> None:
        """It ends no earlier than it began, and costs nothing for certain only if it was not billed."""
        assert (self.attempt.finished_at is None) is (self.attempt.outcome is Outcome.STARTED)
        assert self.attempt.finished_at is None or self.attempt.finished_at >= self.attempt.started_at
        if self.attempt.error_code is not None:
            assert (self.attempt.outcome is Outcome.UNKNOWN) is (self.attempt.billed is Billed.UNKNOWN)
            assert self.attempt.billed is not Billed.NO or self.attempt.cost_micros == 0


TestGenerationLife = GenerationLife.TestCase
TestAttemptLife = AttemptLife.TestCase
