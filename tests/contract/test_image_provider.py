"""The promises of `ImageProvider`, kept by every provider; those that are called over HTTP against scripted fakes.

That the bytes of an answer are a picture is not promised: whoever stores them looks at them. So an answer that is
base64 of something else is an answer here.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from imagegen.adapters.memory import MemoryProvider
from imagegen.adapters.model_book import load_models
from imagegen.adapters.providers import REGISTRY
from imagegen.domain.errors import (
    PROVIDER_ERRORS,
    Billed,
    ContentBlocked,
    DeadlineExceeded,
    NoImage,
    OutcomeUnknown,
    ProviderAccount,
    ProviderBusy,
    ProviderError,
    ProviderMisbehaved,
    ProviderUnreachable,
    Stage,
)
from imagegen.domain.images import ImageRequest
from imagegen.domain.ports import ImageProvider, ProviderAnswer
from imagegen.domain.prices import TokenUsage
from wire import gemini, openai
from wire.behaviors import Behavior, Damage, Intermediary, Picture, RateLimited, Refusal, Slow
from wire.gemini import FakeGemini
from wire.openai import FakeOpenAI
from wire.pictures import draw
from wire.server import Delivery, Reply, refused_port

KEY: Final = "sk-proj-Hm4vR7dT2x"
PROMPT: Final = "A cute banana wearing sunglasses"
LONG: Final = 30.0
"""Seconds that no call here needs."""
MODELS: Final = {"gemini": "gemini-nano-banana-2.1", "openai": "gpt-image-2.6-flare", "sketch": "sketch-1"}
WIRED: Final = ("gemini", "openai")
BOOK: Final = load_models()


Service = FakeGemini | FakeOpenAI


def request_for(name: str, **wishes: Any) -> ImageRequest:
    """An applied request for the model of that provider."""
    return ImageRequest(prompt=PROMPT, model=MODELS.get(name, name), provider=name, **wishes)


def environment(name: str, url: str) -> Mapping[str, str]:
    """What an operator sets for that provider."""
    return {f"{name.upper()}_API_KEY": KEY, f"{name.upper()}_BASE_URL": url, "IMAGEGEN_SKETCH_FAULTS": "1"}


@asynccontextmanager
async def connected(name: str, url: str = "") -> AsyncIterator[ImageProvider]:
    """That provider, at a url."""
    if name == "memory":
        answer = ProviderAnswer(pictures=(draw(64, 64, "png"),) * 2, usage=None, request_id="call-1")
        yield MemoryProvider(name, answer)
        return
    provider = REGISTRY.connect(name, environment(name, url), BOOK)
    try:
        yield provider
    finally:
        await provider.close()


@contextmanager
def played(name: str) -> Iterator[Service]:
    """That provider's service, played on a socket."""
    with FakeGemini() if name == "gemini" else FakeOpenAI() as fake:
        yield fake


@dataclass(frozen=True, slots=True)
class Stand:
    """A provider and the service that it calls."""

    name: str
    provider: ImageProvider
    service: Service

    async def generate(self, *, deadline: float = LONG, **wishes: Any) -> ProviderAnswer:
        """Ask for one picture."""
        return await self.provider.generate(request_for(self.name, **wishes), count=1, deadline=deadline)

    async def failure(self, behavior: Behavior, *, deadline: float = LONG) -> ProviderError:
        """The error that a behavior of the service leads to."""
        self.service.script(behavior)
        with pytest.raises(ProviderError) as raised:
            await self.generate(deadline=deadline)
        return raised.value


@pytest.fixture(params=WIRED)
async def stand(request: pytest.FixtureRequest) -> AsyncIterator[Stand]:
    """Each provider that is called over HTTP, with its service."""
    with played(request.param) as service:
        async with connected(request.param, service.url) as provider:
            yield Stand(request.param, provider, service)


def named(value: object) -> str | None:
    """A short name for a behavior in the list of tests."""
    return repr(value)[:60] if isinstance(value, Behavior) else ""


# --- pictures -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["memory", "sketch"])
async def test_pictures_come_as_they_were_encoded(name: str) -> None:
    """As many as asked for, each whole."""
    async with connected(name) as provider:
        answer = await provider.generate(request_for(name), count=2, deadline=LONG)
    assert provider.name == name
    assert len(answer.pictures) == 2
    for picture in answer.pictures:
        Image.open(BytesIO(picture)).load()


async def test_a_picture_comes_over_the_wire_unchanged(stand: Stand) -> None:
    """The bytes are those that the service drew, asked for once."""
    answer = await stand.generate()
    assert answer.pictures == (draw(1024, 1024, "png"),)
    assert answer.billed is Billed.YES
    assert stand.provider.name == stand.name
    assert len(stand.service.calls) == 1


async def test_several_pictures_come_in_one_call() -> None:
    """Where the model book says that a model draws several in a call."""
    with played("openai") as service:
        async with connected("openai", service.url) as provider:
            answer = await provider.generate(request_for("openai"), count=3, deadline=LONG)
    assert len(set(answer.pictures)) == 3
    assert len(service.calls) == 1


async def test_of_more_pictures_than_asked_for_the_first_are_taken(stand: Stand) -> None:
    """An answer has at most the pictures that were asked for."""
    stand.service.script(Picture(count=3))
    assert (await stand.generate()).pictures == (draw(1024, 1024, "png", 0),)


async def test_what_a_model_thinks_of_is_no_picture(stand: Stand) -> None:
    """Drafts on the way to the picture are left out."""
    stand.service.script(Picture(thoughts=2))
    assert (await stand.generate()).pictures == (draw(1024, 1024, "png", 0),)


@pytest.mark.parametrize(("name", "tokens"), [("gemini", gemini.OUTPUT_TOKENS["1K"]), ("openai", openai.OUTPUT_TOKENS)])
async def test_tokens_are_counted_by_kind(name: str, tokens: int) -> None:
    """The cost is worked out from the service's own figures, and its name for the call is kept."""
    with played(name) as service:
        async with connected(name, service.url) as provider:
            answer = await provider.generate(request_for(name), count=1, deadline=LONG)
    assert answer.usage == TokenUsage(input_text=8, output_image=tokens)
    assert answer.request_id in {"made-up", "req_1"}


async def test_without_figures_nothing_is_counted(stand: Stand) -> None:
    """No figure is made up."""
    stand.service.script(Picture(usage=False))
    answer = await stand.generate()
    assert answer.usage is None
    assert answer.pictures


@pytest.mark.parametrize("damage", [Damage.NOT_AN_IMAGE, Damage.TRUNCATED_IMAGE, Damage.WRONG_MEDIA_TYPE])
async def test_what_can_be_decoded_is_handed_over(stand: Stand, damage: Damage) -> None:
    """Neither the media type of an answer nor the bytes of a picture are judged here."""
    stand.service.script(damage)
    assert len((await stand.generate()).pictures) == 1


async def test_many_can_ask_at_once(stand: Stand) -> None:
    """Also when nothing is connected or imported yet."""
    answers = await asyncio.gather(*(stand.generate() for _ in range(8)))
    assert {len(answer.pictures) for answer in answers} == {1}
    assert len(stand.service.calls) == 8


# --- failures -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an error must say."""

    kind: type[ProviderError]
    billed: Billed
    stage: Stage
    retryable: bool


REFUSED = Outcome(ProviderMisbehaved, Billed.NO, Stage.INPUT, retryable=False)
ACCOUNT = Outcome(ProviderAccount, Billed.NO, Stage.TRANSPORT, retryable=False)
BUSY = Outcome(ProviderBusy, Billed.NO, Stage.TRANSPORT, retryable=True)
AWAY = Outcome(ProviderUnreachable, Billed.NO, Stage.TRANSPORT, retryable=True)
FAILED = Outcome(ProviderUnreachable, Billed.UNKNOWN, Stage.TRANSPORT, retryable=True)
UNKNOWN = Outcome(OutcomeUnknown, Billed.UNKNOWN, Stage.TRANSPORT, retryable=False)
MOVED = Outcome(ProviderMisbehaved, Billed.NO, Stage.TRANSPORT, retryable=False)
UNUSABLE = Outcome(ProviderMisbehaved, Billed.UNKNOWN, Stage.OUTPUT, retryable=False)
PAID_UNUSABLE = Outcome(ProviderMisbehaved, Billed.YES, Stage.OUTPUT, retryable=False)

OUTCOMES: Final[tuple[tuple[Behavior, Outcome], ...]] = (
    (Refusal.INVALID_REQUEST, REFUSED),
    (Refusal.BAD_KEY, ACCOUNT),
    (Refusal.FORBIDDEN, ACCOUNT),
    (Refusal.MODEL_GONE, ACCOUNT),
    (Refusal.SERVER_ERROR, FAILED),
    (Refusal.UNAVAILABLE, AWAY),
    (RateLimited(), BUSY),
    (RateLimited(2.5), BUSY),
    (Damage.TRUNCATED_JSON, UNUSABLE),
    (Damage.TRUNCATED_BASE64, PAID_UNUSABLE),
    (Damage.ILLEGAL_BASE64, PAID_UNUSABLE),
    (Damage.OVERSIZED, UNUSABLE),
    (Damage.OVERSIZED_UNANNOUNCED, UNUSABLE),
    (Intermediary.BAD_GATEWAY, UNKNOWN),
    (Intermediary.LOST_UPSTREAM, UNKNOWN),
    (Intermediary.TIMED_OUT, UNKNOWN),
    (Intermediary.REDIRECT, MOVED),
    (Delivery.RESET_BEFORE, UNKNOWN),
    (Delivery.RESET_MIDWAY, UNKNOWN),
    (Delivery.CLOSE_BEFORE, UNKNOWN),
    (Delivery.CLOSE_MIDWAY, UNKNOWN),
    (Reply(), UNUSABLE),
    (Reply(body=b"\xff\xfe"), UNUSABLE),
    (Reply(body=b"[" * 100_000), UNUSABLE),
    (Reply(body=b'{"x":' * 100_000), UNUSABLE),
    (Reply(body=b"{}" + b" " * (9 << 20)), UNUSABLE),
    (Reply(status=204), UNUSABLE),
    (Reply(status=400, body=b"\xff<html>"), REFUSED),
    (Reply(status=500, body=b"[" * 100_000), FAILED),
    (Reply(status=529), FAILED),
    (Reply(status=429, body=b"Too many requests"), BUSY),
    (Reply(status=502, body=b"\xff\xfe", media_type="text/html; charset=utf-8"), UNKNOWN),
    (Reply(status=503), UNKNOWN),
    (Reply.of({}, 503), UNKNOWN),
    (Reply.of({"error": "UNAVAILABLE"}, 503), UNKNOWN),
    (Reply.of({"error": {"message": "no healthy upstream", "type": "server_error", "code": None}}, 503), UNKNOWN),
    (Reply.of({"error": {"code": 503, "status": "INTERNAL", "details": [{"reason": "UNAVAILABLE"}]}}, 503), UNKNOWN),
    (Reply(status=408), UNKNOWN),
    (Reply(status=499), UNKNOWN),
    (Reply(status=504), UNKNOWN),
)
"""What becomes of a call, the same for all providers."""


@pytest.mark.parametrize(("behavior", "outcome"), OUTCOMES, ids=named)
async def test_a_failure_says_where_and_whether_it_was_billed(
    stand: Stand, behavior: Behavior, outcome: Outcome
) -> None:
    """The service is asked exactly once, whatever it does, and nothing else is asked of it."""
    error = await stand.failure(behavior)
    assert Outcome(type(error), error.billed, error.stage, error.retryable) == outcome
    assert len(stand.service.requests) == 1


@pytest.mark.parametrize("delivery", [Delivery.HANG_BEFORE, Delivery.HANG_MIDWAY, Slow(20.0)])
async def test_no_answer_in_time_may_have_been_billed(stand: Stand, delivery: Behavior) -> None:
    """The deadline holds for the whole answer, and nothing is asked again."""
    await stand.generate()
    error = await stand.failure(delivery, deadline=0.3)
    assert Outcome(type(error), error.billed, error.stage, error.retryable) == UNKNOWN
    assert len(stand.service.requests) == 2


async def test_without_time_nothing_is_sent(stand: Stand) -> None:
    """A call whose time is over before it begins is certainly not billed."""
    with pytest.raises(DeadlineExceeded) as raised:
        await stand.generate(deadline=0.0)
    assert raised.value.billed is Billed.NO
    assert not stand.service.requests


@pytest.mark.parametrize("name", WIRED)
async def test_where_nobody_listens_nothing_was_billed(name: str) -> None:
    """A refused connection may be tried again."""
    with refused_port() as port:
        async with connected(name, f"http://127.0.0.1:{port}") as provider:
            for call in (provider.generate(request_for(name), count=1, deadline=LONG), provider.check()):
                with pytest.raises(ProviderUnreachable) as raised:
                    await call
                assert raised.value.billed is Billed.NO


@pytest.mark.parametrize("name", WIRED)
@pytest.mark.parametrize("url", ["", "localhost", "http://", "http://nobody.invalid", "ftp://127.0.0.1"])
async def test_an_address_that_leads_nowhere_is_unreachable(name: str, url: str) -> None:
    """Nothing was sent, so nothing was billed."""
    async with connected(name, url or "http:///") as provider:
        with pytest.raises(ProviderUnreachable) as raised:
            await provider.generate(request_for(name), count=1, deadline=LONG)
    assert raised.value.billed is Billed.NO


async def test_a_plain_answer_to_an_encrypted_question_is_unreachable() -> None:
    """Where no secure connection comes about, the key and the prompt are not sent."""
    with played("openai") as service:
        async with connected("openai", service.url.replace("http:", "https:")) as provider:
            with pytest.raises(ProviderError) as raised:
                await provider.generate(request_for("openai"), count=1, deadline=0.5)
    assert not service.requests
    assert isinstance(raised.value, ProviderUnreachable | OutcomeUnknown)


async def test_the_seconds_to_wait_are_passed_on(stand: Stand) -> None:
    """Wherever the service says them; where it says none, there are none."""
    assert (await stand.failure(RateLimited(2.5))).retry_after == 2.5
    assert (await stand.failure(RateLimited())).retry_after is None


@pytest.mark.parametrize(("name", "billed"), [("gemini", Billed.UNKNOWN), ("openai", Billed.NO)])
async def test_a_blocked_prompt_is_final(name: str, billed: Billed) -> None:
    """The policy refused the prompt, and asking again is of no use."""
    with played(name) as service:
        async with connected(name, service.url) as provider:
            error = await Stand(name, provider, service).failure(Refusal.BLOCKED_INPUT)
    assert Outcome(type(error), error.billed, error.stage, error.retryable) == Outcome(
        ContentBlocked, billed, Stage.INPUT, retryable=False
    )
    assert len(service.calls) == 1


async def test_a_blocked_picture_may_have_been_billed() -> None:
    """The policy refused what was drawn."""
    with played("gemini") as service:
        async with connected("gemini", service.url) as provider:
            error = await Stand("gemini", provider, service).failure(Refusal.BLOCKED_OUTPUT)
    assert Outcome(type(error), error.billed, error.stage, error.retryable) == Outcome(
        ContentBlocked, Billed.UNKNOWN, Stage.OUTPUT, retryable=False
    )


async def test_an_answer_without_a_picture_is_told_apart(stand: Stand) -> None:
    """It may be asked for again, by whoever decides on that."""
    error = await stand.failure(Refusal.NO_IMAGE)
    assert (type(error), error.stage, error.retryable) == (NoImage, Stage.OUTPUT, True)
    assert len(stand.service.calls) == 1


async def test_an_account_without_credit_is_the_operators_trouble(stand: Stand) -> None:
    """Asking again is of no use until the operator pays."""
    error = await stand.failure(Refusal.OUT_OF_CREDIT)
    assert (type(error), error.retryable) == (ProviderAccount, False)


LEAKS: Final = (
    *(behavior for behavior, _ in OUTCOMES),
    Refusal.BLOCKED_INPUT,
    Refusal.BLOCKED_OUTPUT,
    Refusal.NO_IMAGE,
    Refusal.OUT_OF_CREDIT,
    *(
        Reply.of(
            {"error": {"message": KEY, "code": code, "type": PROMPT, "status": code}},
            400,
            x_request_id=f"{KEY} {PROMPT}",
        )
        for code in (KEY, PROMPT, "x" * 65)
    ),
)


@pytest.mark.parametrize("behavior", LEAKS, ids=named)
async def test_nothing_of_the_services_words_gets_out(stand: Stand, behavior: Behavior) -> None:
    """An error holds no key, no address, no prompt and no sentence of the service, but for a short plain code."""
    error = await stand.failure(behavior)
    said = [str(error), error.detail, error.provider_code or "", error.request_id or ""]
    for secret in (KEY, PROMPT, stand.service.origin, "127.0.0.1", "<html>", "Rate limit", "was rejected"):
        assert not any(secret in text for text in said)
    assert error.detail.isascii()
    assert len(error.provider_code or "") <= 64


# --- whatever comes -----------------------------------------------------------------------------------------------

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.just("AAAA")
NAMES = st.sampled_from(
    [
        *("data", "b64_json", "usage", "input_tokens", "output_tokens", "input_tokens_details", "text_tokens"),
        *("candidates", "content", "parts", "inlineData", "mimeType", "thought", "finishReason", "promptFeedback"),
        *("blockReason", "usageMetadata", "promptTokenCount", "candidatesTokensDetails", "modality", "responseId"),
        *("error", "code", "status", "message", "details", "retryDelay", "reason"),
    ]
)
ANSWERS = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5))


@pytest.mark.filterwarnings("ignore:.* is not a valid:UserWarning")  # the SDK on words that it does not know
@pytest.mark.parametrize("name", WIRED)
def test_whatever_json_comes_is_understood_or_refused(name: str) -> None:
    """No answer leads to anything but pictures or a `ProviderError`."""
    with played(name) as service, asyncio.Runner() as runner:
        provider = REGISTRY.connect(name, environment(name, service.url), BOOK)

        @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
        @given(content=ANSWERS, status=st.sampled_from([200, 200, 200, 400, 429, 500]))
        @example(
            content={"data": [{"b64_json": "AAAA"}], "usage": {"input_tokens": -1, "output_tokens": 2**70}}, status=200
        )
        @example(content={"data": [{"b64_json": None}, {"url": "http://127.0.0.1"}]}, status=200)
        @example(content={"candidates": [{"content": {"parts": [{"inlineData": {}}]}}]}, status=200)
        @example(content={"candidates": [{"finishReason": "SOMETHING_NEW"}]}, status=200)
        @example(content={"candidates": [{"finishReason": "CONTINUATION", "continuationToken": "AAAA"}]}, status=200)
        @example(content={"error": {"details": [{"retryDelay": "1e9s", "reason": 3}]}}, status=429)
        def answers(content: object, status: int) -> None:
            service.script(Reply.of(content, status))
            sent = len(service.requests)
            try:
                answer = runner.run(provider.generate(request_for(name), count=1, deadline=LONG))
            except ProviderError as error:
                assert error.retry_after is None or 0 <= error.retry_after <= 10**6  # noqa: PT017 - one of two good ends
            else:
                assert all(answer.pictures)
            assert len(service.requests) == sent + 1

        answers()
        runner.run(provider.close())


# --- the rest of the port -----------------------------------------------------------------------------------------


async def test_a_call_that_is_abandoned_harms_no_other(stand: Stand) -> None:
    """Canceling ends the call at once, and the next one succeeds."""
    stand.service.script(Delivery.HANG_BEFORE)
    call = asyncio.create_task(stand.generate())
    await asyncio.to_thread(stand.service.wait_for_calls, 1)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert (await stand.generate()).pictures


async def test_a_check_is_free(stand: Stand) -> None:
    """It asks for no picture."""
    await stand.provider.check()
    assert not stand.service.calls
    assert len(stand.service.requests) == 1


@pytest.mark.parametrize(
    ("behavior", "kind"),
    [
        (Refusal.BAD_KEY, ProviderAccount),
        (Refusal.UNAVAILABLE, ProviderUnreachable),
        (RateLimited(), ProviderBusy),
        (Refusal.SERVER_ERROR, ProviderUnreachable),
        (Intermediary.BAD_GATEWAY, OutcomeUnknown),
    ],
)
async def test_a_check_finds_out_what_is_wrong(stand: Stand, behavior: Behavior, kind: type[ProviderError]) -> None:
    """It raises what a call would."""
    stand.service.script_pings(behavior)
    with pytest.raises(kind):
        await stand.provider.check()


@pytest.mark.parametrize("name", ["memory", "sketch"])
async def test_who_needs_nobody_is_always_there(name: str) -> None:
    """A check of a provider without a service succeeds."""
    async with connected(name) as provider:
        await provider.check()


async def test_closing_twice_is_fine(stand: Stand) -> None:
    """Also when something was sent before."""
    await stand.generate()
    await stand.provider.close()
    await stand.provider.close()


@pytest.mark.parametrize("code", PROVIDER_ERRORS)
async def test_every_failure_can_be_scripted(code: str) -> None:
    """With `sketch`, whoever writes a client can see what it makes of each."""
    request = ImageRequest(prompt=f"{PROMPT} [[fault:{code}]]", model=MODELS["sketch"])
    async with connected("sketch") as provider:
        with pytest.raises(PROVIDER_ERRORS[code]) as raised:
            await provider.generate(request, count=1, deadline=LONG)
    assert raised.value.code == code
