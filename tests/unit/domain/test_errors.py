"""The tree of errors."""

import re
from collections.abc import Iterator

import pytest

from imagegen.domain import errors
from imagegen.domain.errors import (
    PROVIDER_ERRORS,
    Billed,
    Fault,
    ImagegenError,
    InvalidRequest,
    Overloaded,
    ProviderBusy,
    ProviderError,
    ProviderNotConfigured,
    Stage,
    StorageUnavailable,
)


def descendants(kind: type[ImagegenError]) -> Iterator[type[ImagegenError]]:
    """Everything below an error."""
    for child in kind.__subclasses__():
        yield child
        yield from descendants(child)


KINDS: list[type[ImagegenError]] = [
    ImagegenError,
    *(kind for kind in descendants(ImagegenError) if kind.__module__.startswith(errors.__name__)),
]


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    """Who reads the head of the module has seen every error."""
    drawn = [
        line.lstrip("│├└─ ") for line in (errors.__doc__ or "").splitlines() if line.startswith(("Imagegen", *"│├└ "))
    ]
    names = [name for line in drawn for name in line.partition("  ")[0].split(" · ")]
    assert sorted(names) == sorted(kind.__name__ for kind in KINDS)


def test_a_code_is_stable_and_its_own() -> None:
    """Codes are snake case, and no two errors share one but for a store that is away, whoever notices it."""
    codes = [kind.code for kind in KINDS]
    assert all(re.fullmatch("[a-z]+(_[a-z]+)*", code) for code in codes)
    assert {code for code in codes if codes.count(code) > 1} == {StorageUnavailable.code}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_title_is_a_sentence_without_its_stop(kind: type[ImagegenError]) -> None:
    """It is what a client reads when nothing more is known."""
    assert kind.title[0].isupper()
    assert not kind.title.endswith(".")


def test_the_detail_is_the_title_unless_there_is_more_to_say() -> None:
    """An error always has a sentence."""
    assert str(ImagegenError()) == ImagegenError().detail == ImagegenError.title
    assert str(ImagegenError("The banana is gone.")) == "The banana is gone."


def test_faults_are_the_detail() -> None:
    """What is wrong with each member is also the sentence about the whole."""
    refusal = InvalidRequest(faults=(Fault("/n", "Too many."), Fault("/size", "Too large.")))
    assert refusal.detail == "Too many.; Too large."
    assert InvalidRequest().detail == InvalidRequest.title


def test_what_is_not_available_may_say_when() -> None:
    """The seconds to wait are carried along."""
    assert Overloaded(retry_after=1.5).retry_after == 1.5
    assert Overloaded().retry_after is None


def test_a_provider_error_has_the_defaults_of_its_kind() -> None:
    """A busy provider has charged nothing and may be asked again; what is said of one call goes before."""
    busy = ProviderBusy()
    assert (busy.billed, busy.stage, busy.retryable) == (Billed.NO, Stage.TRANSPORT, True)
    said = ProviderBusy(billed=Billed.UNKNOWN, stage=Stage.INPUT, retryable=False, retry_after=3, request_id="req_1")
    assert (said.billed, said.stage, said.retryable) == (Billed.UNKNOWN, Stage.INPUT, False)
    assert (said.retry_after, said.request_id) == (3, "req_1")


def test_unless_it_is_certain_nobody_says_what_was_billed() -> None:
    """An error of no particular kind has an unknown bill."""
    assert ProviderError().billed is Billed.UNKNOWN


def test_every_end_of_a_call_is_known_by_its_code() -> None:
    """A failure that was stored finds its error again."""
    assert set(PROVIDER_ERRORS.values()) == set(descendants(ProviderError))
    assert all(PROVIDER_ERRORS[code].code == code for code in PROVIDER_ERRORS)


def test_a_missing_key_is_named() -> None:
    """The operator is told which variable to set, or where to add the provider."""
    assert str(ProviderNotConfigured("gemini", ("GOOGLE_API_KEY",))).endswith("not configured: set GOOGLE_API_KEY.")
    assert "IMAGEGEN_PROVIDERS" in str(ProviderNotConfigured("gemini"))
