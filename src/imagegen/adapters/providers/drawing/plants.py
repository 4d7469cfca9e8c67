"""Motifs that grow: trees, a flower, a cactus and a mushroom, one unit tall on the origin."""

import math

from .color import darker
from .geometry import arc, points
from .ink import Ink
from .pen import Pen


def tree(pen: Pen, ink: Ink) -> None:
    """A round-crowned tree."""
    pen.taper(points("0,0.01 -0.01,-0.25 0.01,-0.55"), [0.12, 0.07, 0.04], ink.dark)
    pen.curve(points("0,-0.3 0.08,-0.42 0.12,-0.5"), 0.025, ink.dark)
    crown = (
        (-0.2, -0.5, 0.16),
        (0.2, -0.52, 0.17),
        (-0.11, -0.7, 0.19),
        (0.12, -0.72, 0.19),
        (0, -0.83, 0.17),
        (0, -0.58, 0.2),
    )
    for x, y, radius in crown:
        pen.disc(x, y, radius, ink.shade)
    for x, y, radius in crown:
        pen.disc(x - 0.02, y - 0.025, radius * 0.88, ink.body)
    for x, y, radius in crown[2:5]:
        pen.disc(x - 0.05, y - 0.06, radius * 0.45, ink.tint)


def pine(pen: Pen, ink: Ink) -> None:
    """A fir in three tiers, lit from the left."""
    pen.box(-0.035, -0.16, 0.07, 0.17, ink.dark)
    for top, low, reach in ((-0.5, -0.12, 0.3), (-0.76, -0.36, 0.24), (-1.0, -0.62, 0.17)):
        pen.polygon([(0, top), (reach, low), (0, low + 0.03), (-reach, low)], ink.body)
        pen.polygon([(0, top), (reach, low), (0, low + 0.03)], ink.shade)


def palm(pen: Pen, ink: Ink) -> None:
    """A palm that leans into the wind."""
    pen.taper(points("-0.08,0.01 0,-0.3 0.02,-0.55 0.1,-0.82"), [0.09, 0.06, 0.05, 0.04], ink.dark)
    for color, frond in (
        (ink.body, "0.1,-0.82 -0.13,-0.93 -0.34,-0.72"),
        (ink.body, "0.1,-0.82 0.33,-0.93 0.52,-0.7"),
        (ink.shade, "0.1,-0.82 -0.08,-0.8 -0.18,-0.56"),
        (ink.shade, "0.1,-0.82 0.28,-0.8 0.36,-0.54"),
        (ink.body, "0.1,-0.82 0,-1 -0.2,-0.95"),
        (ink.body, "0.1,-0.82 0.22,-0.99 0.42,-0.93"),
    ):
        pen.taper(points(frond), [0.03, 0.085, 0], color)
    for x in (0.07, 0.12):
        pen.disc(x, -0.79, 0.03, ink.accent)


def flower(pen: Pen, ink: Ink) -> None:
    """A tall flower in full bloom."""
    pen.curve(points("0.02,0.02 -0.02,-0.3 0,-0.7"), 0.03, ink.leaf)
    pen.taper(points("0,-0.12 -0.14,-0.2 -0.25,-0.36"), [0.02, 0.12, 0.0], ink.leaf)
    pen.taper(points("0,-0.22 0.13,-0.3 0.22,-0.46"), [0.02, 0.11, 0.0], ink.leaf)
    for ring, (reach, color) in enumerate(((0.24, ink.shade), (0.23, ink.body))):
        for petal in range(9):
            angle = math.radians(petal * 40 + ring * 20)
            x, y = math.cos(angle), math.sin(angle)
            spine = [(x * 0.06, -0.7 + y * 0.06), (x * 0.18, -0.7 + y * 0.18), (x * reach, -0.7 + y * reach)]
            pen.taper(spine, [0.05, 0.12, 0.1], color)
            pen.disc(*spine[-1], 0.05, color)
    pen.disc(0, -0.7, 0.1, ink.accent)
    for dot in range(7):
        angle = math.radians(dot * 360 / 7)
        pen.disc(0.055 * math.cos(angle), -0.7 + 0.055 * math.sin(angle), 0.012, ink.dark)


def cactus(pen: Pen, ink: Ink) -> None:
    """A saguaro with two arms and a blossom."""
    pen.curve(points("-0.02,-0.33 -0.24,-0.35 -0.26,-0.48 -0.26,-0.64"), 0.12, ink.shade)
    pen.curve(points("0.02,-0.45 0.22,-0.46 0.25,-0.58 0.25,-0.76"), 0.11, ink.shade)
    pen.box(-0.115, -0.94, 0.23, 0.95, ink.body, 0.115)
    for x in (-0.06, 0.0, 0.06):
        pen.line([(x, -0.86), (x, -0.05)], 0.014, ink.shade if x else ink.tint)
    for x, y in points("0,-0.95 -0.26,-0.7 0.25,-0.82"):
        for dx in (-0.035, 0.035, 0):
            pen.ellipse(x + dx, y, 0.03, 0.035, ink.accent)


def mushroom(pen: Pen, ink: Ink) -> None:
    """A toadstool with spots."""
    pen.blob(points("-0.12,0 -0.09,-0.3 -0.12,-0.56 0.12,-0.56 0.09,-0.3 0.13,0"), ink.light)
    pen.blob(points("0.02,0 0.03,-0.3 0.02,-0.5 0.12,-0.5 0.09,-0.3 0.13,0"), darker(ink.light, 0.14))
    pen.polygon([*arc(0, -0.5, 0.44, 0.46, 180, 360), *arc(0, -0.5, 0.44, 0.09, 0, 180)], ink.body)
    pen.polygon([*arc(0, -0.5, 0.44, 0.1, 0, 180), *arc(0, -0.5, 0.44, 0.01, 180, 0)], ink.shade)
    for x, y, radius in (
        (-0.2, -0.68, 0.07),
        (0.06, -0.82, 0.085),
        (0.24, -0.62, 0.055),
        (-0.02, -0.6, 0.045),
        (-0.34, -0.56, 0.035),
    ):
        pen.ellipse(x, y, radius, radius * 0.85, ink.light)
