"""The few colors a motif is drawn in."""

from dataclasses import dataclass

from .color import Color, darker, distance, lighter, luma, mix
from .palette import Palette


@dataclass(frozen=True)
class Ink:
    """A motif's own color, the scene's, and shades of them."""

    body: Color
    accent: Color
    leaf: Color
    dark: Color
    light: Color

    @property
    def shade(self) -> Color:
        """The body away from the light."""
        return darker(self.body)

    @property
    def tint(self) -> Color:
        """The body in the light."""
        return lighter(self.body)


def ink_for(palette: Palette, body: Color) -> Ink:
    """Inks for a thing of a color in a scene: accent and body are kept apart."""
    accent = max(palette.accents, key=lambda color: distance(color, body))
    body = mix(body, palette.sky[0], 0.08 if palette.night else 0)
    dark = palette.dark if luma(body) > luma(palette.dark) + 24 else lighter(body, 0.75)
    return Ink(body=body, accent=accent, leaf=palette.leaf, dark=dark, light=palette.light)
