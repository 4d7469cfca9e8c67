"""The scripted providers: the official clients take them for the real ones, and they fail as told."""

import base64
import binascii
import http.client
import io
import json
import re
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import openai
import pytest
from google import genai
from google.genai import errors, types
from PIL import Image, UnidentifiedImageError

from wire import gemini as gemini_wire
from wire import openai as openai_wire
from wire.behaviors import Behavior, Damage, Held, Intermediary, Picture, RateLimited, Refusal, Slow
from wire.gemini import FakeGemini
from wire.openai import FakeOpenAI
from wire.provider import ScriptedProvider
from wire.server import Delivery, Reply, Request, WireServer, refused_port

GPT = "gpt-image-2.6-flare"
BANANA = "gemini-nano-banana-2.1"


@pytest.fixture
def fake_openai() -> Iterator[FakeOpenAI]:
    """OpenAI, played."""
    with FakeOpenAI() as fake:
        yield fake


@pytest.fixture
def fake_gemini() -> Iterator[FakeGemini]:
    """Gemini, played."""
    with FakeGemini() as fake:
        yield fake


@pytest.fixture
async def openai_client(fake_openai: FakeOpenAI) -> AsyncIterator[openai.AsyncOpenAI]:
    """The official client of OpenAI."""
    async with openai.AsyncOpenAI(base_url=fake_openai.url, api_key="sk-made-up", max_retries=0) as client:
        yield client


@pytest.fixture
def gemini_client(fake_gemini: FakeGemini) -> Iterator[genai.Client]:
    """The official client of Gemini; not its asynchronous side, whose transport depends on what is installed."""
    options = types.HttpOptions(base_url=fake_gemini.url)
    with genai.Client(api_key="made-up", http_options=options) as client:
        yield client


def _size(data: bytes) -> tuple[int, int, str | None]:
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
        return (*picture.size, picture.format)


async def _ask_openai(client: openai.AsyncOpenAI, **options: Any) -> list[bytes]:
    answer = await client.images.generate(model=GPT, prompt="a cat", **options)
    return [base64.b64decode(picture.b64_json or "", validate=True) for picture in answer.data or []]


def _ask_gemini(client: genai.Client, **image_config: Any) -> types.GenerateContentResponse:
    config = types.GenerateContentConfig(response_modalities=["IMAGE"], image_config=types.ImageConfig(**image_config))
    return client.models.generate_content(model=BANANA, contents="a cat", config=config)


def _post(fake: ScriptedProvider, body: bytes | None = None, key: bool = True) -> tuple[int, bytes]:
    """Send a good request (or `body`) without any client in between; return the status and the whole answer."""
    is_openai = isinstance(fake, FakeOpenAI)
    path = "/v1/images/generations" if is_openai else f"/v1beta/models/{BANANA}:generateContent"
    good = b'{"model": "m", "prompt": "p"}' if is_openai else b'{"contents": [{"parts": [{"text": "p"}]}]}'
    headers = {"authorization": "Bearer k", "x-goog-api-key": "k"} if key else {}
    connection = http.client.HTTPConnection(urlsplit(fake.origin).netloc)
    try:
        connection.request("POST", path, good if body is None else body, headers)
        with connection.getresponse() as answer:
            return answer.status, answer.read()
    finally:
        connection.close()


@pytest.fixture(params=[FakeOpenAI, FakeGemini])
def fake(request: pytest.FixtureRequest) -> Iterator[ScriptedProvider]:
    """Each provider in turn."""
    with request.param() as fake:
        yield fake


async def test_openai_draws_what_is_asked_for(fake_openai: FakeOpenAI, openai_client: openai.AsyncOpenAI) -> None:
    """The official client gets as many pictures as it asked for, different ones, of the size and type asked for."""
    pictures = await _ask_openai(openai_client, n=2, size="1536x1024", output_format="webp")
    assert [_size(picture) for picture in pictures] == [(1536, 1024, "WEBP")] * 2
    assert pictures[0] != pictures[1]
    (call,) = fake_openai.calls
    assert call.json == {"model": GPT, "prompt": "a cat", "n": 2, "size": "1536x1024", "output_format": "webp"}
    assert call.headers["authorization"] == "Bearer sk-made-up"


async def test_openai_says_what_was_used(fake_openai: FakeOpenAI, openai_client: openai.AsyncOpenAI) -> None:
    """Usage adds up per picture, and is left out if the script says so."""
    answer = await openai_client.images.generate(model=GPT, prompt="a cat", n=2)
    assert answer.usage
    assert answer.usage.output_tokens == 2 * openai_wire.OUTPUT_TOKENS
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens
    fake_openai.script(Picture(usage=False))
    assert (await openai_client.images.generate(model=GPT, prompt="a cat")).usage is None


@pytest.mark.parametrize(
    ("behavior", "expected", "code"),
    [
        (Refusal.BLOCKED_INPUT, openai.BadRequestError, "moderation_blocked"),
        (Refusal.BLOCKED_OUTPUT, openai.BadRequestError, "moderation_blocked"),
        (Refusal.INVALID_REQUEST, openai.BadRequestError, "invalid_value"),
        (Refusal.BAD_KEY, openai.AuthenticationError, "invalid_api_key"),
        (Refusal.FORBIDDEN, openai.PermissionDeniedError, None),
        (Refusal.MODEL_GONE, openai.NotFoundError, "model_not_found"),
        (Refusal.OUT_OF_CREDIT, openai.BadRequestError, "billing_hard_limit_reached"),
        (Refusal.SERVER_ERROR, openai.InternalServerError, None),
        (Refusal.UNAVAILABLE, openai.InternalServerError, "server_is_overloaded"),
        (RateLimited(), openai.RateLimitError, "rate_limit_exceeded"),
        (openai_wire.QUOTA_SPENT, openai.RateLimitError, "insufficient_quota"),
    ],
)
async def test_openai_refuses(
    fake_openai: FakeOpenAI,
    openai_client: openai.AsyncOpenAI,
    behavior: Behavior,
    expected: type[openai.APIStatusError],
    code: str | None,
) -> None:
    """The official client raises for each refusal what it raises for the real one, after one call."""
    fake_openai.script(behavior)
    with pytest.raises(expected) as raised:
        await _ask_openai(openai_client)
    assert raised.value.code == code
    assert len(fake_openai.calls) == 1


async def test_openai_says_how_long_to_wait(fake_openai: FakeOpenAI, openai_client: openai.AsyncOpenAI) -> None:
    """The wait is in the header, in seconds."""
    fake_openai.script(RateLimited(7))
    with pytest.raises(openai.RateLimitError) as raised:
        await _ask_openai(openai_client)
    assert raised.value.response.headers["retry-after"] == "7"


async def test_openai_may_draw_nothing(fake_openai: FakeOpenAI, openai_client: openai.AsyncOpenAI) -> None:
    """A picture that did not come about is an answer without data."""
    fake_openai.script(Refusal.NO_IMAGE)
    assert await _ask_openai(openai_client) == []


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"response_format": "b64_json"}, "response_format"),
        ({"style": "vivid"}, "style"),
        ({"quality": "hd"}, "quality"),
        ({"n": 11}, "n"),
        ({"size": "1000x1000"}, "size"),
        ({"size": "4096x1024"}, "size"),
        ({"size": "big"}, "size"),
        ({"background": "transparent", "output_format": "jpeg"}, "background"),
        ({"output_compression": 50}, "output_compression"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": "x" * 32_001}, "prompt"),
    ],
)
async def test_openai_is_strict(
    fake_openai: FakeOpenAI, openai_client: openai.AsyncOpenAI, options: dict[str, Any], param: str
) -> None:
    """What the real one rejects is rejected whatever the script says, and the script keeps its turn."""
    fake_openai.script(Refusal.UNAVAILABLE)
    with pytest.raises(openai.BadRequestError) as raised:
        await openai_client.images.generate(**{"model": GPT, "prompt": "a cat"} | options)
    assert raised.value.param == param
    with pytest.raises(openai.InternalServerError):
        await _ask_openai(openai_client)


def test_gemini_draws_what_is_asked_for(fake_gemini: FakeGemini, gemini_client: genai.Client) -> None:
    """The official client gets a picture with the pixels of the ratio and size it asked for, and usage figures."""
    answer = _ask_gemini(gemini_client, aspect_ratio="16:9", image_size="2K")
    (picture,) = [part.inline_data for part in answer.parts or [] if part.inline_data]
    assert picture.mime_type == "image/png"
    assert _size(picture.data or b"") == (2752, 1536, "PNG")
    assert answer.usage_metadata
    assert answer.usage_metadata.candidates_token_count == gemini_wire.OUTPUT_TOKENS["2K"]
    (call,) = fake_gemini.calls
    assert call.path == f"/v1/models/{BANANA}:generateContent"
    assert call.headers["x-goog-api-key"] == "made-up"


def test_gemini_may_think_in_pictures(fake_gemini: FakeGemini, gemini_client: genai.Client) -> None:
    """A thought is a picture before the real one, another one, and marked."""
    fake_gemini.script(Picture(thoughts=1, format="jpeg"))
    answer = _ask_gemini(gemini_client)
    drawn = [(part.thought, part.inline_data.data) for part in answer.parts or [] if part.inline_data]
    (is_thought, thought), (is_picture_thought, picture) = drawn
    assert is_thought
    assert not is_picture_thought
    assert _size(thought or b"")[2] == "PNG"
    assert _size(picture or b"")[2] == "JPEG"


@pytest.mark.parametrize(
    ("behavior", "status", "name"),
    [
        (Refusal.INVALID_REQUEST, 400, "INVALID_ARGUMENT"),
        (Refusal.BAD_KEY, 400, "INVALID_ARGUMENT"),
        (Refusal.FORBIDDEN, 403, "PERMISSION_DENIED"),
        (Refusal.MODEL_GONE, 404, "NOT_FOUND"),
        (Refusal.SERVER_ERROR, 500, "INTERNAL"),
        (Refusal.UNAVAILABLE, 503, "UNAVAILABLE"),
        (RateLimited(), 429, "RESOURCE_EXHAUSTED"),
    ],
)
def test_gemini_refuses(
    fake_gemini: FakeGemini,
    gemini_client: genai.Client,
    behavior: Behavior,
    status: int,
    name: str,
) -> None:
    """The official client raises for each refusal what it raises for the real one, after one call."""
    fake_gemini.script(behavior)
    with pytest.raises(errors.APIError) as raised:
        _ask_gemini(gemini_client)
    assert (raised.value.code, raised.value.status) == (status, name)
    assert len(fake_gemini.calls) == 1


@pytest.mark.parametrize(
    ("behavior", "reason"),
    [
        (RateLimited(34.5), {"retryDelay": "34.5s"}),
        (Refusal.BAD_KEY, {"reason": "API_KEY_INVALID"}),
    ],
)
def test_gemini_says_more_in_the_details(
    fake_gemini: FakeGemini,
    gemini_client: genai.Client,
    behavior: Behavior,
    reason: dict[str, str],
) -> None:
    """How long to wait, and that a key is wrong, stand only in the details of the error."""
    fake_gemini.script(behavior)
    with pytest.raises(errors.ClientError) as raised:
        _ask_gemini(gemini_client)
    assert reason.items() <= raised.value.details["error"]["details"][-1].items()


@pytest.mark.parametrize(
    ("behavior", "reason"),
    [
        (Refusal.BLOCKED_OUTPUT, "IMAGE_SAFETY"),
        (Refusal.NO_IMAGE, "NO_IMAGE"),
        (Refusal.OUT_OF_CREDIT, "PUP_LIMITED_DISABLED"),
        (gemini_wire.finished("STOP", "I had rather describe it."), "STOP"),
    ],
)
def test_gemini_may_finish_without_a_picture(
    fake_gemini: FakeGemini, gemini_client: genai.Client, behavior: Behavior, reason: str
) -> None:
    """A picture that is blocked, missing or not paid for is an answer with status 200."""
    fake_gemini.script(behavior)
    answer = _ask_gemini(gemini_client)
    assert not [part for part in answer.parts or [] if part.inline_data]
    assert answer.candidates
    assert answer.candidates[0].finish_reason == reason


def test_gemini_may_block_the_prompt(fake_gemini: FakeGemini, gemini_client: genai.Client) -> None:
    """A blocked prompt is an answer without candidates, with status 200."""
    fake_gemini.script(Refusal.BLOCKED_INPUT)
    answer = _ask_gemini(gemini_client)
    assert not answer.candidates
    assert answer.prompt_feedback
    assert answer.prompt_feedback.block_reason == "PROHIBITED_CONTENT"


@pytest.mark.parametrize(
    "body",
    [
        b'{"contents": [{"parts": [{"text": "p"}]}], "generationConfig": {"candidateCount": 2}}',
        b'{"contents": [{"parts": [{"text": "p"}]}], "generationConfig": {"candidate_count": 2}}',
        b'{"contents": [{"parts": [{"text": "p"}]}], "generationConfig": {"size": "1K"}}',
        b'{"contents": [{"parts": [{"text": "p"}]}], "generationConfig": {"imageConfig": {"imageSize": "1k"}}}',
        b'{"contents": [{"parts": [{"text": "p"}]}], "generationConfig": {"imageConfig": {"aspectRatio": "7:1"}}}',
        b'{"contents": [{"parts": [{"text": "p"}]}], "prompt": "p"}',
        b'{"contents": []}',
        b"no JSON",
    ],
)
def test_gemini_is_strict(fake_gemini: FakeGemini, body: bytes) -> None:
    """What the real one rejects is rejected whatever the script says."""
    status, answer = _post(fake_gemini, body)
    assert status == HTTPStatus.BAD_REQUEST
    assert b"INVALID_ARGUMENT" in answer


async def test_models_are_listed(
    fake_openai: FakeOpenAI,
    openai_client: openai.AsyncOpenAI,
    fake_gemini: FakeGemini,
    gemini_client: genai.Client,
) -> None:
    """A health check that lists the models is no call, and has a script of its own."""
    assert [model.id for model in (await openai_client.models.list()).data] == list(openai_wire.MODELS)
    listed = gemini_client.models.list(config={"query_base": True})
    assert [model.name for model in listed] == [f"models/{name}" for name in gemini_wire.MODELS]
    assert not fake_openai.calls
    assert not fake_gemini.calls
    fake_openai.script_pings(Refusal.BAD_KEY)
    with pytest.raises(openai.AuthenticationError):
        await openai_client.models.list()


def test_a_script_is_followed_once(fake: ScriptedProvider) -> None:
    """Each call takes one behavior; when they are used up the default answers again."""
    fake.script(Refusal.UNAVAILABLE, Refusal.SERVER_ERROR)
    assert [_post(fake)[0] for _ in range(3)] == [503, 500, 200]


@pytest.mark.parametrize("refusal", Refusal)
def test_every_refusal_is_known_to_every_provider(fake: ScriptedProvider, refusal: Refusal) -> None:
    """One suite can drive all providers through all refusals; none of them is a picture."""
    fake.script(refusal)
    assert b"iVBOR" not in _post(fake)[1]


def test_a_missing_key_is_refused(fake: ScriptedProvider) -> None:
    """An adapter that forgets its key is told so."""
    assert _post(fake, key=False)[0] in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


@pytest.mark.parametrize(
    ("delivery", "expected"),
    [
        (Delivery.RESET_BEFORE, ConnectionResetError),
        (Delivery.RESET_MIDWAY, ConnectionResetError),
        (Delivery.CLOSE_BEFORE, http.client.RemoteDisconnected),
        (Delivery.CLOSE_MIDWAY, http.client.IncompleteRead),
    ],
)
def test_a_connection_breaks_as_told(fake: ScriptedProvider, delivery: Delivery, expected: type[Exception]) -> None:
    """A reset is a reset and a close is a close, before the first byte or halfway through."""
    fake.script(delivery)
    with pytest.raises(expected) as raised:
        _post(fake)
    assert raised.type is expected
    assert len(fake.calls) == 1


@pytest.mark.parametrize("delivery", [Delivery.HANG_BEFORE, Delivery.HANG_MIDWAY])
def test_a_connection_hangs_until_the_end(delivery: Delivery) -> None:
    """A call that hangs gets no answer, and the end of the fake breaks it off."""
    outcomes: list[Exception] = []

    def call(fake: FakeOpenAI) -> None:
        try:
            _post(fake)
        except (OSError, http.client.HTTPException) as error:
            outcomes.append(error)

    with FakeOpenAI(default=delivery) as fake:
        caller = threading.Thread(target=call, args=(fake,))
        caller.start()
        fake.wait_for_calls(1)
        assert caller.is_alive()
        assert not outcomes
    caller.join()
    assert len(outcomes) == 1


def test_a_held_answer_waits_for_its_release(fake: ScriptedProvider) -> None:
    """A test decides when an answer comes, and needs no clock for it."""
    fake.script(Held(Refusal.UNAVAILABLE))
    statuses: list[int] = []
    caller = threading.Thread(target=lambda: statuses.append(_post(fake)[0]))
    caller.start()
    fake.wait_for_calls(1)
    assert not statuses
    fake.release()
    caller.join()
    assert statuses == [503]


def test_waiting_for_a_call_that_never_comes_ends(fake: ScriptedProvider) -> None:
    """A test does not hang on a call that the code under test never makes."""
    with pytest.raises(TimeoutError, match="0 calls of 1"):
        fake.wait_for_calls(1, patience=0)


def test_a_slow_answer_comes(fake: ScriptedProvider) -> None:
    """What is late is complete."""
    fake.script(Slow(0.01))
    assert _post(fake)[0] == HTTPStatus.OK


def _open(answer: bytes) -> tuple[int, int, str | None]:
    """Read an answer of either provider down to the pixels; return the size and type of its first picture."""
    json.loads(answer)
    text = re.search(rb'"(?:b64_json|data)": "([^"]*)"', answer)
    assert text
    return _size(base64.b64decode(text[1], validate=True))


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (Damage.TRUNCATED_JSON, json.JSONDecodeError),
        (Damage.TRUNCATED_BASE64, binascii.Error),
        (Damage.ILLEGAL_BASE64, binascii.Error),
        (Damage.TRUNCATED_IMAGE, OSError),
        (Damage.NOT_AN_IMAGE, UnidentifiedImageError),
    ],
)
def test_an_answer_is_damaged_as_told(fake: ScriptedProvider, damage: Damage, expected: type[Exception]) -> None:
    """Damage is where it is said to be, behind status 200, and absent from a good answer."""
    assert _open(_post(fake)[1]) == (1024, 1024, "PNG")
    fake.script(damage)
    status, answer = _post(fake)
    assert status == HTTPStatus.OK
    with pytest.raises(expected) as raised:
        _open(answer)
    assert raised.type is expected


@pytest.mark.parametrize("damage", [Damage.OVERSIZED, Damage.OVERSIZED_UNANNOUNCED])
def test_an_answer_is_too_large_as_told(fake: ScriptedProvider, damage: Damage) -> None:
    """Its size is all that is wrong with it: whoever reads it to the end finds a picture."""
    fake.script(damage)
    _, answer = _post(fake)
    assert len(answer) > 64 << 20
    assert _open(answer) == (64, 64, "PNG")


def test_a_picture_is_mislabeled_as_told(fake: ScriptedProvider) -> None:
    """It is a good picture, and another one than is said."""
    fake.script(Damage.MISLABELED)
    _, answer = _post(fake)
    assert _open(answer) == (64, 64, "WEBP")
    assert b"webp" not in answer


@pytest.mark.parametrize(
    ("intermediary", "expected"),
    [
        (Intermediary.BAD_GATEWAY, 502),
        (Intermediary.LOST_UPSTREAM, 503),
        (Intermediary.TIMED_OUT, 524),
        (Intermediary.REDIRECT, 302),
    ],
)
def test_something_in_between_answers(fake: ScriptedProvider, intermediary: Intermediary, expected: int) -> None:
    """An answer of a proxy has its status and none of the provider's JSON."""
    fake.script(intermediary)
    status, answer = _post(fake)
    assert status == expected
    assert not answer.startswith(b"{")


def test_a_redirect_that_is_followed_shows(fake_openai: FakeOpenAI) -> None:
    """The new address is the fake's own, so a client that carries a key there is caught."""
    fake_openai.script(Intermediary.REDIRECT)
    with (
        openai.OpenAI(base_url=fake_openai.url, api_key="sk-made-up", max_retries=0) as client,
        pytest.raises(openai.APIStatusError),
    ):
        client.images.generate(model=GPT, prompt="a cat")
    assert [request.path for request in fake_openai.requests][1:] == ["/elsewhere"]


def test_an_unknown_address_is_not_found(fake: ScriptedProvider) -> None:
    """A request beside the provider's addresses is answered 404 and counts as no call."""
    connection = http.client.HTTPConnection(urlsplit(fake.origin).netloc)
    connection.request("GET", "/v2/anything")
    with connection.getresponse() as answer:
        assert answer.status == HTTPStatus.NOT_FOUND
    connection.close()
    assert not fake.calls
    assert len(fake.requests) == 1


def test_a_mistake_of_the_server_itself_is_raised() -> None:
    """No test passes because a fake broke down."""

    class Broken(WireServer):
        async def reply(self, request: Request) -> Reply:
            raise LookupError(request.path)

    def ask() -> None:
        with (
            Broken() as server,
            socket.create_connection(("127.0.0.1", urlsplit(server.origin).port or 0)) as connection,
        ):
            connection.sendall(b"GET /lost HTTP/1.1\r\n\r\n")
            assert connection.recv(1) == b""

    with pytest.raises(LookupError, match="/lost"):
        ask()


def test_a_refused_port_refuses() -> None:
    """Nobody listens at the port, and nobody else can come to."""
    with refused_port() as port:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        with pytest.raises(ConnectionRefusedError):
            connection.connect()
