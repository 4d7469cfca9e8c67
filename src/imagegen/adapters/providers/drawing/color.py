"""Colors as red, green and blue from 0 to 255, and how they mix."""

from collections.abc import Sequence

Color = tuple[int, int, int]
Stops = Sequence[Color]

BLACK: Color = (16, 18, 28)
WHITE: Color = (255, 252, 245)


def rgb(code: str) -> Color:
    """The color a six-digit hexadecimal code names: `rgb("ff8800")`."""
    value = int(code, 16)
    return value >> 16, value >> 8 & 255, value & 255


def mix(first: Color, second: Color, share: float) -> Color:
    """`first` with a share (0..1) of `second` in it."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def darker(color: Color, share: float = 0.22) -> Color:
    """The color with a share of near-black in it."""
    return mix(color, BLACK, share)


def lighter(color: Color, share: float = 0.28) -> Color:
    """The color with a share of warm white in it."""
    return mix(color, WHITE, share)


def luma(color: Color) -> float:
    """How bright the color looks, 0..255 (Rec. 601 weights)."""
    return 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]


def distance(first: Color, second: Color) -> int:
    """How far two colors are apart, 0..765."""
    return sum(abs(a - b) for a, b in zip(first, second, strict=True))


def gradient(stops: Stops, length: int) -> bytes:
    """`length` RGB pixels that run evenly through the stops."""
    last = max(length - 1, 1)
    row = bytearray()
    for i in range(length):
        place = i / last * (len(stops) - 1)
        index = min(int(place), len(stops) - 2)
        row += bytes(mix(stops[index], stops[index + 1], place - index))
    return bytes(row)
