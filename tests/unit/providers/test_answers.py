"""What is read out of answers with status 200."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import pytest

from imagegen.adapters.model_book import load_models
from imagegen.adapters.providers import REGISTRY
from imagegen.domain.errors import (
    Billed,
    ContentBlocked,
    NoImage,
    ProviderAccount,
    ProviderError,
    ProviderMisbehaved,
    Stage,
)
from imagegen.domain.images import ImageRequest
from imagegen.domain.ports import ProviderAnswer
from imagegen.domain.prices import TokenUsage
from wire.gemini import FakeGemini, blocked, finished
from wire.openai import FakeOpenAI
from wire.server import Reply

DATA = b64encode(b"a picture").decode()


async def gemini_answer(reply: Reply) -> ProviderAnswer:
    """What Gemini's reply is understood as."""
    with FakeGemini(reply) as service:
        environment = {"GOOGLE_API_KEY": "made-up", "GEMINI_BASE_URL": service.url}
        provider = REGISTRY.connect("gemini", environment, load_models())
        try:
            request = ImageRequest(prompt="a cat", model="gemini-nano-banana-2.1")
            return await provider.generate(request, count=1, deadline=30)
        finally:
            await provider.close()


async def openai_answer(content: Mapping[str, Any], count: int = 1) -> ProviderAnswer:
    """What OpenAI's reply is understood as."""
    with FakeOpenAI(Reply.of(content)) as service:
        environment = {"OPENAI_API_KEY": "made-up", "OPENAI_BASE_URL": service.url}
        provider = REGISTRY.connect("openai", environment, load_models())
        try:
            return await provider.generate(ImageRequest(prompt="a cat", model="gpt-image-2"), count=count, deadline=30)
        finally:
            await provider.close()


@pytest.mark.parametrize("reason", ["SAFETY", "PROHIBITED_CONTENT", "BLOCKLIST", "IMAGE_SAFETY", "OTHER", "JAILBREAK"])
async def test_gemini_blocks_a_prompt(reason: str) -> None:
    """Whatever the reason; it is kept as the code."""
    with pytest.raises(ContentBlocked) as raised:
        await gemini_answer(blocked(reason))
    error = raised.value
    assert (error.stage, error.billed, error.retryable, error.provider_code) == (
        Stage.INPUT,
        Billed.UNKNOWN,
        False,
        reason,
    )


@pytest.mark.parametrize(
    "reason",
    [
        *("SAFETY", "PROHIBITED_CONTENT", "RECITATION", "SPII", "BLOCKLIST"),
        *("IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION"),
    ],
)
async def test_gemini_blocks_a_picture(reason: str) -> None:
    """Nobody knows whether it was billed."""
    with pytest.raises(ContentBlocked) as raised:
        await gemini_answer(finished(reason))
    assert (raised.value.stage, raised.value.billed) == (Stage.OUTPUT, Billed.UNKNOWN)


@pytest.mark.parametrize(
    ("reason", "kind", "retryable"),
    [
        ("STOP", NoImage, True),
        ("NO_IMAGE", NoImage, True),
        ("IMAGE_OTHER", ProviderMisbehaved, True),
        ("OTHER", ProviderMisbehaved, True),
        ("MAX_TOKENS", ProviderMisbehaved, True),
        ("MALFORMED_RESPONSE", ProviderMisbehaved, True),
        ("PUP_LIMITED_DISABLED", ProviderAccount, False),
    ],
)
async def test_gemini_finishes_without_a_picture(reason: str, kind: type[ProviderError], retryable: bool) -> None:
    """Prose is told apart from a fault, and a fault from a limited account."""
    with pytest.raises(kind) as raised:
        await gemini_answer(finished(reason, "I would rather tell you about it."))
    assert (raised.value.retryable, raised.value.provider_code) == (retryable, reason)


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        (None, None),
        ({}, TokenUsage()),
        ({"promptTokenCount": 8, "candidatesTokenCount": 1120}, TokenUsage(input_text=8, output_image=1120)),
        (
            {
                "promptTokenCount": 300,
                "promptTokensDetails": [
                    {"modality": "TEXT", "tokenCount": 42},
                    {"modality": "IMAGE", "tokenCount": 258},
                ],
                "cachedContentTokenCount": 40,
                "candidatesTokenCount": 1150,
                "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1120}],
                "thoughtsTokenCount": 500,
            },
            TokenUsage(input_text=2, input_image=258, cached_text=40, output_text=530, output_image=1120),
        ),
        ({"promptTokenCount": 8, "cachedContentTokenCount": 9}, None),
        ({"promptTokenCount": 8, "candidatesTokenCount": 2_000_000_000}, None),
    ],
)
async def test_gemini_counts_tokens(usage: Mapping[str, Any] | None, counted: TokenUsage | None) -> None:
    """Thinking is text that was put out, what was cached is not counted twice, and impossible figures are none."""
    parts = [{"inlineData": {"mimeType": "image/png", "data": DATA}}]
    content = {"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}], "responseId": "r-1"}
    answer = await gemini_answer(Reply.of(content if usage is None else {**content, "usageMetadata": usage}))
    assert (answer.pictures, answer.usage, answer.request_id) == ((b"a picture",), counted, "r-1")


async def test_gemini_without_a_picture_was_billed_if_it_counts_output() -> None:
    """Prose is put out too."""
    content = {
        "candidates": [{"content": {"parts": [{"text": "no"}]}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 8, "thoughtsTokenCount": 30},
    }
    with pytest.raises(NoImage) as raised:
        await gemini_answer(Reply.of(content))
    assert raised.value.billed is Billed.YES


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        (None, None),
        ({"input_tokens": 50, "output_tokens": 1056}, TokenUsage(input_text=50, output_image=1056)),
        (
            {
                "input_tokens": 50,
                "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
                "output_tokens": 1060,
                "output_tokens_details": {"image_tokens": 1056, "text_tokens": 4},
            },
            TokenUsage(input_text=10, input_image=40, output_text=4, output_image=1056),
        ),
        ({"input_tokens": 50}, None),
        ({"input_tokens": -1, "output_tokens": 1}, None),
        ({"input_tokens": 1, "output_tokens": 10**10}, None),
        ("none", None),
    ],
)
async def test_openai_counts_tokens(usage: object, counted: TokenUsage | None) -> None:
    """Figures that make no sense cost nobody a picture; the cost is unknown then."""
    answer = await openai_answer({"data": [{"b64_json": DATA}], "usage": usage})
    assert (answer.pictures, answer.usage) == ((b"a picture",), counted)


async def test_openai_keeps_the_good_pictures_of_a_call() -> None:
    """They were paid for, whatever became of the others."""
    data = [{"b64_json": "!!!!"}, {"b64_json": DATA}, {"b64_json": ""}]
    assert (await openai_answer({"data": data}, count=3)).pictures == (b"a picture",)
