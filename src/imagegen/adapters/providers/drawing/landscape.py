"""The natural style: a landscape in layers, with the prompt's subject in front."""

from .canvas import Canvas
from .color import Color, darker, lighter, mix, rgb
from .ink import ink_for
from .palette import Palette
from .prompt import Dice, Prompt
from .scene import SEA, SNOW, Scene
from .sky import sky, weather
from .terrain import distance, hills, ridge, sea, waves
from .vocabulary import Subject, subjects
from .wardrobe import SUNGLASSES, sunglasses

_SAND = rgb("f0cf94")


def landscape(canvas: Canvas, palette: Palette, prompt: Prompt, dice: Dice) -> None:
    """Cover the canvas with a landscape for the prompt."""
    cast = subjects(prompt, palette, dice)
    hero = cast[0]
    # A tall picture has more sky, so that the ground keeps its proportions.
    share = min(0.6 + 0.06 * canvas.height / canvas.width, 0.8)
    scene = Scene(canvas, palette, prompt, dice, canvas.height * (share + dice.between(-0.03, 0.03)))
    afloat = hero.motif.element == "water"
    at_sea = afloat or prompt.says(SEA)
    sun = sky(scene)
    if prompt.says(SUNGLASSES) and not any(subject.motif.face for subject in cast):
        sunglasses(sun.at(0, -0.15, 1.3), ink_for(palette, palette.sun))
    distance(scene)
    (sea if at_sea else hills)(scene)
    floor = scene.high - min(scene.unit * 0.16, (scene.high - scene.horizon) * 0.4)
    if not afloat:
        _shore(scene, floor, sand=at_sea)
    _cast(scene, cast, floor)
    if afloat:
        color = mix(palette.water, palette.dark, 0.16)
        scene.ground(waves(scene, floor + scene.unit * 0.01, scene.unit * 0.03), lighter(color, 0.12), color)
    weather(scene)


def _shore(scene: Scene, floor: float, *, sand: bool) -> None:
    palette = scene.palette
    color = mix(palette.near, _SAND, 0.3 if palette.night else 0.88) if sand else palette.near
    line = ridge(scene, floor - scene.unit * 0.03, scene.unit * 0.018)
    scene.ground(line, color, darker(color, 0.2))
    _grass(scene, darker(color, 0.15) if sand else palette.leaf, floor)


def _grass(scene: Scene, color: Color, floor: float) -> None:
    dice, bare = scene.dice, scene.prompt.says(SNOW)
    for _ in range(min(200, round(42 * scene.wide / scene.unit))):
        y = floor + dice.between(0, 1) * (scene.high - floor)
        tuft = scene.pen(dice.between(0, scene.wide), y, scene.unit * dice.between(0.014, 0.03))
        for lean in (-0.5, 0.05, 0.55):
            tuft.taper([(lean * 0.2, 0.05), (lean * 0.5, -0.5), (lean, -0.95)], [0.12, 0.1, 0], color)
        if dice.chance(0.18) and not bare:
            tuft.disc(0.05, -1.0, 0.3, dice.pick(scene.palette.accents))
            tuft.disc(0.05, -1.0, 0.11, scene.palette.light)


def _cast(scene: Scene, cast: list[Subject], floor: float) -> None:
    hero, others = cast[0], cast[1:]
    size = min(scene.unit * 0.58, scene.wide * 0.62 / hero.motif.width, scene.high * 0.62)
    shift = scene.dice.between(0.02, 0.12) if scene.wide > scene.high * 1.2 else 0
    x = scene.wide * (0.5 + scene.dice.pick((-shift, shift)))
    for side, other in zip((1, -1), others, strict=False):
        apart = size * (hero.motif.width + other.motif.width * 0.5) * 0.5
        _place(scene, other, x + side * min(apart, scene.wide * 0.34), floor, size * 0.5)
    _place(scene, hero, x, floor, size)


def _place(scene: Scene, subject: Subject, x: float, floor: float, size: float) -> None:
    motif = subject.motif
    aloft = motif.element == "air"
    y = max(floor - scene.unit * 0.24, size * 1.02) if aloft else floor + scene.unit * 0.05
    pen = scene.pen(x, y, size)
    if motif.element == "ground":
        pen.ellipse(0.04, 0, motif.width * 0.52, 0.045, scene.palette.dark, 0.25)
    subject.draw(pen, scene.palette, scene.prompt)
