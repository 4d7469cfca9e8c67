"""The artistic style: a poster of flat geometry around the prompt's subject."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from .canvas import Canvas
from .color import BLACK, WHITE, Color, darker, distance, mix
from .geometry import arc
from .ink import Ink, ink_for
from .palette import Palette
from .pen import Pen
from .prompt import Dice, Prompt
from .vocabulary import subjects

# How far apart two inks must be to be told apart at a glance (of 765).
_APART = 150

Tile = Callable[[Pen, Color, Color], None]


@dataclass(frozen=True)
class Sheet:
    """The paper a poster is printed on, and its few inks."""

    canvas: Canvas
    paper: Color
    inks: tuple[Color, ...]
    dice: Dice

    def apart_from(self, *taken: Color) -> Color:
        """An ink that stands out against the colors taken."""

        def gap(ink: Color) -> int:
            return min(distance(ink, color) for color in taken)

        choices = [ink for ink in self.inks if gap(ink) > _APART]
        return self.dice.pick(choices) if choices else max(self.inks, key=gap)

    def behind(self, hero: Ink) -> Color:
        """An ink that the subject, with its accents and its dark and light lines, stands out against."""
        return self.apart_from(hero.body, hero.accent, self.paper, BLACK, WHITE)


def poster(canvas: Canvas, palette: Palette, prompt: Prompt, dice: Dice) -> None:
    """Cover the canvas with a poster for the prompt."""
    paper = mix(palette.dark, palette.sky[0], 0.3) if palette.night else palette.light
    # The first accent counts twice: a poster has a leading color.
    inks = (palette.accent, *palette.accents[:5], palette.light if palette.night else palette.dark, palette.water)
    sheet = Sheet(canvas, paper, inks, dice)
    canvas.fill([(0, 0), (canvas.width, 0), (canvas.width, canvas.height), (0, canvas.height)], paper)
    cast = subjects(prompt, palette, dice, limit=1)[0]
    squarish = max(canvas.width, canvas.height) < 1.7 * canvas.unit
    hero, width = ink_for(palette, cast.color), cast.motif.width
    arrange = _constellation if squarish and dice.chance(0.5) else _mosaic
    stage = arrange(sheet, hero, width)
    cast.draw(stage, palette, prompt)


def _constellation(sheet: Sheet, hero: Ink, width: float) -> Pen:
    """A great disc, a beam across it, arcs, stripes and dots; answers where the hero stands."""
    dice, unit = sheet.dice, sheet.canvas.unit
    wide, high = sheet.canvas.width, sheet.canvas.height
    # The frame: origin in the middle of the disc, 1 the shorter side. A tall sheet has more air above.
    middle = high / 2 + max(0, high - wide) * 0.22
    pen = Pen(sheet.canvas, wide / 2, middle, unit, flip=dice.chance(0.5))
    edge, top, low = wide / unit / 2, -middle / unit, (high - middle) / unit
    disc = sheet.behind(hero)
    beam = sheet.apart_from(disc, sheet.paper, hero.body)
    band = sheet.apart_from(disc, hero.body, sheet.paper, BLACK)
    pen.polygon([(-edge, -0.05), (-edge, -0.28), (edge, 0.28), (edge, 0.5)], beam)
    _rings(pen.at(edge, top, 0.36), sheet.apart_from(sheet.paper), sheet.paper)
    pen.disc(0, -0.06, 0.34, disc)
    pen.polygon(arc(0, -0.06, 0.34, 0.34, 35, 215), darker(disc, 0.1))
    _dots(pen.at(0.15 - edge, top + 0.15, 0.22), sheet.apart_from(sheet.paper, beam), sheet.paper)
    pen.box(-edge, 0.33, edge * 2, low - 0.33, band)
    _stripes(pen.at(edge - 0.2, 0.42, 0.12), sheet.apart_from(band), band)
    pen.polygon(arc(0.16 - edge, 0.33, 0.12, 0.12, 180, 360), sheet.apart_from(band, beam, sheet.paper))
    wedge = [(edge - 0.3, 0.33), (edge - 0.06, 0.33), (edge - 0.06, 0.13)]
    pen.polygon(wedge, sheet.apart_from(band, beam, disc))
    size = min(0.66, 0.8 * wide / unit / width)
    return Pen(sheet.canvas, wide / 2, middle + unit * 0.36, unit * size)


def _mosaic(sheet: Sheet, hero: Ink, width: float) -> Pen:
    """A grid of tiles around a window; answers where the hero stands in that window."""
    canvas, dice = sheet.canvas, sheet.dice
    across = dice.pick((5, 6))
    columns = max(3, round(canvas.width / canvas.unit * across))
    rows = max(3, round(canvas.height / canvas.unit * across))
    cell = max(canvas.width / columns, canvas.height / rows)
    left, top = (canvas.width - columns * cell) / 2, (canvas.height - rows * cell) / 2
    span = across - 2
    column, row = (columns - span) // 2, (rows - span) // 2
    for x in range(columns):
        for y in range(rows):
            _tile(sheet, Pen(canvas, left + x * cell, top + y * cell, cell))
    window = Pen(canvas, left + column * cell, top + row * cell, cell * span)
    ground = sheet.behind(hero)
    window.box(0, 0, 1, 1, sheet.paper)
    window.disc(0.5, 0.5, 0.46, ground)
    window.polygon(arc(0.5, 0.5, 0.46, 0.46, 25, 155), darker(ground, 0.3))
    size = min(0.72, 0.84 / width)
    return window.at(0.5, 0.5 + size / 2 + 0.02, size)


def _tile(sheet: Sheet, corner: Pen) -> None:
    ground = sheet.dice.pick((sheet.paper, *sheet.inks))
    ink = sheet.apart_from(ground)
    corner.box(0, 0, 1.01, 1.01, ground)
    pen = corner.at(0.5, 0.5, 1, sheet.dice.count(0, 3) * math.pi / 2)
    sheet.dice.pick(_TILES)(pen, ink, ground)


def _quarter(pen: Pen, ink: Color, ground: Color) -> None:
    pen.polygon([(-0.5, 0.5), *arc(-0.5, 0.5, 1, 1, 270, 360, 32)], ink)
    pen.polygon([(-0.5, 0.5), *arc(-0.5, 0.5, 0.5, 0.5, 270, 360, 24)], ground)


def _slice(pen: Pen, ink: Color, ground: Color) -> None:
    pen.polygon([(-0.5, 0.5), *arc(-0.5, 0.5, 1, 1, 270, 360, 32)], ink)
    pen.disc(-0.22, 0.22, 0.1, ground)


def _half(pen: Pen, ink: Color, ground: Color) -> None:
    pen.polygon(arc(0, 0.5, 0.5, 0.5, 180, 360, 32), ink)
    pen.polygon(arc(0, 0, 0.5, 0.5, 180, 360, 32), mix(ink, ground, 0.45))


def _leaf(pen: Pen, ink: Color, ground: Color) -> None:
    pen.polygon([*arc(-0.5, 0.5, 1, 1, 270, 360, 32), *arc(0.5, -0.5, 1, 1, 90, 180, 32)], ink)
    pen.line([(-0.3, -0.3), (0.3, 0.3)], 0.03, ground)


def _rings(pen: Pen, ink: Color, ground: Color) -> None:
    for i, radius in enumerate((1.0, 0.82, 0.64, 0.46, 0.28)):
        pen.disc(0, 0, radius, ground if i % 2 else ink)


def _target(pen: Pen, ink: Color, ground: Color) -> None:
    for radius, color in ((0.4, ink), (0.26, ground), (0.13, ink)):
        pen.disc(0, 0, radius, color)


def _triangle(pen: Pen, ink: Color, ground: Color) -> None:
    pen.polygon([(-0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)], ink)
    pen.polygon([(-0.5, 0.0), (0.0, 0.5), (-0.5, 0.5)], mix(ink, ground, 0.5))


def _stripes(pen: Pen, ink: Color, ground: Color) -> None:
    for i in range(4):
        pen.box(-0.5, -0.5 + i * 0.25, 1.01, 0.125, mix(ink, ground, 0.3 * (i % 2)))


def _dots(pen: Pen, ink: Color, ground: Color) -> None:
    for i in range(16):
        pen.disc(-0.36 + i % 4 * 0.24, -0.36 + i // 4 * 0.24, 0.062, ink)
    pen.disc(0.36, 0.36, 0.062, mix(ink, ground, 0.5))


_TILES: tuple[Tile, ...] = (_quarter, _slice, _half, _leaf, _target, _triangle, _stripes, _dots)
