"""What is laid over a finished picture: the grain of the paper and a mark."""

from PIL import Image, ImageDraw, ImageFont

from .color import BLACK, WHITE, Color, luma, mix
from .prompt import Dice

MARK = "drawn by imagegen sketch"

_HALF_BRIGHT = 128

# Specks are one pixel: on a small picture they would be dirt.
_GRAIN_TILE = 256
_GRAIN_FROM = 400
# From noise to opacity: the lowest 3 % of the noise become light specks, the highest 3 % dark ones.
_LIGHT_SPECKS = [28] * 8 + [0] * 248
_DARK_SPECKS = [0] * 248 + [22] * 8


def texture(picture: Image.Image, dice: Dice) -> None:
    """Sprinkle the picture with faint specks, few enough that it still compresses well."""
    if min(picture.size) < _GRAIN_FROM:
        return
    noise = Image.frombytes("L", (_GRAIN_TILE, _GRAIN_TILE), dice.grain(_GRAIN_TILE**2))
    for color, specks in ((WHITE, _LIGHT_SPECKS), (BLACK, _DARK_SPECKS)):
        grain = noise.point(specks)
        for x in range(0, picture.width, _GRAIN_TILE):
            for y in range(0, picture.height, _GRAIN_TILE):
                picture.paste(color, (x, y, x + _GRAIN_TILE, y + _GRAIN_TILE), grain)


def sign(picture: Image.Image) -> None:
    """Write a small mark in the lower right corner, where there is room for it to be small."""
    size = max(10, round(min(picture.size) * 0.016))
    font = ImageFont.load_default(size)
    _, _, width, height = (round(edge) for edge in font.getbbox(MARK))
    margin = size // 2
    plate = (picture.width - width - 3 * margin, picture.height - height - 2 * margin, *picture.size)
    if plate[0] < picture.width // 2:
        return
    ground = _mean(picture.crop(plate))
    ink = WHITE if luma(ground) < _HALF_BRIGHT else BLACK
    draw = ImageDraw.Draw(picture)
    # On an even ground the plate cannot be seen; on a busy one it keeps the words readable.
    draw.rectangle(plate, fill=ground)
    draw.text((plate[0] + margin, plate[1] + margin // 2), MARK, font=font, fill=mix(ground, ink, 0.5))


def _mean(area: Image.Image) -> Color:
    red, green, blue = area.resize((1, 1), Image.Resampling.BOX).tobytes()
    return red, green, blue
