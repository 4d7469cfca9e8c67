"""The land and water of a landscape, from the far distance to the shore."""

import math

from .color import WHITE, Color, darker, lighter, mix
from .geometry import Point
from .scene import CITY, DESERT, MOUNTAINS, SNOW, Scene
from .vocabulary import Subject, named


def distance(scene: Scene) -> None:
    """What stands behind the hills: mountains or a skyline where named, else perhaps some peaks."""
    palette, dice, unit = scene.palette, scene.dice, scene.unit
    if scene.prompt.says(MOUNTAINS) or scene.prompt.says(SNOW):
        for share, height in ((0.75, 0.42), (0.95, 0.3)):
            _peaks(scene, unit * height, mix(palette.sky[-1], palette.far, share))
    elif scene.prompt.says(CITY):
        for share, height in ((0.25, 0.4), (0.6, 0.28)):
            _skyline(scene, unit * height, mix(palette.far, palette.dark, share))
    elif dice.chance(0.4):
        _peaks(scene, unit * dice.between(0.2, 0.3), mix(palette.sky[-1], palette.far, 0.75))


def hills(scene: Scene) -> None:
    """Rolling hills with mist between them and small trees on them."""
    palette, dice = scene.palette, scene.dice
    depth, layers = scene.high - scene.horizon, 4
    desert = scene.prompt.says(DESERT)
    kind = named("cactus" if desert else dice.pick(("pine", "pine", "tree")))
    for layer in range(layers):
        share = layer / layers
        color = mix(palette.far, palette.near, share)
        base = scene.horizon + depth * share * 0.72 - scene.unit * 0.03
        line = ridge(scene, base, scene.unit * 0.035)
        low = base + depth * 0.18 + scene.unit * 0.09 if layer < layers - 1 else None
        scene.ground(line, color, mix(color, palette.sky[-1], 0.45), low=low)
        if layer and not scene.prompt.says(CITY):
            count = dice.count(0, 2) if desert else dice.count(3, 8)
            tone = mix(mix(color, palette.leaf, 0.3 + 0.15 * layer), palette.dark, 0.12)
            _grove(scene, Subject(kind, tone), line, scene.unit * (0.035 + 0.028 * layer), count)


def sea(scene: Scene) -> None:
    """Water from the horizon down, glittering far away, in waves close by."""
    palette, dice, unit = scene.palette, scene.dice, scene.unit
    depth = scene.high - scene.horizon
    if dice.chance(0.6):
        scene.ground(ridge(scene, scene.horizon + unit * 0.005, unit * 0.03), palette.far, palette.sky[-1])
    surface = [(0.0, scene.horizon), (float(scene.wide), scene.horizon)]
    scene.ground(surface, mix(palette.water, palette.sky[-1], 0.45), palette.water)
    for _ in range(min(400, round(50 * scene.wide * depth / unit**2) + 10)):
        near = dice.between(0, 1) ** 1.5
        reach = unit * (0.012 + 0.05 * near) * dice.between(0.5, 1.3)
        glint = scene.pen(dice.between(0, scene.wide), scene.horizon + depth * near, reach)
        glint.ellipse(0, 0, 1, 0.06, mix(palette.sky[-1], WHITE, 0.3), 0.55)
    for layer in range(3):
        color = mix(palette.water, palette.dark, 0.04 * (layer + 1))
        line = waves(scene, scene.horizon + depth * (0.3 + 0.2 * layer), unit * (0.01 + 0.008 * layer))
        scene.ground(line, lighter(color, 0.14), color)


def ridge(scene: Scene, base: float, swing: float) -> list[Point]:
    """A rolling line across the picture, `swing` pixels up and down around `base`."""
    dice = scene.dice
    length = scene.unit * dice.between(0.8, 1.4)
    first, second = dice.between(0, math.tau), dice.between(0, math.tau)
    steps = min(400, max(48, scene.wide // 12))
    line = []
    for i in range(steps + 1):
        x = scene.wide * i / steps
        turn = math.tau * x / length
        line.append((x, base + swing * (0.7 * math.sin(turn + first) + 0.3 * math.sin(2.3 * turn + second))))
    return line


def waves(scene: Scene, crest: float, swing: float) -> list[Point]:
    """A scalloped line across the picture, `swing` pixels high around `crest`."""
    length, shift = swing * 9, scene.dice.between(0, math.tau)
    steps = min(600, max(60, int(scene.wide / length * 12)))
    xs = [scene.wide * i / steps for i in range(steps + 1)]
    return [(x, crest + swing * (abs(math.sin(math.pi * x / length + shift)) - 0.5)) for x in xs]


def _peaks(scene: Scene, height: float, color: Color) -> None:
    dice, base = scene.dice, scene.horizon + scene.unit * 0.08
    mist, snow = mix(color, scene.palette.sky[-1], 0.6), mix(color, WHITE, 0.75)
    x = -height * dice.between(0.2, 0.9)
    while x < scene.wide + height * 0.6:
        peak = height * dice.between(0.55, 1.0)
        half, top = peak * dice.between(0.75, 1.0), base - peak
        scene.canvas.shade([(x - half, base), (x, top), (x + half, base)], (color, mist))
        # From here on the mountain itself is the frame: its top the origin, 1 its height.
        mountain, slope = scene.pen(x, top, peak), half / peak
        mountain.polygon([(0, 0), (slope, 1), (slope * 0.25, 1), (-slope * 0.08, 0.4)], darker(color), 0.3)
        ragged = ((0.3, 0.3), (0.15, 0.22), (0.05, 0.33), (-0.09, 0.21), (-0.3, 0.3))
        mountain.polygon([(0, 0), *((slope * across, down) for across, down in ragged)], snow)
        x += half * dice.between(0.6, 1.1)


def _skyline(scene: Scene, height: float, color: Color) -> None:
    dice, base = scene.dice, scene.horizon + scene.unit * 0.1
    lit = scene.palette.accent if scene.palette.night else lighter(color, 0.45)
    step = scene.unit * 0.018
    x = -step
    while x < scene.wide:
        # A tower measures in windows: `across` wide, `tall` high.
        across, tall = dice.count(3, 6), height * dice.between(0.35, 1) / step
        tower = scene.pen(x, base - tall * step, step)
        tower.box(0, 0, across - 0.3, tall, color)
        if dice.chance(0.25):
            tower.polygon([(0, 0), (across / 2 - 0.15, -2.5), (across - 0.3, 0)], color)
        for window in range((across - 1) * int(tall / 1.5)):
            if dice.chance(0.4):
                row, column = divmod(window, across - 1)
                tower.box(column + 0.6, 0.7 + row * 1.5, 0.45, 0.75, lit)
        x += step * (across + dice.pick((0, 0, 1)))


def _grove(scene: Scene, tree: Subject, line: list[Point], size: float, count: int) -> None:
    dice, middle = scene.dice, scene.dice.between(0, 1)
    for _ in range(min(60, round(count * max(1, scene.wide / scene.high)))):
        place = (middle + dice.between(-0.5, 0.5) * dice.between(0, 1)) % 1
        x, y = line[int(place * (len(line) - 1))]
        tree.draw(scene.pen(x, y + size * 0.06, size * dice.between(0.7, 1.25)), scene.palette, scene.prompt)
