"""What follows when a call to a provider failed."""

import pytest

from imagegen.adapters.providers.gemini.refusals import refused as refused_by_google
from imagegen.adapters.providers.wire.statuses import failure
from imagegen.domain.errors import (
    PROVIDER_ERRORS,
    Billed,
    ContentBlocked,
    ProviderAccount,
    ProviderBusy,
    ProviderError,
    ProviderMisbehaved,
    ProviderUnreachable,
    Stage,
)
from imagegen.domain.retries import Decision, RetryPolicy, Step

POLICY = RetryPolicy()
MOVE, STOP = Decision(Step.MOVE), Decision(Step.STOP)
REFUSED = ProviderUnreachable("No connection could be made.", billed=Billed.NO)
BUSY = ProviderBusy()
LONG = 180.0


def decide(
    error: ProviderError,
    *,
    repeats: int = 0,
    remaining: float = LONG,
    elsewhere: bool = False,
    jitter: float = 0.0,
) -> Decision:
    """What the policy says with nothing said but what a test is about."""
    return POLICY.decide(error, repeats=repeats, remaining=remaining, elsewhere=elsewhere, jitter=jitter)


def repeated(after: float) -> Decision:
    """The same again, after so many seconds."""
    return Decision(Step.REPEAT, after)


@pytest.mark.parametrize("error", [BUSY, REFUSED], ids=lambda error: error.code)
def test_what_may_pass_is_repeated_with_growing_pauses(error: ProviderError) -> None:
    """One second, then twice as many each time, and after three repetitions nothing more."""
    found = [decide(error, repeats=repeats) for repeats in range(5)]
    assert found == [repeated(1), repeated(2), repeated(4), STOP, STOP]


@pytest.mark.parametrize("error", [BUSY, REFUSED], ids=lambda error: error.code)
def test_where_another_can_draw_only_short_pauses_are_waited(error: ProviderError) -> None:
    """Two quick repetitions forgive a blink; a longer pause than a few seconds is not worth it."""
    found = [decide(error, repeats=repeats, elsewhere=True) for repeats in range(4)]
    assert found == [repeated(1), repeated(2), MOVE, MOVE]


def test_a_pause_has_a_longest() -> None:
    """Where many repetitions are allowed, pauses stop growing."""
    patient = RetryPolicy(most_repeats=9)
    found = [patient.decide(BUSY, repeats=n, remaining=LONG, elsewhere=False).after for n in (4, 5, 8)]
    assert found == [16, 30, 30]


@pytest.mark.parametrize("status", [429, 503])
def test_the_provider_is_taken_at_its_word(status: int) -> None:
    """What it asks to wait is waited in full, but never less than we would have waited."""

    def asked_to_wait(seconds: float) -> ProviderError:
        return failure(status, declined=True, retry_after=seconds)

    assert decide(asked_to_wait(34)) == repeated(34)
    assert decide(asked_to_wait(3), elsewhere=True) == repeated(3)
    assert decide(asked_to_wait(0.2), repeats=1) == repeated(2)
    assert decide(asked_to_wait(34), elsewhere=True) == MOVE


def test_a_pause_leaves_time_for_the_call() -> None:
    """Otherwise the call would be cut off, and billed perhaps; the last second that fits is taken."""
    assert decide(ProviderBusy(retry_after=150)) == repeated(150)
    assert decide(ProviderBusy(retry_after=151)) == STOP
    assert decide(ProviderBusy(retry_after=151), elsewhere=True) == MOVE
    assert decide(ProviderBusy(retry_after=float("inf"))) == STOP


@pytest.mark.parametrize("error", [BUSY, REFUSED, ProviderAccount()], ids=lambda error: error.code)
@pytest.mark.parametrize("remaining", [29.9, 0.0, -5.0])
def test_nothing_is_begun_without_time_for_it(error: ProviderError, remaining: float) -> None:
    """Not here and not elsewhere."""
    assert decide(error, remaining=remaining, elsewhere=True) == STOP
    assert decide(error, remaining=remaining) == STOP


def test_chance_spreads_those_who_were_refused_together() -> None:
    """It adds to the pause, up to our own part of it twice, but takes no time from the call."""
    assert decide(BUSY, repeats=1, jitter=0.5) == repeated(3)
    assert decide(ProviderBusy(retry_after=20), repeats=1, jitter=1.0) == repeated(22)
    assert decide(ProviderBusy(retry_after=149.5), jitter=1.0) == repeated(150)
    assert decide(BUSY, repeats=1, jitter=1.0, elsewhere=True) == repeated(4)


def test_an_account_is_not_asked_twice() -> None:
    """Key, credit or permission do not mend themselves in seconds; another provider's may be in order."""
    assert decide(ProviderAccount()) == STOP
    assert decide(ProviderAccount(), elsewhere=True) == MOVE


@pytest.mark.parametrize("billed", [Billed.YES, Billed.UNKNOWN])
@pytest.mark.parametrize("kind", PROVIDER_ERRORS.values(), ids=lambda kind: kind.code)
def test_what_may_have_been_billed_is_final(kind: type[ProviderError], billed: Billed) -> None:
    """Whatever it was, and whoever else could be asked."""
    assert decide(kind(billed=billed, retry_after=1), elsewhere=True) == STOP


@pytest.mark.parametrize(
    "kind",
    [
        kind
        for kind in (ProviderError, *PROVIDER_ERRORS.values())
        if kind not in {ProviderBusy, ProviderUnreachable, ProviderAccount}
    ],
    ids=lambda kind: kind.code,
)
def test_what_was_said_of_the_request_is_final(kind: type[ProviderError]) -> None:
    """Even unbilled: a refusal by a safety system goes to nobody else, and neither does what is not understood."""
    assert decide(kind(billed=Billed.NO, retry_after=1), elsewhere=True) == STOP


@pytest.mark.parametrize(
    ("status", "alone", "with_others"),
    [
        (400, STOP, STOP),  # malformed, or a safety refusal in words that nobody knows yet
        (401, STOP, MOVE),
        (402, STOP, MOVE),
        (403, STOP, MOVE),
        (404, STOP, MOVE),
        (408, STOP, STOP),
        (409, STOP, STOP),
        (413, STOP, STOP),
        (422, STOP, STOP),
        (429, repeated(1), repeated(1)),
        (303, STOP, STOP),  # it may have been drawn, and lie elsewhere
        (500, STOP, STOP),
        (502, STOP, STOP),
        (499, STOP, STOP),
        (503, STOP, STOP),  # of somebody in between
        (504, STOP, STOP),
        (524, STOP, STOP),
        (529, STOP, STOP),
    ],
)
def test_each_status_has_its_step(status: int, alone: Decision, with_others: Decision) -> None:
    """What providers' answers lead to, through the errors that their adapters really raise."""
    assert decide(failure(status)) == alone
    assert decide(failure(status), elsewhere=True) == with_others


def test_each_refusal_has_its_step() -> None:
    """The refusals that are not told apart by their status alone."""
    key = {"error": {"status": "INVALID_ARGUMENT", "details": [{"reason": "API_KEY_INVALID"}]}}
    limit = {"error": {"status": "RESOURCE_EXHAUSTED", "details": [{"retryDelay": "34s"}]}}
    declined = {"error": {"status": "UNAVAILABLE"}}
    assert decide(refused_by_google(400, key), elsewhere=True) == MOVE
    assert decide(refused_by_google(429, limit)) == repeated(34)
    assert decide(refused_by_google(503, declined)) == repeated(1)
    assert decide(ContentBlocked(stage=Stage.INPUT, billed=Billed.NO), elsewhere=True) == STOP
    assert decide(ProviderMisbehaved(stage=Stage.INPUT, billed=Billed.NO), elsewhere=True) == STOP
