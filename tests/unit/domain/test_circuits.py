"""Leaving alone what fails, and finding out when it is back."""

from decimal import Decimal

import pytest

from imagegen.domain.catalog import Capabilities, ImageModel
from imagegen.domain.circuits import Circuit, Circuits
from imagegen.domain.errors import (
    Billed,
    ContentBlocked,
    DeadlineExceeded,
    GenerationCanceled,
    NoImage,
    OutcomeUnknown,
    PictureNotStored,
    ProviderAccount,
    ProviderBusy,
    ProviderError,
    ProviderMisbehaved,
    ProviderUnreachable,
)
from imagegen.domain.images import Size
from imagegen.domain.prices import Price
from imagegen.domain.retries import RetryPolicy, Step
from imagegen.domain.sizes import NamedSize, Sizes

NOW = 1000.0
REFUSED = ProviderUnreachable("No connection could be made.", billed=Billed.NO)


def model(id: str, provider: str = "alpha") -> ImageModel:
    """A model of which only the name matters."""
    sizes = Sizes((NamedSize(size=Size(1024, 1024), aspect_ratio="1:1"),))
    return ImageModel(
        id=id, provider=provider, capabilities=Capabilities(sizes=sizes), price=Price(output_image=Decimal(30))
    )


ONE, SIBLING, OTHER = model("one"), model("sibling"), model("one", "beta")


def circuits(*errors: ProviderError | None) -> Circuits:
    """Circuits that break at the third failure, after these ends of calls to `ONE`."""
    found = Circuits(fresh=Circuit(threshold=3))
    for error in errors:
        found.note(ONE, error, NOW)
    return found


def open_to(found: Circuits, now: float = NOW) -> list[ImageModel]:
    """The models that may be called."""
    return [model for model in (ONE, SIBLING, OTHER) if found.admit(model, now) is None]


# --- one circuit ---


def test_a_circuit_is_closed_until_it_fails_several_times_in_a_row() -> None:
    """Chance does not break it, and an answer in between starts the count anew."""
    circuit = Circuit(threshold=3)
    for _ in range(3):
        circuit = circuit.after_failure(REFUSED, NOW).after_failure(REFUSED, NOW)
        assert circuit.admits(NOW)
        assert circuit.after_admission(NOW) == circuit
        circuit = circuit.after_answer()
    assert not circuit.after_failure(REFUSED, NOW).broken


def broken() -> Circuit:
    """A circuit that broke now."""
    circuit = Circuit(threshold=2, pause=10)
    return circuit.after_failure(REFUSED, NOW).after_failure(REFUSED, NOW)


def test_a_broken_circuit_is_open_for_its_pause() -> None:
    """The refusal says how long it will be."""
    circuit = broken()
    assert not circuit.admits(NOW + 9.9)
    assert circuit.refusal(NOW + 4).retry_after == 6
    assert circuit.admits(NOW + 10)


def test_then_it_lets_one_probe_through() -> None:
    """Nobody else, until the probe's end is known."""
    probing = broken().after_admission(NOW + 10)
    assert not probing.admits(NOW + 10)
    assert probing.after_answer().admits(NOW + 10.1)
    assert not probing.after_answer().broken
    failed = probing.after_failure(REFUSED, NOW + 12)
    assert not failed.admits(NOW + 21.9)
    assert failed.admits(NOW + 22)


def test_a_probe_that_is_never_heard_of_is_not_waited_for() -> None:
    """After another pause there is another probe."""
    probing = broken().after_admission(NOW + 10)
    assert not probing.admits(NOW + 19.9)
    assert probing.admits(NOW + 20)
    assert not probing.after_admission(NOW + 20).admits(NOW + 20)


def test_a_late_failure_does_not_shorten_the_pause() -> None:
    """Of several failures the last one counts, in whatever order their moments are handed in."""
    assert broken().after_failure(REFUSED, NOW - 5).until == NOW + 10


def test_who_names_a_time_is_left_alone_until_then() -> None:
    """At the first failure already, and whatever others bring home meanwhile; afterwards everybody may call."""
    circuit = Circuit().after_failure(ProviderBusy(retry_after=34), NOW)
    for waiting in (circuit, circuit.after_answer(), circuit.after_failure(REFUSED, NOW).after_answer()):
        assert not waiting.admits(NOW + 33.9)
        assert waiting.admits(NOW + 34)
        assert waiting.after_admission(NOW + 34).admits(NOW + 34)


def test_who_names_a_time_is_there() -> None:
    """A probe that is told when to come back has found somebody."""
    circuit = broken().after_admission(NOW + 10).after_failure(ProviderBusy(retry_after=34), NOW + 11)
    assert not circuit.broken
    assert circuit.until == NOW + 45


def test_a_time_that_is_named_has_a_longest() -> None:
    """An allowance that is whole again tomorrow has room before that."""
    circuit = Circuit(longest=300).after_failure(ProviderBusy(retry_after=86_400), NOW)
    assert circuit.until == NOW + 300


@pytest.mark.parametrize("named", [0.0, -3.0, None])
def test_a_time_that_has_passed_is_none(named: float | None) -> None:
    """It counts as one more failure, and holds nobody up."""
    circuit = Circuit().after_failure(ProviderBusy(retry_after=named), NOW)
    assert circuit.failures == 1
    assert circuit.admits(NOW)


# --- all of them ---


@pytest.mark.parametrize(
    "error",
    [REFUSED, ProviderUnreachable("The provider failed."), OutcomeUnknown()],
    ids=lambda error: f"{error.code}-{error.billed}",
)
def test_a_provider_that_is_down_is_left_alone_with_all_its_models(error: ProviderError) -> None:
    """Another one is not, whatever its models are called."""
    assert open_to(circuits(error, error)) == [ONE, SIBLING, OTHER]
    assert open_to(circuits(error, error, error)) == [OTHER]


@pytest.mark.parametrize("error", [ProviderBusy(), ProviderAccount()], ids=lambda error: error.code)
def test_a_model_that_is_refused_is_left_alone_by_itself(error: ProviderError) -> None:
    """Nobody can shut out the callers of other models by asking for one that the account may not use."""
    assert open_to(circuits(error, error)) == [ONE, SIBLING, OTHER]
    assert open_to(circuits(error, error, error)) == [SIBLING, OTHER]
    assert open_to(circuits(ProviderBusy(retry_after=3))) == [SIBLING, OTHER]


@pytest.mark.parametrize(
    "answer",
    [None, ContentBlocked(), NoImage(), ProviderMisbehaved(), PictureNotStored(), ProviderBusy(), ProviderAccount()],
    ids=lambda error: error.code if error else "success",
)
def test_any_answer_shows_that_the_provider_is_there(answer: ProviderError | None) -> None:
    """Also one that refuses: the circuit of the provider closes, and a caller's bad prompts never open it."""
    assert open_to(circuits(REFUSED, REFUSED, answer, REFUSED, REFUSED)) == [ONE, SIBLING, OTHER]
    found = circuits(REFUSED, REFUSED, REFUSED)
    assert SIBLING not in open_to(found)
    found.note(ONE, answer, NOW)
    assert SIBLING in open_to(found)


@pytest.mark.parametrize("error", [ContentBlocked(), NoImage(), ProviderMisbehaved(), PictureNotStored()])
def test_what_is_said_of_a_request_breaks_nothing(error: ProviderError) -> None:
    """However often it is said."""
    assert open_to(circuits(*[error] * 20)) == [ONE, SIBLING, OTHER]


@pytest.mark.parametrize("error", [GenerationCanceled(), DeadlineExceeded()], ids=lambda error: error.code)
def test_what_we_ended_ourselves_tells_nothing(error: ProviderError) -> None:
    """It neither breaks a circuit nor mends it."""
    assert open_to(circuits(*[error] * 20)) == [ONE, SIBLING, OTHER]
    assert open_to(circuits(REFUSED, REFUSED, error, REFUSED)) == [OTHER]
    assert open_to(circuits(REFUSED, REFUSED, REFUSED, error)) == [OTHER]


def test_one_probe_serves_a_provider_and_a_model() -> None:
    """While it is out, no other model is tried; its answer opens both."""
    found = circuits(REFUSED, REFUSED, REFUSED)
    assert open_to(found, NOW + 10) == [ONE, OTHER]
    found.note(ONE, None, NOW + 30)
    assert open_to(found, NOW + 30) == [ONE, SIBLING, OTHER]


def test_a_model_has_a_probe_of_its_own() -> None:
    """While it is out, the provider's other models are called as ever."""
    found = circuits(ProviderAccount(), ProviderAccount(), ProviderAccount())
    assert open_to(found, NOW + 10) == [ONE, SIBLING, OTHER]
    assert open_to(found, NOW + 10) == [SIBLING, OTHER]


def test_a_call_that_is_not_admitted_is_no_probe() -> None:
    """Who is refused for a model's sake takes no probe from the provider."""
    found = circuits(ProviderBusy(retry_after=60), REFUSED, REFUSED, REFUSED)
    assert found.admit(ONE, NOW + 10) is not None
    assert found.admit(SIBLING, NOW + 10) is None


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (REFUSED, ProviderUnreachable),
        (OutcomeUnknown(), ProviderUnreachable),
        (ProviderBusy(), ProviderBusy),
        (ProviderAccount(), ProviderAccount),
    ],
)
def test_a_refusal_is_of_the_kind_that_broke_the_circuit(error: ProviderError, kind: type[ProviderError]) -> None:
    """Certainly not billed, in our words, with the time of the next probe; so the policy treats it alike."""
    refusal = circuits(error, error, error).admit(ONE, NOW + 4)
    assert refusal is not None
    assert type(refusal) is kind
    assert (refusal.billed, refusal.retry_after) == (Billed.NO, 6)
    assert refusal.detail.endswith("it was not asked.")
    decision = RetryPolicy().decide(refusal, repeats=0, remaining=180, elsewhere=True)
    assert decision.step is Step.MOVE


def test_of_two_reasons_the_longer_one_is_told() -> None:
    """Nobody comes back to be refused again for something that was known."""
    refusal = circuits(ProviderBusy(retry_after=60), REFUSED, REFUSED, REFUSED).admit(ONE, NOW)
    assert isinstance(refusal, ProviderBusy)
    assert refusal.retry_after == 60
