"""Pictures of an exact number of bytes, each different from every other, and the check that one arrived whole."""

import base64
import math
import random
import struct
import zlib
from typing import Final

SIZES: Final = {"1k": 1024, "100k": 100 * 1024, "1536k": 1536 * 1024}
"""The sizes measured, in bytes of PNG: a thumbnail, a compressed picture, a 1024x1024 one as the providers send it."""

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_FRAME: Final = 12  # length, kind and checksum of a chunk
_RGB: Final = 3


class Stamped:
    """A PNG of exactly `size` bytes that carries a serial number.

    Signature and header fill 33 bytes and the serial's text chunk 36, both multiples of three: their base64 texts
    join without padding, so that only 48 characters are encoded anew for each picture.
    """

    def __init__(self, size: int) -> None:
        side = _side_fitting(size)
        noise = random.Random(size)
        rows = b"".join(b"\0" + noise.randbytes(side * _RGB) for _ in range(side))
        header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
        self._head = _SIGNATURE + _chunk(b"IHDR", header)
        pixels, end = _chunk(b"IDAT", zlib.compress(rows, 0)), _chunk(b"IEND", b"")
        spare = size - len(self._head) - len(_serial(0)) - len(pixels) - len(end)
        padding = _chunk(b"tEXt", b"Comment\0".ljust(spare - _FRAME, b"."))
        self._tail = pixels + padding + end
        self._head_text = base64.b64encode(self._head)
        self._tail_text = base64.b64encode(self._tail)

    def png(self, serial: int) -> bytes:
        """The picture numbered `serial`."""
        return self._head + _serial(serial) + self._tail

    def base64(self, serial: int) -> tuple[bytes, bytes, bytes]:
        """The same picture as base64, in three pieces to be sent one after the other."""
        return self._head_text, base64.b64encode(_serial(serial)), self._tail_text


def check(png: bytes, size: int) -> None:
    """Raise ValueError unless `png` has `size` bytes, whole chunks with true checksums and all of its pixels."""
    if len(png) != size:
        raise ValueError(f"a picture of {len(png)} bytes where {size} were sent")
    if not png.startswith(_SIGNATURE):
        raise ValueError("not a PNG")
    chunks: dict[bytes, bytes] = {}
    at = len(_SIGNATURE)
    while at < size:
        (length,) = struct.unpack_from(">I", png, at)
        kind, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        if png[at : at + length + _FRAME] != _chunk(kind, data):
            raise ValueError(f"chunk {kind!r} is damaged")
        chunks[kind] = data
        at += length + _FRAME
    width, height = struct.unpack_from(">II", chunks[b"IHDR"])
    if len(zlib.decompress(chunks[b"IDAT"])) != height * (width * _RGB + 1) or b"IEND" not in chunks:
        raise ValueError("pixels are missing")


def _side_fitting(size: int) -> int:
    """The side of the largest square of uncompressed RGB noise that leaves room for the other chunks."""
    spare = size - 200
    side = math.isqrt(spare // _RGB)
    while side * (side * _RGB + 1) + 5 * (side * side * _RGB // 16_000 + 1) > spare:
        side -= 1
    return side


def _serial(serial: int) -> bytes:
    return _chunk(b"tEXt", b"Comment\0%016x" % serial)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
