"""Motifs people make: vehicles, buildings and a cup, one unit tall, standing on the origin."""

from .geometry import arc, points
from .ink import Ink
from .pen import Pen


def bicycle(pen: Pen, ink: Ink) -> None:
    """A city bicycle with flowers in its basket."""
    hub, top = 0.3, -0.3
    for x in (-0.48, 0.48):
        pen.ring(x, top, hub, 0.045, ink.dark)
        for i in range(8):
            rim = arc(x, top, hub, hub, i * 45 + 10, i * 45 + 55, 1)[0]
            pen.line([(x, top), rim], 0.008, ink.dark)
        pen.disc(x, top, 0.035, ink.dark)
    seat, pedal, stem = points("-0.2,-0.72 -0.06,-0.28 0.34,-0.74")
    for start, end in (
        ((-0.48, top), pedal),
        ((-0.48, top), (-0.17, -0.62)),
        (seat, pedal),
        (pedal, (0.36, -0.64)),
        ((-0.17, -0.62), (0.36, -0.66)),
    ):
        pen.line([start, end], 0.045, ink.body)
    pen.line([(0.48, top), stem], 0.045, ink.body)
    pen.line([stem, (0.31, -0.86)], 0.035, ink.dark)
    pen.curve(points("0.31,-0.86 0.24,-0.9 0.16,-0.86"), 0.04, ink.dark)
    pen.blob(points("-0.33,-0.76 -0.2,-0.79 -0.08,-0.75 -0.2,-0.71"), ink.dark)
    pen.disc(*pedal, 0.07, ink.shade)
    pen.line([pedal, (0.0, -0.16)], 0.028, ink.dark)
    pen.line([(-0.05, -0.155), (0.05, -0.155)], 0.03, ink.dark)
    pen.line([(0.35, -0.78), (0.5, -0.72)], 0.03, ink.dark)
    for x, y in points("0.44,-0.93 0.52,-0.97 0.6,-0.93"):
        pen.disc(x, y, 0.06, ink.accent)
        pen.disc(x, y, 0.022, ink.light)
    pen.polygon(points("0.37,-0.9 0.67,-0.9 0.62,-0.69 0.42,-0.69"), ink.light)
    for x in (0.45, 0.52, 0.59):
        pen.line([(x, -0.89), (x, -0.71)], 0.012, ink.shade)


def boat(pen: Pen, ink: Ink) -> None:
    """A sailing boat under full sail."""
    pen.line([(0.02, -0.96), (0.02, -0.15)], 0.025, ink.dark)
    pen.polygon(points("0.02,-1 0.02,-0.93 0.14,-0.965"), ink.accent)
    pen.polygon([*arc(-0.36, -0.9, 0.36, 0.66, 0, 60, 12), (-0.42, -0.24), (0.0, -0.24)][::-1], ink.light)
    pen.polygon([(0.06, -0.86), *arc(0.06, -0.24, 0.34, 0.62, 270, 360, 12), (0.06, -0.24)], ink.tint)
    pen.polygon(points("0.06,-0.5 0.375,-0.5 0.39,-0.4 0.06,-0.4"), ink.accent)
    pen.polygon(points("-0.52,-0.18 0.5,-0.18 0.36,0.02 -0.38,0.02"), ink.body)
    pen.polygon(points("-0.52,-0.18 0.5,-0.18 0.47,-0.135 -0.487,-0.135"), ink.light)
    pen.polygon(points("-0.43,-0.05 0.41,-0.05 0.36,0.02 -0.38,0.02"), ink.shade)


def house(pen: Pen, ink: Ink) -> None:
    """A cottage with the light on."""
    pen.box(0.17, -0.92, 0.11, 0.3, ink.dark)
    for x, y, radius in ((0.24, -0.985, 0.04), (0.31, -1.05, 0.05)):
        pen.disc(x, y, radius, ink.light)
    pen.box(-0.38, -0.52, 0.76, 0.53, ink.light)
    pen.polygon(points("0.05,-0.52 0.38,-0.52 0.38,0.01 0.05,0.01"), ink.tint)
    pen.polygon(points("-0.48,-0.49 -0.19,-0.86 0.27,-0.86 0.48,-0.49"), ink.body)
    pen.polygon(points("-0.48,-0.49 -0.19,-0.86 0.06,-0.49"), ink.shade)
    pen.polygon(points("-0.38,-0.49 -0.19,-0.75 0,-0.49"), ink.light)
    pen.polygon([*arc(-0.19, -0.24, 0.085, 0.085, 180, 360, 16), (-0.105, 0.01), (-0.275, 0.01)], ink.body)
    pen.disc(-0.13, -0.13, 0.014, ink.light)
    pen.disc(-0.19, -0.55, 0.055, ink.accent)
    for x in (0.12, 0.25):
        pen.box(x, -0.38, 0.09, 0.16, ink.accent)
        pen.line([(x + 0.045, -0.38), (x + 0.045, -0.22)], 0.012, ink.light)
        pen.box(x - 0.012, -0.225, 0.114, 0.03, ink.leaf)


def lighthouse(pen: Pen, ink: Ink) -> None:
    """A striped lighthouse on its rock."""
    pen.blob(points("-0.34,0.02 -0.24,-0.09 0,-0.13 0.22,-0.1 0.36,0.02"), ink.dark)
    for i in range(5):
        low, high = -0.08 - i * 0.125, -0.08 - (i + 1) * 0.125
        outer, inner = 0.17 - i * 0.014, 0.17 - (i + 1) * 0.014
        lit, dim = (ink.light, ink.tint) if i % 2 else (ink.body, ink.shade)
        pen.polygon([(-outer, low), (outer, low), (inner, high), (-inner, high)], lit)
        pen.polygon([(outer * 0.35, low), (outer, low), (inner, high), (inner * 0.35, high)], dim)
    pen.box(-0.15, -0.735, 0.3, 0.035, ink.dark, 0.01)
    pen.box(-0.085, -0.87, 0.17, 0.14, ink.accent)
    pen.box(-0.012, -0.87, 0.024, 0.14, ink.dark)
    pen.polygon(arc(0, -0.87, 0.12, 0.1, 180, 360, 20), ink.body)
    pen.line([(0, -0.96), (0, -1.0)], 0.02, ink.dark)
    pen.polygon([*arc(0, -0.2, 0.04, 0.05, 180, 360, 12), (0.04, -0.1), (-0.04, -0.1)], ink.dark)


def balloon(pen: Pen, ink: Ink) -> None:
    """A hot-air balloon in stripes."""
    for x in (-0.09, 0.09):
        pen.line([(x, -0.14), (x * 1.7, -0.34)], 0.01, ink.dark)
    for reach, color in ((0.38, ink.body), (0.28, ink.light), (0.17, ink.accent), (0.06, ink.light)):
        top = arc(0, -0.64, reach, 0.36, 180, 360, 32)
        neck = points("0.42,-0.32 0.3,-0.28 -0.3,-0.28 -0.42,-0.32")
        pen.polygon([*top, *((reach * x, y) for x, y in neck)], color)
    rim = arc(0, -0.64, 0.38, 0.36, 0, -55, 16)
    pen.polygon([*rim, *arc(-0.06, -0.64, 0.36, 0.35, -50, 0, 16), (0.1, -0.3), (0.16, -0.32)], ink.shade)
    pen.box(-0.1, -0.15, 0.2, 0.15, ink.dark, 0.03)
    pen.box(-0.115, -0.165, 0.23, 0.035, ink.tint, 0.015)


def rocket(pen: Pen, ink: Ink) -> None:
    """A rocket under way."""
    pen = pen.at(0, 0, 1, 0.3)
    pen.blob(points("-0.1,-0.24 -0.12,-0.1 0,0.1 0.12,-0.1 0.1,-0.24"), ink.accent)
    pen.blob(points("-0.055,-0.22 -0.06,-0.12 0,0 0.06,-0.12 0.055,-0.22"), ink.light)
    for half in (pen, pen.mirrored):
        half.blob(points("0.14,-0.48 0.3,-0.3 0.27,-0.14 0.12,-0.24"), ink.shade)
    pen.blob(
        points("0,-1 -0.15,-0.78 -0.19,-0.5 -0.11,-0.22 0.11,-0.22 0.19,-0.5 0.15,-0.78"),
        ink.light,
    )
    pen.blob(points("0,-1 -0.12,-0.82 -0.125,-0.76 0.125,-0.76 0.12,-0.82"), ink.body)
    pen.disc(0, -0.58, 0.095, ink.body)
    pen.disc(0, -0.58, 0.065, ink.dark)
    pen.disc(-0.02, -0.6, 0.02, ink.light)
    pen.box(-0.12, -0.25, 0.24, 0.05, ink.dark, 0.02)
    pen.taper([(0, -0.38), (0, -0.18)], [0.03, 0.05], ink.body)


def cup(pen: Pen, ink: Ink) -> None:
    """A steaming cup on its saucer."""
    pen.ellipse(0, -0.04, 0.46, 0.06, ink.shade)
    pen.ellipse(0, -0.055, 0.44, 0.05, ink.light)
    pen.curve(points("0.28,-0.5 0.46,-0.47 0.42,-0.28 0.24,-0.2"), 0.055, ink.body)
    pen.polygon([(-0.33, -0.56), (0.33, -0.56), *arc(0, -0.3, 0.32, 0.26, 0, 180, 24)], ink.body)
    pen.polygon([(0.16, -0.56), (0.33, -0.56), *arc(0, -0.3, 0.32, 0.26, 0, 65, 12)], ink.shade)
    pen.ellipse(0, -0.56, 0.33, 0.06, ink.tint)
    pen.ellipse(0, -0.555, 0.29, 0.045, ink.dark)
    pen.disc(-0.1, -0.3, 0.07, ink.accent)
    for x in (-0.13, 0.0, 0.13):
        pen.curve([(x, -0.66), (x + 0.04, -0.74), (x - 0.03, -0.84), (x + 0.02, -0.94)], 0.026, ink.light)


def car(pen: Pen, ink: Ink) -> None:
    """A small round car with luggage on the roof."""
    pen.box(-0.26, -0.96, 0.34, 0.14, ink.accent, 0.03)
    pen.box(-0.12, -0.96, 0.03, 0.14, ink.dark)
    pen.line([(-0.32, -0.8), (0.16, -0.8)], 0.025, ink.dark)
    pen.polygon([(-0.58, -0.42), *arc(-0.1, -0.42, 0.42, 0.37, 180, 360, 24), (0.6, -0.4)], ink.body)
    pen.polygon([*arc(-0.1, -0.45, 0.34, 0.27, 180, 265, 12), (-0.13, -0.45)], ink.light)
    pen.polygon([*arc(-0.1, -0.45, 0.34, 0.27, 275, 360, 12), (-0.07, -0.45)], ink.light)
    pen.box(-0.68, -0.46, 1.36, 0.32, ink.body, 0.13)
    pen.box(-0.68, -0.22, 1.36, 0.08, ink.shade, 0.04)
    pen.disc(0.61, -0.33, 0.055, ink.accent)
    for x in (-0.38, 0.38):
        pen.disc(x, -0.15, 0.15, ink.dark)
        pen.disc(x, -0.15, 0.07, ink.light)
