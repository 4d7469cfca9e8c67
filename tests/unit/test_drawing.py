"""The pencil behind `sketch`: what it promises of every picture it draws."""

import hashlib
import io
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageStat
from PIL.ExifTags import Base

from imagegen.adapters.providers.drawing import draw
from imagegen.adapters.providers.drawing.color import distance, rgb
from imagegen.adapters.providers.drawing.prompt import COLORS, Prompt
from imagegen.adapters.providers.drawing.vocabulary import MOTIFS
from imagegen.domain.images import ImageFormat, Quality, Style

SIDES = st.integers(64, 320)


def drawn(prompt: str = "a quiet place", **changes: Any) -> bytes:
    """A small picture, with what a test cares about changed."""
    request: dict[str, Any] = {
        "seed": 1,
        "width": 128,
        "height": 128,
        "style": Style.NATURAL,
        "image_format": ImageFormat.PNG,
        "quality": Quality.LOW,
        "transparent": False,
    }
    return draw(prompt, **request | changes)


def opened(content: bytes) -> Image.Image:
    """The picture in the bytes, decoded to its last pixel."""
    picture = Image.open(io.BytesIO(content))
    picture.load()
    return picture


def share(picture: Image.Image, wanted: Callable[[int, int, int], bool]) -> float:
    """The share of pixels whose red, green and blue are as wanted."""
    raw = picture.convert("RGB").tobytes()
    pixels = list(zip(raw[::3], raw[1::3], raw[2::3], strict=True))
    return sum(wanted(*pixel) for pixel in pixels) / len(pixels)


@pytest.mark.parametrize("image_format", ImageFormat)
@pytest.mark.parametrize("style", Style)
def test_the_same_arguments_give_the_same_bytes(style: Style, image_format: ImageFormat) -> None:
    """A client that repeats a prompt with its seed gets the identical file."""
    first = drawn("a cat on a boat", style=style, image_format=image_format, quality=Quality.HIGH)
    second = drawn("a cat on a boat", style=style, image_format=image_format, quality=Quality.HIGH)
    assert first == second


def test_another_process_with_other_hashes_draws_the_same() -> None:
    """Nothing depends on Python's hash seed, so every process and machine agrees."""
    program = (
        "import hashlib\n"
        "from imagegen.adapters.providers.drawing import draw\n"
        "from imagegen.domain.images import ImageFormat, Quality, Style\n"
        "for style in Style:\n"
        "    picture = draw('two foxes in a green forest', seed=7, width=96, height=64, style=style,\n"
        "        image_format=ImageFormat.PNG, quality=Quality.MEDIUM, transparent=False)\n"
        "    print(hashlib.sha256(picture).hexdigest())\n"
    )
    there = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    here = [
        drawn("two foxes in a green forest", seed=7, width=96, height=64, style=style, quality=Quality.MEDIUM)
        for style in Style
    ]
    assert there == {"".join(f"{hashlib.sha256(picture).hexdigest()}\n" for picture in here)}


@pytest.mark.parametrize("style", Style)
def test_another_seed_gives_another_picture(style: Style) -> None:
    """Ten seeds are ten pictures."""
    assert len({drawn(seed=seed, style=style) for seed in range(10)}) == 10


def test_another_prompt_gives_another_picture() -> None:
    """Even words the pencil does not know change what it draws."""
    assert len({drawn(prompt) for prompt in ("alpha", "beta", "gamma", "ALPHA", "日本")}) == 5


@pytest.mark.parametrize(
    ("image_format", "magic"),
    [(ImageFormat.PNG, b"\x89PNG\r\n\x1a\n"), (ImageFormat.JPEG, b"\xff\xd8\xff"), (ImageFormat.WEBP, b"RIFF")],
)
def test_the_format_is_obeyed(image_format: ImageFormat, magic: bytes) -> None:
    """The bytes begin as the format asked for begins, and decode as it."""
    content = drawn(image_format=image_format)
    assert content.startswith(magic)
    assert opened(content).format == image_format.upper()


@pytest.mark.parametrize("size", [(64, 64), (384, 3072), (3072, 384), (1023, 577), (2048, 2048)])
@pytest.mark.parametrize("style", Style)
def test_the_size_is_exact(size: tuple[int, int], style: Style) -> None:
    """The smallest, the largest, odd and extreme sizes come out to the pixel."""
    assert opened(drawn(width=size[0], height=size[1], style=style)).size == size


@pytest.mark.parametrize("transparent", [False, True])
def test_png_says_that_it_was_drawn(transparent: bool) -> None:
    """The text chunks name the pencil, deny generation and keep the prompt to themselves."""
    picture = opened(drawn("a secret garden", transparent=transparent))
    assert picture.info == {"Software": "imagegen sketch", "Comment": "drawn, not generated"}


@pytest.mark.parametrize("image_format", [ImageFormat.JPEG, ImageFormat.WEBP])
def test_jpeg_and_webp_say_that_they_were_drawn(image_format: ImageFormat) -> None:
    """The Exif fields do what the text chunks of a PNG do."""
    content = drawn("a secret garden", image_format=image_format)
    exif = opened(content).getexif()
    assert dict(exif) == {Base.Software: "imagegen sketch", Base.ImageDescription: "drawn, not generated"}
    assert b"secret" not in content


@pytest.mark.parametrize("style", Style)
def test_the_mark_can_be_seen_in_the_corner(style: Style) -> None:
    """At ordinary sizes the lower right corner carries words in a tone of its own."""
    picture = opened(drawn("nothing known", width=512, height=512, style=style)).convert("L")
    words = picture.crop((400, 498, 508, 510))
    low, high = ImageStat.Stat(words).extrema[0]
    assert high - low > 40


@pytest.mark.parametrize("image_format", [ImageFormat.PNG, ImageFormat.WEBP])
@pytest.mark.parametrize("style", Style)
def test_a_transparent_picture_is_a_subject_on_nothing(image_format: ImageFormat, style: Style) -> None:
    """The corners are clear, the subject is solid, and there is enough of it to see."""
    content = drawn("a red robot", width=256, height=256, style=style, image_format=image_format, transparent=True)
    alpha = opened(content).getchannel("A")
    corners = [(0, 0), (255, 0), (0, 255), (255, 255)]
    assert [alpha.getpixel(corner) for corner in corners] == [0, 0, 0, 0]
    assert alpha.histogram()[255] > 0.15 * 256 * 256


@pytest.mark.parametrize("motif", MOTIFS, ids=lambda motif: motif.words.split()[0])
def test_a_transparent_subject_is_not_cut_off(motif: Any) -> None:
    """Every motif, even with a hat on, fits within the frame."""
    alpha = opened(drawn(f"{motif.words.split()[0]} with a hat", transparent=True)).getchannel("A")
    box = alpha.getbbox()
    assert box is not None
    left, top, right, bottom = box
    assert min(left, top) > 0
    assert max(right, bottom) < 128


@pytest.mark.parametrize("quality", Quality)
def test_a_jpeg_is_opaque_whatever_is_asked(quality: Quality) -> None:
    """JPEG knows no transparency: the whole picture is drawn instead of the subject on black."""
    asked = drawn(image_format=ImageFormat.JPEG, quality=quality, transparent=True)
    assert asked == drawn(image_format=ImageFormat.JPEG, quality=quality)


def test_quality_refines_a_picture_without_changing_it() -> None:
    """Low, medium and high quality of one request look the same from afar."""
    small = [
        opened(drawn("a boat", width=512, height=512, quality=quality)).resize((16, 16), Image.Resampling.BOX)
        for quality in (Quality.LOW, Quality.MEDIUM, Quality.HIGH)
    ]
    low, medium, high = (picture.convert("RGB").tobytes() for picture in small)
    assert max(abs(a - b) for a, b in zip(low, medium, strict=True)) < 16
    assert max(abs(a - b) for a, b in zip(low, high, strict=True)) < 16


@pytest.mark.parametrize("style", Style)
@pytest.mark.parametrize("name", ["red", "green", "blue", "yellow", "purple", "orange", "black", "pink"])
def test_a_color_word_colors_the_subject(name: str, style: Style) -> None:
    """The color asked for covers more of the pictures of a few seeds than when nobody asks for it."""

    def like_it(red: int, green: int, blue: int) -> bool:
        return distance((red, green, blue), COLORS[name]) < 60

    def covered(prompt: str) -> float:
        pictures = (opened(drawn(prompt, seed=seed, width=64, height=64, style=style)) for seed in range(8))
        return sum(share(picture, like_it) for picture in pictures) / 8

    assert covered(f"a {name} robot") > covered("a gray robot") + 0.02


def test_a_thing_has_its_own_color_unless_told() -> None:
    """A banana is yellow, a blue banana is blue."""

    def yellow(red: int, green: int, blue: int) -> bool:
        return distance((red, green, blue), rgb("ffd23f")) < 60

    assert share(opened(drawn("a banana", transparent=True)), yellow) > 0.08
    assert share(opened(drawn("a blue banana", transparent=True)), yellow) < 0.01


def test_words_set_the_light() -> None:
    """A night is darker than a day, and at dawn the sky is redder than at noon."""
    night, noon, dawn = (
        ImageStat.Stat(opened(drawn(f"a house at {time}")).crop((0, 0, 128, 64))).mean
        for time in ("midnight", "noon", "dawn")
    )
    assert sum(night) < sum(noon) - 150
    assert dawn[0] - dawn[2] > noon[0] - noon[2] + 30


def test_words_are_found_in_any_case_and_number() -> None:
    """Capitals, plurals and punctuation do not hide a word, and parts of words are not words."""
    prompt = Prompt("Two BLUE bicycles, and some boxes!")
    assert prompt.position("bicycle") == 2
    assert prompt.says("box")
    assert not Prompt("a catalog").says("cat")


def test_the_nearest_color_belongs_to_the_thing() -> None:
    """Of several colors a thing has the one that stands before it."""
    prompt = Prompt("a yellow house under a dark blue balloon")
    assert prompt.color_before(prompt.words.index("house")) == COLORS["yellow"]
    assert prompt.color_before(prompt.words.index("balloon")) == COLORS["blue"]


def test_no_word_calls_two_things() -> None:
    """Each word of the vocabulary names one motif."""
    words = [word for motif in MOTIFS for word in motif.words.split()]
    assert len(words) == len(set(words))


def test_a_picture_of_ordinary_size_is_a_small_file() -> None:
    """Grain and all, a 1024 x 1024 PNG stays below 400 kB."""
    sizes = [
        len(drawn("snow on a city", width=1024, height=1024, style=style, quality=Quality.HIGH)) for style in Style
    ]
    assert max(sizes) < 400_000


def test_the_longest_prompt_is_read_as_far_as_it_matters() -> None:
    """32,000 characters are no more work than a page of them."""
    assert len(Prompt("word " * 6_400).words) == 400


@settings(max_examples=60, deadline=None)
@given(
    prompt=st.text(st.characters(), max_size=200) | st.sampled_from([m.words for m in MOTIFS]),
    seed=st.integers(),
    width=SIDES,
    height=SIDES,
    style=st.sampled_from(Style),
    image_format=st.sampled_from(ImageFormat),
    quality=st.sampled_from(Quality),
    transparent=st.booleans(),
)
def test_no_request_fails(width: int, height: int, **request: Any) -> None:
    """Any text, any seed, any size: a picture of that size."""
    assert opened(drawn(width=width, height=height, **request)).size == (width, height)
