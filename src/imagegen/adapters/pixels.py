"""Encoded pictures: their size, read from their structure, and the same picture in another encoding."""

import asyncio
import struct
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final
from zlib import crc32

from imagegen.domain.images import Dimensions, ImageFormat, Size
from imagegen.domain.ports import Pixels, UnreadablePicture

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_PIXELS: Final = 50_000_000
LONGEST_SIDE: Final = 16_383
"""Pixels: what WebP, the narrowest of the three, can encode; no model draws half of it."""
MOST_PARTS: Final = 32_768
"""Chunks or segments that are looked at: 64 MiB in pieces of 2 KiB, at most 8 ms of the event loop's time."""
THREADS: Final = 2
"""Pictures decoded at once; the largest and most transparent takes 400 MiB on its way to JPEG, 840 MiB to WebP."""

_ENCODING: Final[dict[ImageFormat, dict[str, Any]]] = {
    ImageFormat.PNG: {},
    ImageFormat.JPEG: {"quality": 92},
    # Method 2 makes the same bytes at this quality in under half the time of the default.
    ImageFormat.WEBP: {"quality": 90, "method": 2},
}

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_PNG_HEADER: Final = b"\0\0\0\rIHDR"
_PNG_END: Final = b"\0\0\0\0IEND\xaeB`\x82"
_JPEG: Final = b"\xff\xd8\xff"
_JPEG_END: Final = b"\xff\xd9"
_FILL: Final = b"\xff\xff"
_SCAN: Final = b"\xff\xda"
_FRAMES: Final = {bytes((0xFF, n)) for n in range(0xC0, 0xD0)} - {b"\xff\xc4", b"\xff\xc8", b"\xff\xcc"}
"""The JPEG markers that begin a frame and say its size, whichever its coding."""
_WEBP_PIXELS: Final = {b"VP8 ", b"VP8L", b"ANMF"}

_png_chunk = struct.Struct(">I4s").unpack_from
_png_size = struct.Struct(">II").unpack_from
_jpeg_segment = struct.Struct(">2sH").unpack_from
_jpeg_size = struct.Struct(">HH").unpack_from
_webp_chunk = struct.Struct("<4sI").unpack_from
_vp8_size = struct.Struct("<HH").unpack_from
_vp8l_size = struct.Struct("<I").unpack_from


class PillowPixels(Pixels):
    """Measures by itself, in microseconds, and leaves the rest to Pillow, in two threads of its own.

    Measuring finds what a cut or spliced answer would break: every length from the first byte to the last counts,
    and nothing may follow the end. Of the checksums only the one over a PNG's size is compared; over all the pixels
    that would take longer than everything else together.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="pixels")

    def measure(self, data: bytes) -> Dimensions:
        """Size and format of a whole PNG, JPEG or WebP of at most 50 megapixels and 16,383 a side.

        Raises:
            UnreadablePicture: it is none of these, not whole, empty, larger, or followed by other bytes.
        """
        try:
            image_format, (width, height) = _structure(data)
        except struct.error as error:
            raise UnreadablePicture("The picture is cut off.") from error
        if not (0 < width <= LONGEST_SIDE and 0 < height <= LONGEST_SIDE and width * height <= MOST_PIXELS):
            raise UnreadablePicture("The picture is empty, or larger than any we handle.")
        return Dimensions(size=Size(width, height), format=image_format)

    async def transcode(self, data: bytes, wanted: ImageFormat) -> bytes:
        """The same picture in another encoding: upright, in color, 8 bits a channel, with its color profile.

        Of an animation it is the first frame. Other metadata is dropped.
        """
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._transcode, data, wanted)

    def _transcode(self, data: bytes, wanted: ImageFormat) -> bytes:
        found = self.measure(data)
        try:
            image = _decoded(data, found)
            profile = image.info.get("icc_profile") if image.mode in {"P", "RGB", "RGBA"} else None
            encoded = BytesIO()
            image = _in_color(image, opaque=wanted is ImageFormat.JPEG)
            image.save(encoded, wanted.name, icc_profile=profile, **_ENCODING[wanted])
        except Exception as error:  # whatever a decoder makes of hostile bytes, they are the reason
            raise UnreadablePicture("The picture cannot be decoded.") from error
        return encoded.getvalue()


def _structure(data: bytes) -> tuple[ImageFormat, tuple[int, int]]:
    if data.startswith(_PNG):
        return ImageFormat.PNG, _png(data)
    if data.startswith(_JPEG):
        return ImageFormat.JPEG, _jpeg(data)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return ImageFormat.WEBP, _webp(data)
    raise UnreadablePicture("This is no PNG, JPEG or WebP.")


def _png(data: bytes) -> tuple[int, int]:
    if data[8:16] != _PNG_HEADER or data[29:33] != crc32(data[12:29]).to_bytes(4, "big"):
        raise UnreadablePicture("The header of the PNG is damaged.")
    kinds = set()
    position, end = 33, len(data) - len(_PNG_END)
    for _ in range(MOST_PARTS):
        if position >= end:
            break
        length, kind = _png_chunk(data, position)
        kinds.add(kind)
        position += 12 + length
    if position != end or not data.endswith(_PNG_END) or b"IDAT" not in kinds or kinds & {b"IHDR", b"IEND"}:
        raise UnreadablePicture("The PNG is not whole.")
    width, height = _png_size(data, 16)
    return width, height


def _jpeg(data: bytes) -> tuple[int, int]:
    """The size, from the one frame header before the first scan. Within scans no end marker can stand."""
    sizes = []
    marker, position = b"", 2
    for _ in range(MOST_PARTS):
        marker, length = _jpeg_segment(data, position)
        if marker == _SCAN or not marker.startswith(b"\xff"):
            break
        if marker in _FRAMES:
            sizes.append(_jpeg_size(data, position + 5))
        position += 1 if marker == _FILL else 2 + length
    if marker != _SCAN or len(sizes) != 1 or not data.endswith(_JPEG_END):
        raise UnreadablePicture("The JPEG is not whole.")
    height, width = sizes[0]
    return width, height


def _webp(data: bytes) -> tuple[int, int]:
    kinds = []
    position = 12
    for _ in range(MOST_PARTS):
        if position >= len(data):
            break
        kind, length = _webp_chunk(data, position)
        kinds.append(kind)
        position += 8 + length + length % 2
    whole = position == len(data) == 8 + _webp_chunk(data, 0)[1]
    if not whole or not kinds or not _WEBP_PIXELS.intersection(kinds):
        raise UnreadablePicture("The WebP is not whole.")
    return _webp_size(data, kinds[0])


def _webp_size(data: bytes, kind: bytes) -> tuple[int, int]:
    """The size that the first chunk says: of the canvas, or of the one picture."""
    if kind == b"VP8X":
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = _vp8_size(data, 26)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L" and data[20:21] == b"\x2f":
        (bits,) = _vp8l_size(data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    raise UnreadablePicture("The WebP begins with no picture.")


def _decoded(data: bytes, expected: Dimensions) -> "Image":
    """The picture, upright. Only the one decoder is tried, and only on the size that was measured."""
    from PIL import Image, ImageOps  # noqa: PLC0415 - a start without it is 30 ms shorter

    image = Image.open(BytesIO(data), formats=[expected.format.name])
    if image.size != (expected.size.width, expected.size.height):
        raise UnreadablePicture("The picture says two sizes.")
    image.load()
    ImageOps.exif_transpose(image, in_place=True)
    return image


def _in_color(image: "Image", *, opaque: bool) -> "Image":
    if image.mode == "I;16":
        image = image.point(lambda level: level / 256).convert("L")
    mode = "RGBA" if image.has_transparency_data else "RGB"
    if image.mode != mode:
        image = image.convert(mode)
    if mode == "RGB" or not opaque:
        return image
    white = image.convert("RGB")
    white.paste("white", (0, 0, *image.size))
    white.paste(image, mask=image)
    return white
