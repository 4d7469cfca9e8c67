"""What is asked of a service, in its own words."""

import traceback
from collections.abc import Mapping
from typing import Any

import pytest

from imagegen.adapters.model_book import load_models
from imagegen.adapters.providers import REGISTRY
from imagegen.domain.errors import ProviderError
from imagegen.domain.images import Background, ImageFormat, ImageRequest, Quality, Size, Style
from wire.gemini import FakeGemini
from wire.openai import FakeOpenAI

GPT = "gpt-image-2.6-flare"
BANANA = "gemini-nano-banana-2.1"


async def asked_of_openai(count: int = 1, **wishes: Any) -> Mapping[str, Any]:
    """The body that OpenAI gets."""
    with FakeOpenAI() as service:
        environment = {"OPENAI_API_KEY": " sk-1\n", "OPENAI_BASE_URL": f"{service.url}/"}
        provider = REGISTRY.connect("openai", environment, load_models())
        await provider.generate(ImageRequest(prompt="a cat", model=GPT, **wishes), count=count, deadline=30)
        await provider.close()
        (request,) = service.calls
    assert request.headers["authorization"] == "Bearer sk-1"
    body: Mapping[str, Any] = request.json
    return body


async def asked_of_gemini(**wishes: Any) -> Mapping[str, Any]:
    """The body that Gemini gets."""
    with FakeGemini() as service:
        environment = {"GEMINI_API_KEY": " AIza-1 ", "GEMINI_BASE_URL": f"{service.url}/"}
        provider = REGISTRY.connect("gemini", environment, load_models())
        request = ImageRequest(**{"prompt": "a cat", "model": BANANA} | wishes)
        await provider.generate(request, count=1, deadline=30)
        await provider.close()
        (sent,) = service.calls
    assert sent.headers["x-goog-api-key"] == "AIza-1"
    assert sent.path == f"/v1/models/{request.model}:generateContent"
    body: Mapping[str, Any] = sent.json
    return body


async def test_openai_gets_what_was_said_and_nothing_else() -> None:
    """Parameters that were not stated are left to OpenAI, and none is sent that the GPT image line refuses."""
    assert await asked_of_openai() == {"model": GPT, "prompt": "a cat", "n": 1}


async def test_openai_gets_every_parameter_that_it_has() -> None:
    """Style and unwanted things, for which it has none, are in the prompt."""
    body = await asked_of_openai(
        3,
        n=3,
        size=Size(1536, 864),
        quality=Quality.LOW,
        background=Background.TRANSPARENT,
        output_format=ImageFormat.WEBP,
        style=Style.ARTISTIC,
        negative_prompt="dogs",
    )
    assert body.pop("prompt").startswith("a cat\n")  # type: ignore[attr-defined]  # a dict, as JSON has them
    assert body == {
        "model": GPT,
        "n": 3,
        "size": "1536x864",
        "quality": "low",
        "background": "transparent",
        "output_format": "webp",
    }


@pytest.mark.parametrize(("shape", "size"), [("1:1", "1024x1024"), ("3:2", "1248x832"), ("1:3", "592x1776")])
async def test_openai_gets_pixels_for_a_shape(shape: str, size: str) -> None:
    """It has no word for shapes; the model book says which size has it."""
    assert (await asked_of_openai(aspect_ratio=shape))["size"] == size


async def test_gemini_chooses_where_nothing_was_said() -> None:
    """One picture, one call, and no shape."""
    body = await asked_of_gemini()
    assert body == {
        "contents": [{"parts": [{"text": "a cat"}], "role": "user"}],
        "generationConfig": {"responseModalities": ["IMAGE"]},
    }


@pytest.mark.parametrize(
    ("wishes", "config"),
    [
        ({"size": Size(1024, 1024)}, {"aspectRatio": "1:1", "imageSize": "1K"}),
        ({"size": Size(2752, 1536)}, {"aspectRatio": "16:9", "imageSize": "2K"}),
        ({"size": Size(1536, 12288)}, {"aspectRatio": "1:8", "imageSize": "4K"}),
        ({"aspect_ratio": "21:9"}, {"aspectRatio": "21:9", "imageSize": "1K"}),
        ({"aspect_ratio": "9:16", "model": "gemini-3.1-flash-lite-image"}, {"aspectRatio": "9:16"}),
    ],
)
async def test_gemini_gets_shape_and_tier(wishes: Mapping[str, Any], config: Mapping[str, str]) -> None:
    """In its own words, which the model book knows; a model that has no tiers is told none."""
    assert (await asked_of_gemini(**wishes))["generationConfig"]["imageConfig"] == config


async def test_gemini_gets_seed_and_words() -> None:
    """The seed has a place of its own; style and unwanted things are in the prompt."""
    body = await asked_of_gemini(seed=7, style=Style.NATURAL, negative_prompt="dogs")
    assert body["generationConfig"]["seed"] == 7
    assert body["contents"][0]["parts"][0]["text"].count("\n") == 2


@pytest.mark.parametrize("name", ["OPENAI", "GEMINI"])
async def test_a_key_that_cannot_be_sent_is_not_told(name: str) -> None:
    """Nor does what lies beneath the error tell it."""
    environment = {f"{name}_API_KEY": "sk-1\nnot-told", f"{name}_BASE_URL": "http://127.0.0.1:1"}
    provider = REGISTRY.connect(name.lower(), environment, load_models())
    with pytest.raises(ProviderError) as raised:
        await provider.generate(ImageRequest(prompt="a cat", model=GPT), count=1, deadline=30)
    assert "not-told" not in "".join(traceback.format_exception(raised.value))
