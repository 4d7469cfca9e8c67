"""What is read out of the refusals of the services."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import msgspec
import pytest

from imagegen.adapters.providers.gemini.refusals import refused as gemini_refused
from imagegen.adapters.providers.openai.refusals import refused as openai_refused
from imagegen.adapters.providers.wire.exchange import Answer
from imagegen.adapters.providers.wire.labels import error_code, request_id
from imagegen.domain.errors import Billed, ContentBlocked, ProviderAccount, Stage


def openai_answer(status: int, *, headers: dict[str, str] | None = None, **error: object) -> Answer:
    """An answer in OpenAI's form."""
    return Answer(status, headers or {}, memoryview(msgspec.json.encode({"error": error})))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "7", "retry-after-ms": "6500"}, 6.5),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "1e300"}, 86_400.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Wed, 01 Jan 2020 00:00:00 GMT"}, 0.0),
        ({"x-ratelimit-reset-requests": "12ms"}, 0.012),
        ({"x-ratelimit-reset-requests": "1s", "x-ratelimit-reset-tokens": "6m0s"}, 360.0),
        ({"x-ratelimit-reset-requests": "1h0m1.5s"}, 3601.5),
        ({"x-ratelimit-reset-requests": "whenever"}, None),
        ({"retry-after": "7", "x-ratelimit-reset-tokens": "6m0s"}, 7.0),
    ],
)
def test_openai_says_in_headers_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    """The most exact word counts, and none is believed that makes no sense."""
    assert openai_refused(openai_answer(429, headers=headers)).retry_after == pytest.approx(seconds)


def test_openai_may_name_a_moment() -> None:
    """The seconds until then are to be waited."""
    moment = datetime.now(UTC) + timedelta(hours=1)
    wait = openai_refused(openai_answer(429, headers={"retry-after": format_datetime(moment, usegmt=True)})).retry_after
    assert wait is not None
    assert 3_000 < wait <= 3_600


@pytest.mark.parametrize(
    ("message", "stage", "billed"),
    [
        ("Your request was rejected by the safety system. safety_violations=[violence].", Stage.INPUT, Billed.NO),
        ("The generated image was rejected by the safety system.", Stage.OUTPUT, Billed.UNKNOWN),
        ("Blocked by output moderation.", Stage.OUTPUT, Billed.UNKNOWN),
        (None, Stage.INPUT, Billed.NO),
        (["odd"], Stage.INPUT, Billed.NO),
    ],
)
def test_openai_blocks_prompts_and_pictures_under_one_code(message: object, stage: Stage, billed: Billed) -> None:
    """Only the message tells which; a drawn picture may have been billed."""
    error = openai_refused(openai_answer(400, code="moderation_blocked", message=message))
    assert isinstance(error, ContentBlocked)
    assert (error.stage, error.billed, error.provider_code) == (stage, billed, "moderation_blocked")


@pytest.mark.parametrize("status", [400, 429])
@pytest.mark.parametrize("code", ["billing_hard_limit_reached", "insufficient_quota"])
def test_openai_without_credit_is_no_matter_of_waiting(code: str, status: int) -> None:
    """Though it may come with the status of a rate limit."""
    error = openai_refused(openai_answer(status, code=code, headers={"retry-after": "1"}))
    assert isinstance(error, ProviderAccount)
    assert error.retry_after is None


@pytest.mark.parametrize(
    ("delay", "seconds"), [("34s", 34.0), ("0.5s", 0.5), ("34", None), ("-1s", None), (34, None), ("9999999s", None)]
)
def test_google_says_in_details_how_long_to_wait(delay: object, seconds: float | None) -> None:
    """A delay that is none is left out."""
    body = {"error": {"status": "RESOURCE_EXHAUSTED", "details": [{"x": 1}, {"retryDelay": delay}]}}
    assert gemini_refused(429, body).retry_after == seconds


@pytest.mark.parametrize("reason", ["API_KEY_INVALID", "API_KEY_EXPIRED", "BILLING_DISABLED"])
def test_google_refuses_a_key_with_the_status_of_a_bad_request(reason: str) -> None:
    """The reason in the details tells them apart."""
    error = gemini_refused(400, {"error": {"status": "INVALID_ARGUMENT", "details": [{"reason": reason}]}})
    assert isinstance(error, ProviderAccount)
    assert error.provider_code == reason


@pytest.mark.parametrize("text", ["moderation_blocked", "RESOURCE_EXHAUSTED", "x"])
def test_a_plain_code_is_kept(text: str) -> None:
    """It helps whoever asks the provider's support."""
    assert error_code(text) == text


@pytest.mark.parametrize("text", ["", "sk-proj-1", "two words", "x" * 65, "code1", "_x", "x\n", None, 3, ["x"]])
def test_what_may_be_anything_else_than_a_code_is_dropped(text: object) -> None:
    """A key has figures, a sentence has spaces."""
    assert error_code(text) is None


@pytest.mark.parametrize(("text", "kept"), [("req_8f-1.a:b/c", True), ("", False), ("a b", False), ("x" * 129, False)])
def test_a_name_of_a_call_is_short_and_plain(text: str, kept: bool) -> None:
    """It is shown and logged."""
    assert (request_id(text) == text) is kept
