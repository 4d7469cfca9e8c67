"""The sky of a landscape and what falls from it."""

import math

from .color import WHITE, darker, lighter, mix
from .geometry import arc, points
from .pen import Pen
from .scene import RAIN, SNOW, SPACE, Scene

_CRATERS = ((-0.3, -0.25, 0.22), (0.28, 0.1, 0.3), (-0.2, 0.42, 0.16), (0.3, -0.5, 0.12))
_SPARKLE = points("0,-5 0.8,-0.8 5,0 0.8,0.8 0,5 -0.8,0.8 -5,0 -0.8,-0.8")


def sky(scene: Scene) -> Pen:
    """Draw the sky down to the horizon; answers with a pen on the sun or moon, its radius 1."""
    palette, dice = scene.palette, scene.dice
    scene.canvas.backdrop(palette.sky, scene.horizon + scene.unit * 0.1)
    area = scene.wide * scene.horizon / scene.unit**2
    if palette.night:
        _stars(scene, min(600, int(70 * area)))
    x = scene.wide * dice.pick((0.24, 0.3, 0.72, 0.78))
    y = scene.horizon - min(scene.unit * dice.between(0.3, 0.44), scene.horizon * 0.75)
    sun = scene.pen(x, y, scene.unit * dice.between(0.085, 0.12))
    _sun(scene, sun)
    if scene.prompt.says(SPACE):
        _planet(scene, scene.wide - x)
    density = 1.2 if palette.night else 4 if scene.prompt.says(RAIN) else 2.6
    for _ in range(min(40, round(density * area) + 1)):
        _cloud(scene)
    if not palette.night:
        _birds(scene)
    return sun


def weather(scene: Scene) -> None:
    """Let it snow or rain over everything, where the prompt says so."""
    dice, unit = scene.dice, scene.unit
    area = scene.wide * scene.high / unit**2
    if scene.prompt.says(SNOW):
        for _ in range(min(900, round(170 * area))):
            flake = scene.pen(dice.between(0, scene.wide), dice.between(0, scene.high), unit)
            flake.disc(0, 0, dice.between(0.0015, 0.006), WHITE, 0.85)
    if scene.prompt.says(RAIN):
        for _ in range(min(900, round(220 * area))):
            x, y = dice.between(0, scene.wide), dice.between(0, scene.high)
            fall = unit * dice.between(0.02, 0.05)
            scene.canvas.stroke([(x, y), (x - fall * 0.25, y + fall)], unit * 0.0018, WHITE, 0.5)


def _sun(scene: Scene, sun: Pen) -> None:
    color = scene.palette.sun
    for reach, alpha in ((2.6, 0.1), (1.95, 0.13), (1.42, 0.2)):
        sun.disc(0, 0, reach, color, alpha)
    sun.disc(0, 0, 1, color)
    if scene.palette.night:
        for x, y, radius in _CRATERS:
            sun.disc(x, y, radius, darker(color, 0.1))


def _stars(scene: Scene, count: int) -> None:
    dice, color = scene.dice, scene.palette.light
    for _ in range(count):
        height = dice.between(0, 1)
        size = scene.unit * dice.between(0.0009, 0.0026)
        star = scene.pen(dice.between(0, scene.wide), height**1.4 * scene.horizon * 0.9, size)
        if dice.chance(0.06):
            star.polygon(_SPARKLE, color)
        else:
            star.disc(0, 0, 1, color, 1 - 0.7 * height)


def _planet(scene: Scene, x: float) -> None:
    palette, dice = scene.palette, scene.dice
    ring, body = palette.accents[-1], palette.accents[1]
    y = scene.horizon * dice.between(0.18, 0.32)
    pen = scene.pen(x, y, scene.unit * dice.between(0.09, 0.12)).at(0, 0, 1, -0.35)
    pen.polygon([*arc(0, 0, 1.75, 0.36, 180, 360), *arc(0, 0, 1.42, 0.24, 360, 180)], ring)
    pen.disc(0, 0, 1, body)
    for height, color in ((-0.45, lighter(body)), (0.55, darker(body))):
        half = 0.9 * math.sqrt(1 - height**2)
        pen.line([(-half, height), (half, height)], 0.14, color)
    pen.polygon([*arc(0, 0, 1.75, 0.36, 0, 180), *arc(0, 0, 1.42, 0.24, 180, 0)], ring)


def _cloud(scene: Scene) -> None:
    dice, palette = scene.dice, scene.palette
    height = dice.between(0.06, 0.8)
    behind = palette.sky[int(height * len(palette.sky))]
    glow = palette.sky[-1] if palette.night else WHITE
    tone = mix(behind, glow, 0.16 if palette.night else 0.62)
    size = scene.unit * dice.between(0.04, 0.08)
    pen = scene.pen(dice.between(0, scene.wide), scene.horizon * height, size)
    pen.box(dice.between(-2.1, -1.6), 0.02, 3.2, 0.22, mix(tone, behind, 0.4), 0.11)
    for x, reach in ((-1.1, 0.42), (-0.45, 0.72), (0.35, 0.95), (1.1, 0.5)):
        bulge = reach * dice.between(0.75, 1.1)
        pen.polygon(arc(x, 0.1, bulge, bulge, 180, 360, 24), tone)
    pen.box(-1.8, -0.11, 3.7, 0.22, tone, 0.11)


def _birds(scene: Scene) -> None:
    dice, color = scene.dice, mix(scene.palette.dark, scene.palette.sky[1], 0.35)
    x, y = scene.wide * dice.between(0.35, 0.65), scene.horizon * dice.between(0.2, 0.45)
    for _ in range(dice.count(0, 5)):
        bird = scene.pen(x, y, scene.unit * dice.between(0.012, 0.02))
        for side in (-1, 1):
            bird.taper([(side, -0.35), (side * 0.45, -0.45), (0, 0)], [0.02, 0.16, 0.2], color)
        x += scene.unit * dice.between(0.03, 0.07)
        y += scene.unit * dice.between(-0.04, 0.04)
