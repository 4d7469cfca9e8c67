"""Trying again: whatever fails however often, no money is risked, nobody is pestered, and it ends."""

from itertools import accumulate, pairwise
from typing import Final

from hypothesis import event, given
from hypothesis import strategies as st

from imagegen.domain.catalog import Capabilities, ImageModel
from imagegen.domain.circuits import Circuit, Circuits
from imagegen.domain.errors import (
    PROVIDER_ERRORS,
    Billed,
    ContentBlocked,
    OutcomeUnknown,
    ProviderBusy,
    ProviderError,
    ProviderUnreachable,
    Stage,
)
from imagegen.domain.images import Size
from imagegen.domain.prices import Price
from imagegen.domain.retries import Decision, RetryPolicy, Step
from imagegen.domain.sizes import NamedSize, Sizes

SECONDS = st.floats(min_value=0, max_value=400)
MOMENTS = st.floats(min_value=0, max_value=20)
CHANCES = st.floats(min_value=0, max_value=1)

POLICIES = st.builds(
    RetryPolicy,
    most_repeats=st.integers(min_value=1, max_value=5),
    first_pause=st.floats(min_value=0.01, max_value=5),
    longest_pause=st.floats(min_value=0.01, max_value=60),
    patience=SECONDS,
    least_call=MOMENTS,
)

PASSING = st.builds(
    lambda kind, retry_after: kind(billed=Billed.NO, retry_after=retry_after),
    st.sampled_from([ProviderBusy, ProviderUnreachable]),
    st.none() | MOMENTS,
)
ERRORS = st.builds(
    lambda kind, **said: kind(**said),
    st.sampled_from([ProviderError, *PROVIDER_ERRORS.values()]),
    billed=st.none() | st.sampled_from(Billed),
    stage=st.none() | st.sampled_from(Stage),
    retryable=st.none() | st.booleans(),
    retry_after=st.none() | SECONDS | st.floats(allow_nan=False),
)


@st.composite
def decisions(draw: st.DrawFn) -> tuple[ProviderError, float, Decision]:
    """An error, the seconds that remained, and what some policy said to it."""
    error, remaining = draw(PASSING | ERRORS), draw(SECONDS)
    repeats, jitter = draw(st.sampled_from([0, 1, 2, 3, 10_000])), draw(CHANCES)
    policy, elsewhere = draw(POLICIES), draw(st.booleans())
    decision = policy.decide(error, repeats=repeats, remaining=remaining, elsewhere=elsewhere, jitter=jitter)
    assert elsewhere or decision.step is not Step.MOVE
    event(decision.step)
    return error, remaining, decision


@given(decisions())
def test_what_may_have_been_billed_is_never_tried_again(said: tuple[ProviderError, float, Decision]) -> None:
    """Neither here nor elsewhere, and nor is what a safety system refused."""
    error, _, decision = said
    if error.billed is not Billed.NO or isinstance(error, ContentBlocked | OutcomeUnknown):
        assert decision == Decision(Step.STOP)


@given(decisions())
def test_a_pause_is_as_long_as_was_asked_and_as_short_as_must_be(said: tuple[ProviderError, float, Decision]) -> None:
    """No provider is asked before the time that it named, and no pause outlasts the deadline."""
    error, remaining, decision = said
    if decision.step is Step.REPEAT:
        assert decision.after >= (error.retry_after or 0)
        assert 0 < decision.after <= remaining
    else:
        assert decision.after == 0


@given(POLICIES, st.lists(PASSING, min_size=10), st.lists(CHANCES, min_size=10), SECONDS, st.booleans())
def test_trying_again_ends(
    policy: RetryPolicy, errors: list[ProviderError], chances: list[float], deadline: float, elsewhere: bool
) -> None:
    """At one provider, after so many repetitions at the most, and with time left for the last of them."""
    remaining, repeats = deadline, 0
    for error, jitter in zip(errors, chances, strict=False):
        decision = policy.decide(error, repeats=repeats, remaining=remaining, elsewhere=elsewhere, jitter=jitter)
        if decision.step is not Step.REPEAT:
            break
        repeats += 1
        remaining -= decision.after
        assert remaining >= policy.least_call - 1e-9
    event(f"{repeats} repetitions")
    assert repeats <= policy.most_repeats


# --- circuits ---

PAUSE: Final = 10.0
LONGEST: Final = 60.0
THRESHOLD: Final = 3


def model(id: str, provider: str) -> ImageModel:
    """A model of which only the name matters."""
    sizes = Sizes((NamedSize(size=Size(1024, 1024), aspect_ratio="1:1"),))
    return ImageModel(id=id, provider=provider, capabilities=Capabilities(sizes=sizes), price=Price(free=True))


MODELS: Final = (model("one", "alpha"), model("sibling", "alpha"), model("one", "beta"))

Call = tuple[float, ImageModel, ProviderError | None, bool]
"""The seconds since the last one, the model, how it ends, and whether anybody notes that."""

CALLS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.5, PAUSE / 2, PAUSE, LONGEST]),
        st.sampled_from(MODELS),
        st.none() | ERRORS | st.builds(ProviderUnreachable),
        st.booleans(),
    ),
    max_size=40,
)


def circuits() -> Circuits:
    """New circuits that break soon."""
    return Circuits(fresh=Circuit(threshold=THRESHOLD, pause=PAUSE, longest=LONGEST))


def play(found: Circuits, calls: list[Call]) -> float:
    """Make the calls that are admitted, and return the moment of the last one."""
    now = 0.0
    for since, drawing, error, noted in calls:
        now += since
        if found.admit(drawing, now) is None and noted:
            found.note(drawing, error, now)
    return now


@given(CALLS)
def test_every_circuit_admits_again(calls: list[Call]) -> None:
    """After the longest time that anybody may name, whatever happened and whatever was never heard of."""
    found = circuits()
    now = play(found, calls)
    for drawing in MODELS:
        refusal = found.admit(drawing, now)
        assert refusal is None or 0 < (refusal.retry_after or 0) <= max(PAUSE, LONGEST)
    now += max(PAUSE, LONGEST)
    assert [found.admit(drawing, now) for drawing in (MODELS[0], MODELS[2])] == [None, None]


@given(CALLS)
def test_the_time_that_is_told_is_the_time(calls: list[Call]) -> None:
    """Who comes back when a refusal said is let through, unless somebody was quicker."""
    found = circuits()
    now = play(found, calls)
    refusal = found.admit(MODELS[0], now)
    if refusal is not None:
        again = now + (refusal.retry_after or 0)
        assert found.admit(MODELS[0], again - 1e-6) is not None
        assert found.admit(MODELS[0], again + 1e-6) is None


@given(CALLS, st.lists(st.sampled_from([0.1, 1.0, PAUSE / 3, PAUSE]), min_size=10, max_size=40))
def test_a_broken_circuit_is_probed_by_one_at_a_time(calls: list[Call], steps: list[float]) -> None:
    """As long as no answer comes, calls to a provider are a pause apart, whichever its models."""
    found = circuits()
    begun = play(found, calls)
    for _ in range(THRESHOLD):
        found.note(MODELS[0], ProviderUnreachable(), begun)
    calls_of_two = zip(accumulate(steps, initial=begun), MODELS[:2] * len(steps), strict=False)
    probes = [now for now, drawing in calls_of_two if found.admit(drawing, now) is None]
    event(f"{len(probes)} probes")
    assert all(later - earlier >= PAUSE - 1e-6 for earlier, later in pairwise(probes))


@given(st.lists(st.tuples(st.sampled_from(MODELS), ERRORS)))
def test_nothing_that_is_said_of_requests_opens_a_circuit(ends: list[tuple[ImageModel, ProviderError]]) -> None:
    """Prompts that are refused, pictures that never come out and callers who go away shut nobody out."""
    found = circuits()
    for drawing, error in ends:
        if error.code not in {"provider_busy", "provider_unreachable", "provider_account", "outcome_unknown"}:
            found.note(drawing, error, 0.0)
    assert [found.admit(drawing, 0.0) for drawing in MODELS] == [None] * len(MODELS)
