"""Motifs with a face: a banana, sitting animals, birds, fish and robots.

Each is drawn one unit tall, standing on the origin. The face they are given is drawn by `wardrobe`.
"""

from typing import Literal

from .color import BLACK, WHITE
from .geometry import points
from .ink import Ink
from .pen import Pen

Ears = Literal["pointed", "floppy", "long", "round"]


def banana(pen: Pen, ink: Ink) -> None:
    """A banana with a grin, on two legs."""
    for x, foot in ((-0.05, -0.13), (0.07, 0.15)):
        pen.curve([(x, -0.2), (x, -0.08), (x * 1.1, -0.025)], 0.03, ink.dark)
        pen.ellipse(foot, -0.022, 0.065, 0.028, ink.accent)
    pen.curve(points("-0.16,-0.46 -0.3,-0.42 -0.34,-0.55"), 0.028, ink.dark)
    pen.curve(points("0.13,-0.42 0.25,-0.34 0.2,-0.24"), 0.028, ink.dark)
    spine = points("0.17,-0.98 0.08,-0.88 -0.04,-0.66 -0.05,-0.42 0.04,-0.22 0.17,-0.12")
    pen.taper(spine, [0.05, 0.11, 0.3, 0.33, 0.24, 0.05], ink.body)
    outer = points("0.14,-0.965 0.02,-0.87 -0.145,-0.66 -0.165,-0.41 -0.04,-0.2 0.15,-0.11")
    pen.taper(outer, [0.0, 0.03, 0.075, 0.08, 0.05, 0.0], ink.shade)
    inner = points("0.115,-0.86 0.062,-0.7 0.07,-0.42 0.12,-0.22")
    pen.taper(inner, [0, 0.02, 0.028, 0], ink.tint)
    pen.taper(points("0.165,-0.96 0.2,-1 0.235,-1.01"), [0.055, 0.05, 0.062], ink.dark)
    pen.disc(0.17, -0.115, 0.022, ink.dark)
    pen.curve(points("-0.095,-0.475 -0.065,-0.442 -0.02,-0.43 0.025,-0.442 0.055,-0.475"), 0.018, ink.dark)


def _ear(pen: Pen, ears: Ears, ink: Ink) -> None:
    if ears == "pointed":
        pen.polygon(points("-0.205,-0.68 -0.19,-0.98 -0.03,-0.83"), ink.body)
        pen.polygon(points("-0.175,-0.76 -0.168,-0.91 -0.08,-0.83"), ink.tint)
    elif ears == "floppy":
        pen.taper(points("-0.13,-0.84 -0.22,-0.76 -0.235,-0.56"), [0.05, 0.14, 0.02], ink.shade)
    elif ears == "long":
        pen.taper(points("-0.07,-0.76 -0.1,-0.9 -0.12,-1.06"), [0.07, 0.13, 0.01], ink.body)
        pen.taper(points("-0.08,-0.82 -0.1,-0.92 -0.115,-1.02"), [0.03, 0.06, 0], ink.tint)
    else:
        pen.disc(-0.15, -0.83, 0.085, ink.body)
        pen.disc(-0.15, -0.83, 0.045, ink.tint)


def animal(pen: Pen, ink: Ink, ears: Ears) -> None:
    """An animal that sits and looks at you."""
    if ears in {"pointed", "floppy"}:
        pen.taper(points("0.14,-0.06 0.34,-0.06 0.36,-0.26 0.29,-0.38"), [0.09, 0.12, 0.13, 0.03], ink.shade)
    else:
        pen.disc(0.22, -0.12, 0.075, ink.tint)
    pen.blob(points("-0.2,0 -0.24,-0.16 -0.15,-0.42 0,-0.52 0.15,-0.42 0.24,-0.16 0.2,0"), ink.body)
    pen.ellipse(0, -0.24, 0.1, 0.19, ink.tint)
    for half in (pen, pen.mirrored):
        half.ellipse(0.16, -0.07, 0.09, 0.085, ink.shade)
        half.ellipse(0.075, -0.025, 0.07, 0.035, ink.tint)
        _ear(half, ears, ink)
    pen.blob(points("-0.235,-0.64 -0.16,-0.8 0,-0.84 0.16,-0.8 0.235,-0.64 0.13,-0.5 -0.13,-0.5"), ink.body)
    pen.ellipse(0, -0.575, 0.11, 0.07, ink.tint)
    pen.blob(points("-0.035,-0.625 0,-0.635 0.035,-0.625 0,-0.585"), ink.dark)
    for half in (pen, pen.mirrored):
        if ears == "floppy":
            _ear(half, ears, ink)
        half.curve(points("0,-0.585 0.025,-0.552 0.06,-0.556"), 0.011, ink.dark)
        if ears in {"pointed", "long"}:
            half.line(points("0.13,-0.585 0.27,-0.6"), 0.006, ink.dark)
            half.line(points("0.13,-0.545 0.27,-0.532"), 0.006, ink.dark)


def bird(pen: Pen, ink: Ink) -> None:
    """A round bird with tufted ears, on two feet."""
    for half in (pen, pen.mirrored):
        for toe in (0.05, 0.1, 0.15):
            half.line([(0.1, -0.06), (toe, -0.012)], 0.022, ink.accent)
        half.polygon(points("0.08,-0.86 0.22,-0.99 0.25,-0.72"), ink.shade)
    pen.blob(points("0,-0.9 -0.24,-0.78 -0.29,-0.4 -0.17,-0.09 0.17,-0.09 0.29,-0.4 0.24,-0.78"), ink.body)
    pen.blob(points("0,-0.56 -0.16,-0.46 -0.17,-0.2 0,-0.08 0.17,-0.2 0.16,-0.46"), ink.tint)
    for x, y in points("-0.07,-0.42 0.07,-0.42 0,-0.33 -0.12,-0.33 0.12,-0.33 -0.06,-0.24 0.06,-0.24"):
        pen.curve([(x - 0.03, y), (x, y + 0.025), (x + 0.03, y)], 0.014, ink.body)
    for half in (pen, pen.mirrored):
        half.taper(points("0.25,-0.6 0.31,-0.4 0.22,-0.14"), [0.08, 0.16, 0.02], ink.shade)
        half.disc(0.105, -0.7, 0.115, ink.light)
    pen.blob(points("-0.04,-0.65 0,-0.67 0.04,-0.65 0,-0.56"), ink.accent)


def fish(pen: Pen, ink: Ink) -> None:
    """A fish in a leap, with a fan of a tail."""
    pen = pen.at(0, -0.5, 1, -0.25)
    pen.blob(points("0.22,0 0.42,-0.2 0.5,-0.17 0.42,0 0.5,0.17 0.42,0.2"), ink.accent)
    pen.blob(points("-0.1,-0.22 0.05,-0.36 0.2,-0.28 0.14,-0.1"), ink.accent)
    pen.blob(points("-0.02,0.2 0.08,0.32 0.16,0.27 0.1,0.1"), ink.accent)
    pen.blob(
        points("-0.42,0.02 -0.26,-0.2 0,-0.25 0.3,-0.05 0.3,0.05 0,0.24 -0.26,0.18"),
        ink.body,
    )
    pen.blob(points("-0.4,0.06 -0.1,0.13 0.26,0.05 0,0.24 -0.26,0.18"), ink.tint)
    pen.curve(points("-0.16,-0.18 -0.11,0 -0.16,0.17"), 0.018, ink.shade)
    for column, y in points("0,-0.07 0,0.03 1,-0.02 1,-0.11 2,-0.06 2,0.02"):
        x = column * 0.09
        pen.curve([(x, y - 0.04), (x + 0.03, y), (x, y + 0.04)], 0.014, ink.shade)
    pen.disc(-0.27, -0.05, 0.06, WHITE)
    pen.disc(-0.28, -0.05, 0.032, BLACK)


def whale(pen: Pen, ink: Ink) -> None:
    """A whale at the surface, blowing."""
    spout = points("-0.2,-0.52 -0.2,-0.7 -0.1,-0.8 0,-0.72")
    pen.curve(spout, 0.032, ink.light)
    pen.curve([(-0.4 - x, y) for x, y in spout], 0.032, ink.light)
    pen.taper(points("0.25,-0.14 0.5,-0.22 0.6,-0.46"), [0.36, 0.17, 0.06], ink.body)
    pen.blob(points("0.6,-0.4 0.48,-0.5 0.42,-0.63 0.56,-0.58 0.62,-0.54 0.68,-0.6 0.8,-0.6 0.72,-0.47"), ink.body)
    back = points(
        "-0.63,-0.2 -0.6,-0.4 -0.42,-0.53 -0.15,-0.56 0.12,-0.46 0.34,-0.28 0.48,-0.08 0.3,0.06 -0.3,0.08 -0.58,0"
    )
    pen.blob(back, ink.body)
    pen.blob(points("-0.62,-0.17 -0.4,-0.19 -0.1,-0.12 0.22,0.02 -0.1,0.08 -0.4,0.07 -0.58,-0.01"), ink.light)
    for x, y in points("-0.5,-0.13 -0.39,-0.13 -0.28,-0.11 -0.17,-0.08"):
        pen.line([(x, y), (x + 0.05, y + 0.12)], 0.011, ink.shade)
    pen.blob(points("-0.06,-0.24 0.12,-0.22 0.2,-0.04 0.06,-0.06"), ink.shade)
    pen.disc(-0.42, -0.29, 0.045, WHITE)
    pen.disc(-0.428, -0.285, 0.026, BLACK)


def robot(pen: Pen, ink: Ink) -> None:
    """A boxy robot with a screen for a face."""
    for half in (pen, pen.mirrored):
        half.line([(0.1, -0.2), (0.1, -0.04)], 0.055, ink.dark)
        half.box(0.025, -0.06, 0.17, 0.06, ink.shade, 0.03)
        half.box(0.23, -0.77, 0.08, 0.12, ink.shade, 0.03)
    pen.curve(points("-0.2,-0.45 -0.33,-0.36 -0.31,-0.22"), 0.045, ink.dark)
    pen.curve(points("0.2,-0.45 0.34,-0.5 0.34,-0.66"), 0.045, ink.dark)
    pen.disc(-0.31, -0.2, 0.05, ink.accent)
    pen.disc(0.34, -0.69, 0.05, ink.accent)
    pen.box(-0.2, -0.51, 0.4, 0.34, ink.body, 0.06)
    pen.box(-0.13, -0.44, 0.26, 0.13, ink.light, 0.03)
    for i, color in enumerate((ink.accent, ink.leaf, ink.dark)):
        pen.disc(-0.08 + i * 0.08, -0.375, 0.025, color)
    pen.box(-0.13, -0.27, 0.26, 0.03, ink.shade, 0.015)
    pen.box(-0.06, -0.56, 0.12, 0.06, ink.dark)
    pen.line([(0, -0.88), (0, -0.96)], 0.022, ink.dark)
    pen.disc(0, -0.975, 0.035, ink.accent)
    pen.box(-0.26, -0.89, 0.52, 0.35, ink.body, 0.09)
    pen.box(-0.2, -0.835, 0.4, 0.24, ink.light, 0.07)
    pen.curve(points("-0.07,-0.66 -0.035,-0.642 0,-0.637 0.035,-0.642 0.07,-0.66"), 0.016, ink.dark)
