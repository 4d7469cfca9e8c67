"""A supersampled surface to fill with polygons and gradients."""

from collections.abc import Sequence

from PIL import Image, ImageDraw

from .color import Color, Stops, gradient
from .geometry import Point

# Colors computed one by one in a gradient; between them they are interpolated.
_GRADIENT_STEPS = 256


class Canvas:
    """A picture of width x height pixels, kept `scale` times larger until it is finished.

    The larger copy is what makes edges smooth, and its area is the memory a drawing costs:
    4 bytes x width x height x scale². A transparent canvas starts empty and takes opaque colors only.
    """

    def __init__(self, width: int, height: int, *, scale: int, transparent: bool = False) -> None:
        self.width = width
        self.height = height
        self.scale = scale
        mode = "RGBA" if transparent else "RGB"
        self._image = Image.new(mode, (width * scale, height * scale))
        self._opaque = ImageDraw.Draw(self._image)
        # On an RGB image an "RGBA" context blends as it fills, at a price for every pixel.
        self._translucent = ImageDraw.Draw(self._image, "RGBA")

    @property
    def unit(self) -> int:
        """The shorter side in pixels: what sizes of things are measured in."""
        return min(self.width, self.height)

    def fill(self, points: Sequence[Point], color: Color, alpha: float = 1) -> None:
        """Fill a polygon given in pixels; alpha 0..1 blends it with what is there."""
        draw, ink = self._ink(color, alpha)
        draw.polygon(self._enlarged(points), fill=ink)

    def stroke(self, points: Sequence[Point], width: float, color: Color, alpha: float = 1) -> None:
        """Draw an open line with rounded joints through points given in pixels."""
        draw, ink = self._ink(color, alpha)
        draw.line(self._enlarged(points), fill=ink, width=max(1, round(width * self.scale)), joint="curve")

    def backdrop(self, stops: Stops, height: float) -> None:
        """Cover the whole width from the top down to `height` pixels with a vertical gradient."""
        self._image.paste(_curtain(stops, (self._image.width, round(height * self.scale))))

    def shade(self, points: Sequence[Point], stops: Stops) -> None:
        """Fill a polygon given in pixels with a vertical gradient from its top to its bottom."""
        outline = self._enlarged(points)
        left, right = _span([x for x, _ in outline], self._image.width)
        top, bottom = _span([y for _, y in outline], self._image.height)
        if left >= right or top >= bottom:
            return
        size = (right - left, bottom - top)
        mask = Image.new("L", size)
        ImageDraw.Draw(mask).polygon([(x - left, y - top) for x, y in outline], fill=255)
        self._image.paste(_curtain(stops, size), (left, top), mask)

    def finish(self) -> Image.Image:
        """The picture at its own size, edges smoothed."""
        return self._image.reduce(self.scale)

    def _enlarged(self, points: Sequence[Point]) -> list[tuple[int, int]]:
        # Whole numbers: a last-bit difference between math libraries must not move an edge.
        return [(round(x * self.scale), round(y * self.scale)) for x, y in points]

    def _ink(self, color: Color, alpha: float) -> tuple[ImageDraw.ImageDraw, tuple[int, ...]]:
        if alpha == 1:
            return self._opaque, color
        return self._translucent, (*color, round(255 * alpha))


def _span(values: list[int], limit: int) -> tuple[int, int]:
    return max(0, min(values)), min(limit, max(values) + 1)


def _curtain(stops: Stops, size: tuple[int, int]) -> Image.Image:
    length = min(size[1], _GRADIENT_STEPS)
    column = Image.frombytes("RGB", (1, length), gradient(stops, length))
    fine = column.resize((1, size[1]), Image.Resampling.BILINEAR)
    return fine.resize(size, Image.Resampling.NEAREST)
