"""The promises of `Pixels`: only a whole picture is measured, and another encoding of it is the same picture."""

import asyncio
import struct
import warnings
from io import BytesIO
from typing import Any, Final
from zlib import crc32

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from imagegen.adapters.pixels import LONGEST_SIDE, MOST_PARTS, PillowPixels
from imagegen.domain.images import Dimensions, ImageFormat, Size
from imagegen.domain.ports import Pixels, UnreadablePicture

Color = tuple[int, ...] | int | float


def encoded(image: Image.Image, form: ImageFormat, **options: Any) -> bytes:
    """The image as Pillow writes it."""
    file = BytesIO()
    image.save(file, form.name, **options)
    return file.getvalue()


def decoded(data: bytes) -> Image.Image:
    """The image as Pillow reads it."""
    image = Image.open(BytesIO(data))
    image.load()
    return image


def one_color(mode: str, color: Color, size: tuple[int, int] = (20, 12)) -> Image.Image:
    """An image of a single color."""
    return Image.new(mode, size, color)


NOISE: Final = Image.effect_noise((40, 25), 90)
EXIF: Final = Image.Exif()
EXIF[0x0112] = 6
"""Orientation: turned by a quarter."""
PROFILE: Final = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

PICTURES: Final = {
    "png": encoded(NOISE.convert("RGB"), ImageFormat.PNG),
    "png gray": encoded(NOISE, ImageFormat.PNG, bits=1),
    "png palette": encoded(NOISE.convert("P"), ImageFormat.PNG),
    "png transparent": encoded(NOISE.convert("RGBA"), ImageFormat.PNG),
    "png with profile": encoded(NOISE.convert("RGB"), ImageFormat.PNG, icc_profile=PROFILE),
    "jpeg": encoded(NOISE.convert("RGB"), ImageFormat.JPEG),
    "jpeg progressive": encoded(NOISE.convert("RGB"), ImageFormat.JPEG, progressive=True, quality=95),
    "jpeg gray": encoded(NOISE, ImageFormat.JPEG),
    "jpeg cmyk": encoded(NOISE.convert("CMYK"), ImageFormat.JPEG, restart_marker_blocks=1),
    "jpeg with metadata": encoded(NOISE.convert("RGB"), ImageFormat.JPEG, exif=EXIF, comment=b"\xff\xd9"),
    "webp": encoded(NOISE.convert("RGB"), ImageFormat.WEBP),
    "webp lossless": encoded(NOISE.convert("RGB"), ImageFormat.WEBP, lossless=True),
    "webp transparent": encoded(NOISE.convert("RGBA"), ImageFormat.WEBP, exif=EXIF),
    "webp lossless transparent": encoded(one_color("RGBA", (1, 2, 3, 4), (40, 25)), ImageFormat.WEBP, lossless=True),
    "webp animated": encoded(
        NOISE.convert("RGB"), ImageFormat.WEBP, save_all=True, append_images=[NOISE.convert("RGBA")]
    ),
}
"""Pictures of 40 by 25 pixels, whole, of every structure that is told apart."""

pictures = st.sampled_from(sorted(PICTURES)).map(PICTURES.__getitem__)
formats = pytest.mark.parametrize("wanted", ImageFormat)


@pytest.fixture
def pixels() -> Pixels:
    """What is held to the promises."""
    return PillowPixels()


def is_unreadable(pixels: Pixels, data: bytes) -> bool:
    """Whether measuring refuses the bytes, in the way it promises to."""
    try:
        pixels.measure(data)
    except UnreadablePicture:
        return True
    return False


@pytest.mark.parametrize("name", PICTURES)
def test_a_whole_picture_is_measured(pixels: Pixels, name: str) -> None:
    """Format and size come from the bytes, whatever the coding inside."""
    expected = Dimensions(size=Size(40, 25), format=ImageFormat(name.partition(" ")[0]))
    assert pixels.measure(PICTURES[name]) == expected


@given(width=st.integers(1, 700), height=st.integers(1, 700), form=st.sampled_from(ImageFormat), lossless=st.booleans())
def test_every_size_is_read_exactly(width: int, height: int, form: ImageFormat, lossless: bool) -> None:
    """The measured size is the one that was encoded."""
    data = encoded(one_color("RGB", 0, (width, height)), form, lossless=lossless)
    assert PillowPixels().measure(data).size == Size(width, height)


@pytest.mark.parametrize("name", PICTURES)
def test_no_beginning_of_a_picture_is_a_picture(pixels: Pixels, name: str) -> None:
    """Cut off anywhere, however late, a picture is unreadable."""
    data = PICTURES[name]
    assert [end for end in range(len(data)) if not is_unreadable(pixels, data[:end])] == []


@given(data=pictures, tail=st.binary(min_size=1, max_size=20))
def test_nothing_follows_a_picture(data: bytes, tail: bytes) -> None:
    """Bytes after the end are refused, unless they make a JPEG end again."""
    assert is_unreadable(PillowPixels(), data + tail) or tail.endswith(b"\xff\xd9")


@pytest.mark.parametrize("name", [name for name in PICTURES if not name.startswith("jpeg")])
def test_a_missing_byte_is_noticed(pixels: Pixels, name: str) -> None:
    """A PNG or WebP of which any one byte was lost on the way does not add up."""
    data = PICTURES[name]
    assert [at for at in range(len(data)) if not is_unreadable(pixels, data[:at] + data[at + 1 :])] == []


@settings(max_examples=500)
@given(
    start=st.sampled_from(
        [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF", PICTURES["png"][:33], PICTURES["webp"][:16]]
    ),
    rest=st.binary(max_size=200),
)
@example(start=b"", rest=b"RIFF\x04\x00\x00\x00WEBP")
@example(start=b"", rest=b"\xff\xd8\xff\xd9")
def test_random_bytes_are_unreadable(start: bytes, rest: bytes) -> None:
    """Whatever begins like a picture and goes on at random is refused, and in no other way."""
    assert is_unreadable(PillowPixels(), start + rest)


def png_of(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG that says a size, with these chunks between its header and its end; its checksums are right."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IEND", b"")]
    packed = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc32(kind + body)) for kind, body in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


IDAT: Final = (b"IDAT", b"pixels")


@pytest.mark.parametrize(
    ("width", "height"), [(0, 1), (1, 0), (LONGEST_SIDE + 1, 1), (1, LONGEST_SIDE + 1), (7072, 7072), (2**31, 2**31)]
)
def test_absurd_sizes_are_refused(pixels: Pixels, width: int, height: int) -> None:
    """No side is empty or beyond what can be encoded, and nothing is beyond 50 megapixels."""
    assert is_unreadable(pixels, png_of(width, height, IDAT))


@pytest.mark.parametrize(("width", "height"), [(1, 1), (LONGEST_SIDE, 1), (7071, 7071)])
def test_sizes_up_to_the_limits_are_not(pixels: Pixels, width: int, height: int) -> None:
    """The limits themselves are allowed."""
    assert pixels.measure(png_of(width, height, IDAT)).size == Size(width, height)


def jpeg_of(width: int, height: int) -> bytes:
    """A JPEG that says a size."""
    return PICTURES["jpeg"].replace(struct.pack(">HH", 25, 40), struct.pack(">HH", height, width))


def webp_of(width: int, height: int) -> bytes:
    """A WebP that says a size."""
    return PICTURES["webp"].replace(struct.pack("<HH", 40, 25), struct.pack("<HH", width, height))


STRANGE: Final = {
    "empty jpeg": jpeg_of(0, 25),
    "flat jpeg": jpeg_of(40, 0),
    "huge jpeg": jpeg_of(10_000, 10_000),
    "empty webp": webp_of(0, 25),
    "flat webp": webp_of(40, 0),
    "no bytes": b"",
    "text": b"<!doctype html>",
    "no pixels": png_of(1, 1),
    "two headers": png_of(1, 1, (b"IHDR", bytes(13)), IDAT),
    "two ends": png_of(1, 1, IDAT, (b"IEND", b"")),
    "endless chunks": png_of(1, 1, IDAT, *[(b"tEXt", b"")] * MOST_PARTS),
    "no end": PICTURES["png"][:-12] + b"\0\0\0\0tEXt\0\0\0\0",
    "wrong checksum": PICTURES["png"][:29] + b"sums" + PICTURES["png"][33:],
    "jpeg without a scan": PICTURES["jpeg"][:20] + b"\xff\xd9",
    "jpeg with two frames": PICTURES["jpeg"][:2]
    + 2 * b"\xff\xc0\0\x0b\x08\0\x01\0\x01\x01\0\0\0"
    + PICTURES["jpeg"][2:],
    "jpeg that begins badly": PICTURES["jpeg"][:2] + b"\xff\xfe\0\x03.!\xda\0\0" + PICTURES["jpeg"][2:],
    "endless fill": b"\xff\xd8" + b"\xff" * 3 * MOST_PARTS + PICTURES["jpeg"][2:],
    "webp of nothing": b"RIFF\x04\0\0\0WEBP",
    "webp of something else": b"RIFF\x0e\0\0\0WEBPEXIF\x02\0\0\0ab",
    "webp of a canvas alone": b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0" + bytes(10),
    "webp that overshoots": PICTURES["webp"][:16] + struct.pack("<I", 10_000) + PICTURES["webp"][20:],
    "webp without its start code": PICTURES["webp"].replace(b"\x9d\x01\x2a", b"\x9d\x01\x2b"),
    "gif": b"GIF89a" + bytes(100),
}


@pytest.mark.parametrize("name", STRANGE)
def test_what_is_no_whole_picture_is_refused(pixels: Pixels, name: str) -> None:
    """Other files, sizes that cannot be and structures that contradict themselves are unreadable."""
    assert is_unreadable(pixels, STRANGE[name])


@formats
@pytest.mark.parametrize("name", PICTURES)
async def test_a_picture_stays_itself(pixels: Pixels, name: str, wanted: ImageFormat) -> None:
    """Whatever it came as, it is a whole picture of the wanted format, and of its size as it is looked at."""
    turned = name in {"jpeg with metadata", "webp transparent"}
    found = pixels.measure(await pixels.transcode(PICTURES[name], wanted))
    assert found == Dimensions(size=Size(25, 40) if turned else Size(40, 25), format=wanted)


SAME_COLOR: Final = [
    (one_color("RGB", (200, 60, 20)), ImageFormat.PNG, (200, 60, 20)),
    (one_color("RGB", (200, 60, 20)), ImageFormat.WEBP, (200, 60, 20)),
    (one_color("L", 77), ImageFormat.JPEG, (77, 77, 77)),
    (one_color("1", 1), ImageFormat.PNG, (255, 255, 255)),
    (one_color("I;16", 0x8080), ImageFormat.PNG, (128, 128, 128)),
    (one_color("RGB", (200, 60, 20)).quantize(), ImageFormat.PNG, (200, 60, 20)),
    (one_color("CMYK", (0, 255, 255, 0)), ImageFormat.JPEG, (255, 0, 0)),
]


@formats
@pytest.mark.parametrize(("image", "source", "color"), SAME_COLOR)
async def test_colors_stay(
    pixels: Pixels, image: Image.Image, source: ImageFormat, color: Color, wanted: ImageFormat
) -> None:
    """Every kind of pixel keeps its color, but for what a lossy encoding takes."""
    result = decoded(await pixels.transcode(encoded(image, source), wanted))
    assert result.convert("RGB").getpixel((5, 5)) == pytest.approx(color, abs=6)


TRANSPARENT: Final = [
    (one_color("RGBA", (0, 0, 0, 0)), (255, 255, 255), 0),
    (one_color("RGBA", (200, 0, 0, 255)), (200, 0, 0), 255),
    (one_color("RGBA", (200, 0, 0, 127)), (228, 128, 128), 127),
    (one_color("LA", (0, 127)), (128, 128, 128), 127),
]


@pytest.mark.parametrize(("image", "color", "alpha"), TRANSPARENT)
async def test_transparency_is_laid_on_white_where_it_would_be_lost(
    pixels: Pixels, image: Image.Image, color: Color, alpha: int
) -> None:
    """A JPEG shows what a white page would; PNG and WebP stay transparent."""
    data = encoded(image, ImageFormat.PNG)
    flat = decoded(await pixels.transcode(data, ImageFormat.JPEG))
    assert flat.getpixel((5, 5)) == pytest.approx(color, abs=4)
    for wanted in (ImageFormat.PNG, ImageFormat.WEBP):
        kept = decoded(await pixels.transcode(data, wanted)).convert("RGBA").getpixel((5, 5))
        assert isinstance(kept, tuple)
        assert kept[3] == alpha


async def test_a_transparent_color_is_transparent(pixels: Pixels) -> None:
    """The old way of PNG, one color that stands for nothing, is understood as well."""
    data = encoded(one_color("RGB", (9, 8, 7)), ImageFormat.PNG, transparency=(9, 8, 7))
    assert decoded(await pixels.transcode(data, ImageFormat.JPEG)).getpixel((5, 5)) == (255, 255, 255)


@formats
async def test_the_color_profile_stays_and_the_metadata_goes(pixels: Pixels, wanted: ImageFormat) -> None:
    """What colors mean is kept; where and by what a picture was made is not."""
    data = encoded(NOISE.convert("RGB"), ImageFormat.JPEG, icc_profile=PROFILE, exif=EXIF)
    result = decoded(await pixels.transcode(data, wanted))
    assert result.info["icc_profile"] == PROFILE
    assert not result.getexif()


@formats
async def test_a_gray_profile_does_not_outlive_gray(pixels: Pixels, wanted: ImageFormat) -> None:
    """A profile that does not fit colors is left out rather than applied to them."""
    data = encoded(NOISE, ImageFormat.PNG, icc_profile=PROFILE)
    assert not decoded(await pixels.transcode(data, wanted)).info.get("icc_profile")


async def test_damaged_pixels_cannot_be_transcoded(pixels: Pixels) -> None:
    """What only decoding shows is found then."""
    data = png_of(40, 25, IDAT)
    assert not is_unreadable(pixels, data)
    with pytest.raises(UnreadablePicture):
        await pixels.transcode(data, ImageFormat.JPEG)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=pictures, damage=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8))
async def test_damage_is_a_picture_or_unreadable(pixels: Pixels, data: bytes, damage: list[tuple[float, int]]) -> None:
    """Whatever hostile bytes do to a decoder, it ends in a picture or in the one promised error."""
    damaged = bytearray(data)
    for where, byte in damage:
        damaged[int(where * len(damaged))] = byte
    with warnings.catch_warnings(action="ignore"):
        try:
            result = await pixels.transcode(bytes(damaged), ImageFormat.PNG)
        except UnreadablePicture:
            return
    assert pixels.measure(result).format is ImageFormat.PNG


async def test_others_go_on_meanwhile(pixels: Pixels) -> None:
    """Transcoding does not hold up the event loop."""
    data = encoded(Image.effect_noise((1500, 1500), 90), ImageFormat.PNG)
    slow = asyncio.create_task(pixels.transcode(data, ImageFormat.WEBP))
    await asyncio.sleep(0)
    assert not slow.done()
    assert pixels.measure(await slow).size == Size(1500, 1500)
