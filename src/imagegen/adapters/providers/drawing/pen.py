"""A pen that draws shapes on a canvas in a frame of its own."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Self

from .canvas import Canvas
from .color import Color
from .geometry import Point, arc, smooth


@dataclass(frozen=True)
class Pen:
    """Draws in a frame of its own: origin (x, y) and length `size` in pixels, y downwards.

    `flip` mirrors left and right; `turn` rotates clockwise, in radians.
    """

    canvas: Canvas
    x: float
    y: float
    size: float
    flip: bool = False
    turn: float = 0

    def at(self, x: float, y: float, size: float = 1, turn: float = 0) -> Self:
        """A pen at a place of this frame, `size` times as large and turned further."""
        ((to_x, to_y),) = self._place([(x, y)])
        turned = self.turn - turn if self.flip else self.turn + turn
        return replace(self, x=to_x, y=to_y, size=self.size * size, turn=turned)

    @property
    def mirrored(self) -> Self:
        """The same frame with left and right exchanged."""
        return replace(self, flip=not self.flip)

    def polygon(self, outline: Sequence[Point], color: Color, alpha: float = 1) -> None:
        """Fill a straight-edged outline; alpha 0..1 blends it with what is there."""
        self.canvas.fill(self._place(outline), color, alpha)

    def blob(self, points: Sequence[Point], color: Color) -> None:
        """Fill the smooth closed curve through the points."""
        self.polygon(smooth(points, closed=True), color)

    def ellipse(self, x: float, y: float, rx: float, ry: float, color: Color, alpha: float = 1) -> None:
        """Fill an ellipse around (x, y)."""
        # Corners that nobody can see are not worth their time.
        steps = min(96, max(12, int(max(rx, ry) * self.size)))
        self.polygon(arc(x, y, rx, ry, steps=steps), color, alpha)

    def disc(self, x: float, y: float, radius: float, color: Color, alpha: float = 1) -> None:
        """Fill a circle around (x, y)."""
        self.ellipse(x, y, radius, radius, color, alpha)

    def ring(self, x: float, y: float, radius: float, width: float, color: Color) -> None:
        """Draw a circle's outline of a width around (x, y)."""
        outer, inner = radius + width / 2, radius - width / 2
        self.polygon([*arc(x, y, outer, outer), *arc(x, y, inner, inner, 360, 0)], color)

    def box(self, x: float, y: float, width: float, height: float, color: Color, corner: float = 0) -> None:
        """Fill a rectangle whose top left is (x, y), with corners of the given radius."""
        right, low, r = x + width, y + height, min(corner, width / 2, height / 2)
        if not r:
            self.polygon([(x, y), (right, y), (right, low), (x, low)], color)
            return
        corners = ((right - r, y + r), (right - r, low - r), (x + r, low - r), (x + r, y + r))
        arcs = (arc(cx, cy, r, r, 90 * i - 90, 90 * i, 8) for i, (cx, cy) in enumerate(corners))
        self.polygon(list(chain.from_iterable(arcs)), color)

    def line(self, points: Sequence[Point], width: float, color: Color) -> None:
        """Draw a round-ended line through the points."""
        self.canvas.stroke(self._place(points), width * self.size, color)
        for x, y in (points[0], points[-1]):
            self.disc(x, y, width / 2, color)

    def curve(self, points: Sequence[Point], width: float, color: Color) -> None:
        """Draw a round-ended smooth line through the points."""
        self.line(smooth(points, closed=False), width, color)

    def taper(self, spine: Sequence[Point], widths: Sequence[float], color: Color) -> None:
        """Fill a limb along a smooth spine, as wide at each of its points as `widths` says."""
        track = smooth(spine, closed=False)
        breadths = [w for w, _ in smooth([(w, 0.0) for w in widths], closed=False)]
        left, right = [], []
        for i, ((x, y), breadth) in enumerate(zip(track, breadths, strict=True)):
            before, after = track[max(i - 1, 0)], track[min(i + 1, len(track) - 1)]
            dx, dy = after[0] - before[0], after[1] - before[1]
            reach = breadth / 2 / (math.hypot(dx, dy) or 1)
            left.append((x - dy * reach, y + dx * reach))
            right.append((x + dy * reach, y - dx * reach))
        self.polygon([*left, *reversed(right)], color)

    def _place(self, outline: Sequence[Point]) -> list[Point]:
        across = self.size * math.cos(self.turn)
        along = self.size * math.sin(self.turn)
        side = -1 if self.flip else 1
        return [(self.x + side * x * across - y * along, self.y + side * x * along + y * across) for x, y in outline]
