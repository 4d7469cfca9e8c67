"""The life of one call to a provider."""

from datetime import timedelta

import pytest

from builders import NOW, WORKER, new_attempt, new_generation, new_user
from imagegen.domain.attempts import Outcome
from imagegen.domain.errors import Billed, IllegalTransition, ProviderBusy

LATER = NOW + timedelta(seconds=30)
EARLIER = NOW - timedelta(hours=1)
RUNNING = new_generation(new_user()).start(WORKER, NOW)


def test_a_call_that_answered_is_settled() -> None:
    """What it cost and what the provider calls it are remembered."""
    attempt = new_attempt(RUNNING).succeed(cost_micros=39_000, request_id="req_1", billed=Billed.YES, now=LATER)
    assert (attempt.outcome, attempt.billed, attempt.cost_micros) == (Outcome.SUCCEEDED, Billed.YES, 39_000)
    assert (attempt.provider_request_id, attempt.finished_at) == ("req_1", LATER)


@pytest.mark.parametrize(
    ("billed", "outcome", "cost"),
    [(Billed.NO, Outcome.FAILED, 0), (Billed.YES, Outcome.FAILED, 500), (Billed.UNKNOWN, Outcome.UNKNOWN, 500)],
)
def test_a_call_that_failed_costs_nothing_only_for_certain(billed: Billed, outcome: Outcome, cost: int) -> None:
    """Where it may have been billed, the outcome is unknown and the cost is what is known of it."""
    error = ProviderBusy(billed=billed, request_id="req_2")
    attempt = new_attempt(RUNNING).fail(error, LATER, cost_micros=500)
    assert (attempt.outcome, attempt.billed, attempt.cost_micros) == (outcome, billed, cost)
    assert (attempt.error_code, attempt.provider_request_id) == ("provider_busy", "req_2")


def test_a_call_ends_once_and_not_before_it_began() -> None:
    """Its end is final too, and clocks that are set back do not matter."""
    ended = new_attempt(RUNNING).fail(ProviderBusy(), EARLIER)
    assert ended.finished_at == ended.started_at
    with pytest.raises(IllegalTransition):
        ended.fail(ProviderBusy(), LATER)
    with pytest.raises(IllegalTransition):
        ended.succeed(cost_micros=0, request_id=None, billed=Billed.NO, now=LATER)
