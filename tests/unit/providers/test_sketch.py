"""The offline provider: the same request gives the same pictures, and tags fail only behind their switch."""

import asyncio
from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from imagegen.adapters.model_book import load_models
from imagegen.adapters.providers import REGISTRY
from imagegen.domain.errors import (
    PROVIDER_ERRORS,
    Billed,
    ContentBlocked,
    OutcomeUnknown,
    ProviderBusy,
    ProviderError,
    Stage,
)
from imagegen.domain.images import Background, ImageFormat, ImageRequest, Quality, Size, Style
from imagegen.domain.ports import ImageProvider

SMALL = Size(96, 64)


def asked(prompt: str = "a cat by the sea", **wishes: Any) -> ImageRequest:
    """An applied request for a small picture."""
    stated: dict[str, Any] = {"size": SMALL, "quality": Quality.LOW} | wishes
    return ImageRequest(prompt=prompt, model="sketch-1", **stated)


async def drawn(provider: ImageProvider, request: ImageRequest, count: int = 1) -> tuple[bytes, ...]:
    """The pictures of a call."""
    return (await provider.generate(request, count=count, deadline=60)).pictures


@pytest.fixture
async def sketch() -> AsyncIterator[ImageProvider]:
    """The provider as it is by default."""
    provider = REGISTRY.connect("sketch", {}, load_models())
    yield provider
    await provider.close()


@pytest.fixture
async def faulty() -> AsyncIterator[ImageProvider]:
    """The provider with its switch on."""
    provider = REGISTRY.connect("sketch", {"IMAGEGEN_SKETCH_FAULTS": "1"}, load_models())
    yield provider
    await provider.close()


async def test_prompt_and_seed_make_the_picture(sketch: ImageProvider) -> None:
    """The same twice is the same picture; another seed, or another prompt, is another."""
    first = await drawn(sketch, asked())
    assert await drawn(sketch, asked()) == first
    others = [asked(seed=1), asked(seed=2), asked("a dog by the sea")]
    assert len({first[0], *[(await drawn(sketch, other))[0] for other in others]}) == 4


@pytest.mark.parametrize("seed", [None, 7])
async def test_several_pictures_differ_and_the_first_is_the_one(sketch: ImageProvider, seed: int | None) -> None:
    """Three pictures begin with the one that a request for one picture gets."""
    three = await drawn(sketch, asked(seed=seed), 3)
    assert len(set(three)) == 3
    assert await drawn(sketch, asked(seed=seed)) == three[:1]


@pytest.mark.parametrize("output_format", ImageFormat)
@pytest.mark.parametrize("style", Style)
async def test_size_and_format_are_as_asked(sketch: ImageProvider, output_format: ImageFormat, style: Style) -> None:
    """To the pixel."""
    (data,) = await drawn(sketch, asked(output_format=output_format, style=style))
    with Image.open(BytesIO(data)) as picture:
        assert picture.size == (96, 64)
        assert picture.format == output_format.name


async def test_a_shape_has_the_size_that_the_book_says(sketch: ImageProvider) -> None:
    """About the area of the default."""
    (data,) = await drawn(sketch, asked(size=None, aspect_ratio="16:9"))
    with Image.open(BytesIO(data)) as picture:
        assert picture.size == (1365, 768)


async def test_the_ground_can_be_transparent(sketch: ImageProvider) -> None:
    """Its corners are."""
    (data,) = await drawn(sketch, asked(background=Background.TRANSPARENT))
    with Image.open(BytesIO(data)) as picture:
        assert picture.convert("RGBA").getpixel((0, 0))[3] == 0  # type: ignore[index]  # four values of RGBA


async def test_it_is_free_and_says_so(sketch: ImageProvider) -> None:
    """Nobody was billed, and nothing counted."""
    answer = await sketch.generate(asked(), count=1, deadline=60)
    assert (answer.billed, answer.usage, answer.request_id) == (Billed.NO, None, None)


async def test_without_the_switch_tags_are_words(sketch: ImageProvider) -> None:
    """A service that is not for tests draws whatever stands in brackets."""
    assert await drawn(sketch, asked("a cat [[fault:provider_busy]] [[slow:3600]]"))


async def failure(provider: ImageProvider, prompt: str, deadline: float = 60) -> ProviderError:
    """The error that a prompt leads to."""
    with pytest.raises(ProviderError) as raised:
        await provider.generate(asked(prompt), count=1, deadline=deadline)
    return raised.value


@pytest.mark.parametrize("code", PROVIDER_ERRORS)
async def test_a_fault_is_that_of_its_code(faulty: ImageProvider, code: str) -> None:
    """With what is true of it by default."""
    error = await failure(faulty, f"a cat [[fault:{code}]]")
    default = PROVIDER_ERRORS[code]()
    assert type(error) is type(default)
    assert (error.stage, error.billed, error.retryable) == (default.stage, default.billed, default.retryable)


async def test_a_fault_can_say_more(faulty: ImageProvider) -> None:
    """Where, whether it was billed, and how long to wait."""
    blocked = await failure(faulty, "a cat [[fault:content_blocked;stage=output;billed=yes]]")
    assert (type(blocked), blocked.stage, blocked.billed) == (ContentBlocked, Stage.OUTPUT, Billed.YES)
    busy = await failure(faulty, "a cat [[fault:provider_busy;retry_after=2.5]]")
    assert (type(busy), busy.retry_after) == (ProviderBusy, 2.5)


async def test_a_fault_can_pass(faulty: ImageProvider) -> None:
    """After so many times the same prompt is drawn, as if the tag were not there."""
    prompt = "a cat by the sea [[fault:provider_busy;times=2]]"
    assert [type(await failure(faulty, prompt)) for _ in range(2)] == [ProviderBusy] * 2
    assert await drawn(faulty, asked(prompt)) == await drawn(faulty, asked("a cat by the sea"))
    assert type(await failure(faulty, f"{prompt} again")) is ProviderBusy


async def test_slowness_meets_the_deadline(faulty: ImageProvider) -> None:
    """A call that takes longer than it may ends as a real one would."""
    error = await failure(faulty, "a cat [[slow:3600]]", deadline=0.05)
    assert (type(error), error.billed) == (OutcomeUnknown, Billed.UNKNOWN)
    assert await drawn(faulty, asked("a cat [[slow:0.01]]"))


@pytest.mark.parametrize(
    "tag",
    [
        *("[[fault:no_such_code]]", "[[fault:3]]", "[[slow:provider_busy]]", "[[fault:provider_busy;color=red]]"),
        *("[[fault:provider_busy;retry_after=soon]]", "[[fault:provider_busy;stage=nowhere]]", "[[fault]]", "[[ ]]"),
    ],
)
async def test_a_tag_that_says_nothing_is_drawn(faulty: ImageProvider, tag: str) -> None:
    """A misspelt tag is no failure."""
    assert await drawn(faulty, asked(f"a cat {tag}"))


async def test_many_are_drawn_in_turn(sketch: ImageProvider) -> None:
    """More at a time than there are threads."""
    pictures = await asyncio.gather(*(drawn(sketch, asked(seed=seed)) for seed in range(6)))
    assert len(set(pictures)) == 6
