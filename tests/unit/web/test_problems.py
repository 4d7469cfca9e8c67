"""Errors as clients see them."""

import inspect

import msgspec
import pytest
from litestar.exceptions import HTTPException, ImproperlyConfiguredException, NotFoundException

from imagegen.domain import errors
from imagegen.domain.errors import (
    Billed,
    Fault,
    ImagegenError,
    InvalidRequest,
    Overloaded,
    ProviderBusy,
    ProviderError,
    ProviderNotConfigured,
)
from imagegen.web.problems import STATUS, Refusal, problem_of, status_of

ERRORS = [kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, ImagegenError)]


def made(kind: type[ImagegenError]) -> ImagegenError:
    """An error of that kind, with whatever it needs."""
    return kind("easel") if kind in {ProviderNotConfigured, errors.AlreadyExists} else kind()


@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_of_the_core_is_a_problem(kind: type[ImagegenError]) -> None:
    """Each has a status of its family, its own code and title, a sentence, and a type that leads to its page."""
    problem, headers = problem_of(made(kind), path="/x", request_id="r")
    assert (problem.code, problem.title, problem.type) == (kind.code, kind.title, f"/problems/{kind.code}")
    assert problem.status == status_of(made(kind))
    assert problem.detail
    assert ("WWW-Authenticate" in headers) == (problem.status == 401)
    assert (problem.status == 500) == (kind is ImagegenError)


def test_the_nearest_family_decides() -> None:
    """A leaf with a status of its own has that one, any other its family's."""
    assert status_of(errors.ContentBlocked()) == 422
    assert status_of(errors.NoImage()) == STATUS[ProviderError]
    assert status_of(errors.WeakPassword()) == STATUS[InvalidRequest]


@pytest.mark.parametrize(
    ("error", "pause"),
    [
        (Overloaded(retry_after=0.2), 1),
        (Overloaded(), 5),
        (ProviderBusy(retry_after=6.5), 7),
        (errors.DatabaseUnavailable(), 5),
        (ProviderNotConfigured("gemini", ("GOOGLE_API_KEY",)), None),
        (errors.NotFound(), None),
    ],
)
def test_what_may_be_tried_again_says_when(error: ImagegenError, pause: int | None) -> None:
    """Whole seconds, in header and body alike; what trying again cannot mend says nothing."""
    problem, headers = problem_of(error, path="/x", request_id="r")
    assert problem.retry_after == pause
    assert headers.get("Retry-After") == (None if pause is None else str(pause))


def test_a_failed_call_says_what_it_means_for_the_money() -> None:
    """Billed or not, worth a retry or not, whose failure it was, and where the generation can be read."""
    error = errors.OutcomeUnknown(billed=Billed.UNKNOWN, provider_code="DEADLINE")
    error.provider, error.generation = "easel", "gen_1"
    problem, headers = problem_of(error, path="/x", request_id="r")
    assert (problem.billed, problem.retryable, problem.provider) == ("unknown", False, "easel")
    assert (problem.provider_code, problem.generation_id) == ("DEADLINE", "gen_1")
    assert headers == {"Location": "/v1/generations/gen_1", "X-Imagegen-Generation-Id": "gen_1"}


def test_faults_lead_into_the_body_or_name_a_parameter() -> None:
    """Where there is no body, what the core found is in the query."""
    error = InvalidRequest(faults=(Fault("/from", "too late"), Fault("/to", "too early")))
    problem, _ = problem_of(error, path="/x", request_id="r")
    assert [fault.pointer for fault in problem.errors] == ["/from", "/to"]
    assert problem.detail == "too late; too early"
    problem, _ = problem_of(error, path="/x", request_id="r", without_body=True)
    assert [fault.pointer for fault in problem.errors] == ["#from", "#to"]


def test_a_refusal_keeps_its_headers() -> None:
    """What is refused before the core is asked has the headers it was given."""
    refusal = Refusal(413, "body_too_large", "Too large", connection="close", content_range="bytes */1")  # type: ignore[arg-type]  # a status is a number too
    problem, headers = problem_of(refusal, path="/x", request_id="r")
    assert (problem.status, problem.detail) == (413, "Too large")
    assert headers == {"connection": "close", "content-range": "bytes */1"}


@pytest.mark.parametrize(
    "error",
    [
        ValueError("secret"),
        KeyError("secret"),
        RecursionError("secret"),
        UnicodeDecodeError("utf-8", b"secret", 0, 1, "secret"),
        ImproperlyConfiguredException("secret"),
        HTTPException("secret", status_code=418),
        ExceptionGroup("secret", [ValueError("secret")]),
    ],
)
def test_anything_else_is_500_and_says_nothing(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """It never fails, never tells, and logs once."""
    problem, headers = problem_of(error, path="/x", request_id="r")
    assert (problem.status, problem.code, headers) == (500, "internal_error", {})
    assert "secret" not in repr(problem)
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_a_path_that_is_no_text_does_not_break_the_answer() -> None:
    """Half a character in a path, which some servers let through, is told as a question mark."""
    problem, _ = problem_of(errors.NotFound(), path="/x\udcff", request_id="r")
    assert msgspec.json.decode(msgspec.json.encode(problem))["instance"] == "/x?"


def test_what_litestar_refuses_is_said_in_our_words() -> None:
    """A missing route has our code and title, and the headers that Litestar gave it."""
    problem, headers = problem_of(NotFoundException("inside", headers={"x": "y"}), path="/x", request_id="r")
    assert (problem.status, problem.code, problem.detail, headers) == (404, "not_found", "Not found", {"x": "y"})
