"""What every part of a landscape needs to know, and the words that change it."""

from dataclasses import dataclass

from .canvas import Canvas
from .color import Color
from .geometry import Point
from .palette import Palette
from .pen import Pen
from .prompt import Dice, Prompt

SEA = "sea ocean beach lake river water coast island harbor waves surf pirate"
MOUNTAINS = "mountain alps peak hiking summit volcano"
CITY = "city skyline town street urban downtown tokyo paris york london berlin traffic"
DESERT = "desert dune sand sahara egypt canyon mars"
SNOW = "snow snowy winter snowfall blizzard christmas"
RAIN = "rain rainy storm"
SPACE = "space planet galaxy saturn jupiter cosmos"


@dataclass(frozen=True)
class Scene:
    """A landscape in the making; lengths are pixels, y downwards."""

    canvas: Canvas
    palette: Palette
    prompt: Prompt
    dice: Dice
    horizon: float
    """Height of the horizon, from the top."""

    @property
    def wide(self) -> int:
        """The width."""
        return self.canvas.width

    @property
    def high(self) -> int:
        """The height."""
        return self.canvas.height

    @property
    def unit(self) -> int:
        """The shorter side: what sizes are measured in."""
        return self.canvas.unit

    def pen(self, x: float, y: float, size: float) -> Pen:
        """A pen with its origin at (x, y) and `size` pixels long."""
        return Pen(self.canvas, x, y, size)

    def ground(self, ridge: list[Point], *stops: Color, low: float | None = None) -> None:
        """Fill what lies below a line that crosses the picture, from the first color to the last.

        It ends at the lower edge, or at the height `low` where other ground will cover the rest.
        """
        low = self.high if low is None else low
        self.canvas.shade([*ridge, (self.wide, low), (0, low)], stops)
