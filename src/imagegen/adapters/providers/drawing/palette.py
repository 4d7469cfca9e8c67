"""Palettes: the light of a scene, steered by the words and colors of the prompt."""

from dataclasses import dataclass, replace

from .color import Color, Stops, mix, rgb
from .prompt import Dice, Prompt


@dataclass(frozen=True)
class Palette:
    """The colors of one picture."""

    sky: Stops
    """From the zenith to the horizon."""
    sun: Color
    far: Color
    """The most distant hills, nearly sky."""
    near: Color
    """The ground in front."""
    leaf: Color
    water: Color
    dark: Color
    light: Color
    accents: tuple[Color, ...]
    night: bool = False

    @property
    def accent(self) -> Color:
        """The color that catches the eye."""
        return self.accents[0]


def _palette(sky: str, scene: str, accents: str, *, night: bool = False) -> Palette:
    sun, far, near, leaf, water, dark, light = (rgb(code) for code in scene.split())
    return Palette(
        sky=tuple(rgb(code) for code in sky.split()),
        sun=sun,
        far=far,
        near=near,
        leaf=leaf,
        water=water,
        dark=dark,
        light=light,
        accents=tuple(rgb(code) for code in accents.split()),
        night=night,
    )


# Each mood: the words that call it, and its palette.
_MOODS: dict[str, tuple[str, Palette]] = {
    "night": (
        "night midnight moon moonlight moonlit star starry space galaxy planet cosmos rocket aurora dark",
        _palette(
            "0b1030 1b2a5e 3d5596 8d9fc6",
            "f8f0cf 4d659c 18244a 1f3a55 2a4678 0d132c f6f0dc",
            "f2b84b e8695c 6fc3c9 c79be0",
            night=True,
        ),
    ),
    "dawn": (
        "dawn sunrise morning pastel dream dreamy",
        _palette(
            "54639f b98bb2 f6a99c ffd9b0 fff0d0",
            "fff6dc c99bb0 4a4674 5a6b7e 8f8fbd 2e2b50 fff3e2",
            "e8604c f2a03d 5b7fc7 8c5aa8",
        ),
    ),
    "sunset": (
        "sunset dusk evening twilight warm fire",
        _palette(
            "33306b 93407f e75f5f ff9d5c ffd98a",
            "fff0b8 b4577c 33264f 45345f a24f78 231a3c ffeed2",
            "ffc145 2fa6a0 ff6f59 5c4d9a",
        ),
    ),
    "autumn": (
        "autumn fall october harvest vintage retro pumpkin",
        _palette(
            "6fb0bd b9d4c0 f6e3b4 fbc27c",
            "fff3cf dea46c 8a4527 b5562b 5f9aa3 43231c fff2da",
            "d9482b f0a030 3d7d78 8a2f3c",
        ),
    ),
    "winter": (
        "winter snow snowy ice icy frozen christmas cold arctic",
        _palette(
            "6f9cc7 a9c6de dbe6ec f9eee6",
            "fffaf0 a8c0d6 f1f5fa 3f6f78 7ba6c6 24364f ffffff",
            "d8433b 2f7f6b f2b84b 4a6fb0",
        ),
    ),
    "desert": (
        "desert dune sand sahara egypt canyon cactus camel mars",
        _palette(
            "3f9fb5 9fd0c4 fbe3b0 f7b877",
            "fff4d2 e3a172 b9613a 3f8161 3fa0a5 4c2428 fff1d6",
            "e2533f 2a8f93 f4b942 74417a",
        ),
    ),
    "rain": (
        "rain rainy storm fog foggy mist misty cloudy gloomy",
        _palette(
            "45586e 71889b a9b9c2 dfe1dc",
            "f3efe0 93a6b2 2d4a52 33605a 55788c 1b2a38 f3f1ea",
            "f2b13c d9574a 4aa3a8 7d6fb0",
        ),
    ),
    "day": (
        "day noon summer spring sun sunny beach sky meadow banana",
        _palette(
            "3c97d3 83c6e6 cfeaea fff3d8",
            "ffe493 8fc7bd 2f8560 257453 2b8fb5 1d3340 fffaf0",
            "ef5b45 ffc23c 3a6fc4 f58fb0",
        ),
    ),
}

# Where the prompt is silent, the prettiest light is likeliest.
_BY_CHANCE = ("day", "day", "dawn", "dawn", "sunset", "sunset", "autumn", "night")


def choose(prompt: Prompt, dice: Dice) -> Palette:
    """The palette for a prompt: the mood it names, else one by chance, tinted by its colors."""
    by_chance = dice.pick(_BY_CHANCE)
    named = (mood for mood, (words, _) in _MOODS.items() if prompt.says(words))
    _, palette = _MOODS[next(named, by_chance)]
    colors = prompt.colors()
    return _tinted(palette, colors) if colors else palette


def _tinted(palette: Palette, colors: list[Color]) -> Palette:
    first, last = colors[0], colors[-1]
    return replace(
        palette,
        sky=tuple(mix(stop, last, 0.12) for stop in palette.sky),
        far=mix(palette.far, last, 0.35),
        near=mix(palette.near, last, 0.22),
        accents=(*colors, *palette.accents),
        sun=mix(palette.sun, first, 0.1),
    )
