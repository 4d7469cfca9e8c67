"""Points of outlines: written down, along arcs and through smooth curves."""

import math
from collections.abc import Sequence
from functools import cache

Point = tuple[float, float]


@cache
def points(text: str) -> tuple[Point, ...]:
    """The points of an outline written as in SVG: `points("0,0 0.5,-1 1,0")`."""
    pairs = (pair.split(",") for pair in text.split())
    return tuple((float(x), float(y)) for x, y in pairs)


def arc(x: float, y: float, rx: float, ry: float, start: float = 0, end: float = 360, steps: int = 48) -> list[Point]:
    """Points along an elliptic arc around (x, y), clockwise; degrees from three o'clock."""
    angles = (math.radians(start + (end - start) * i / steps) for i in range(steps + 1))
    return [(x + rx * math.cos(a), y + ry * math.sin(a)) for a in angles]


def smooth(points: Sequence[Point], *, closed: bool, steps: int = 10) -> list[Point]:
    """Points of the Catmull-Rom curve that passes through all the given ones."""
    count = len(points)
    ends = (points[-1], points[:2]) if closed else (points[0], points[-1:])
    padded = [ends[0], *points, *ends[1]]
    track = []
    for i in range(count if closed else count - 1):
        (ax, ay), (bx, by), (cx, cy), (dx, dy) = padded[i : i + 4]
        for t in (step / steps for step in range(steps)):
            a, b = -t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3
            c, d = t + 4 * t**2 - 3 * t**3, t**3 - t**2
            track.append(((a * ax + b * bx + c * cx + d * dx) / 2, (a * ay + b * by + c * cy + d * dy) / 2))
    return track if closed else [*track, points[-1]]
