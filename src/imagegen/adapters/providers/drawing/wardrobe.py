"""Faces and what is worn on them."""

from dataclasses import dataclass

from .color import WHITE, lighter, rgb
from .geometry import arc, points
from .ink import Ink
from .pen import Pen
from .prompt import Prompt

SUNGLASSES = "sunglasses"

_GOLD = rgb("f5b93a")


@dataclass(frozen=True)
class Face:
    """Where a motif's eyes are, how far apart, and where its hat would sit, in the motif's units."""

    x: float
    y: float
    width: float
    hat: float
    """Height of the hat's brim."""


def dress(pen: Pen, ink: Ink, face: Face, prompt: Prompt) -> None:
    """Give a face its eyes, and the glasses, hat or crown that the prompt speaks of."""
    at_eyes = pen.at(face.x, face.y, face.width)
    at_head = pen.at(face.x, face.hat, face.width)
    if prompt.says(SUNGLASSES):
        sunglasses(at_eyes, ink)
    else:
        _eyes(at_eyes, ink)
    if prompt.says("glasses spectacles"):
        _glasses(at_eyes, ink)
    if prompt.says("crown king queen prince princess royal"):
        _crown(at_head)
    elif prompt.says("hat wizard magician detective gentleman"):
        _hat(at_head, ink)


def _eyes(pen: Pen, ink: Ink) -> None:
    for x in (-0.27, 0.27):
        pen.ellipse(x, 0, 0.1, 0.125, ink.dark)
        pen.disc(x - 0.03, -0.045, 0.04, WHITE)


def sunglasses(pen: Pen, ink: Ink) -> None:
    """Draw dark glasses around the origin, a little wider than one unit."""
    glass = lighter(ink.dark, 0.06)
    pen.line([(-0.62, -0.1), (0.62, -0.1)], 0.075, ink.dark)
    for x in (-0.31, 0.31):
        lens = [(x - 0.27, -0.13), (x + 0.27, -0.13), *arc(x, 0, 0.27, 0.24, 0, 180, 20)]
        pen.polygon(lens, ink.dark)
        pen.polygon([(px * 0.86 + x * 0.14, py * 0.82) for px, py in lens], glass)
        for shift, width in ((-0.07, 0.055), (0.04, 0.025)):
            pen.line([(x + shift - 0.05, 0.09), (x + shift + 0.05, -0.06)], width, lighter(ink.dark, 0.6))


def _glasses(pen: Pen, ink: Ink) -> None:
    pen.line([(-0.06, -0.04), (0.06, -0.04)], 0.05, ink.dark)
    for x in (-0.29, 0.29):
        pen.ring(x, 0, 0.24, 0.05, ink.dark)


def _crown(pen: Pen) -> None:
    pen.polygon(points("-0.45,0.05 -0.5,-0.5 -0.24,-0.24 0,-0.62 0.24,-0.24 0.5,-0.5 0.45,0.05"), _GOLD)
    pen.box(-0.45, -0.03, 0.9, 0.13, lighter(_GOLD), 0.03)
    for x, y in points("-0.5,-0.52 0,-0.64 0.5,-0.52"):
        pen.disc(x, y, 0.07, lighter(_GOLD))


def _hat(pen: Pen, ink: Ink) -> None:
    felt = lighter(ink.dark, 0.12)
    pen.box(-0.38, -0.72, 0.76, 0.74, felt, 0.05)
    pen.box(-0.38, -0.2, 0.76, 0.16, ink.accent)
    pen.ellipse(0, 0, 0.66, 0.085, felt)
