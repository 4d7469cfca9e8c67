"""The pencil behind `sketch`: pictures drawn from a prompt and a seed, offline.

Nothing here learns or guesses: known words choose motifs, light and weather, color words choose
colors, and chance that depends on nothing but prompt, seed and style arranges them.
"""

import math

from imagegen.domain.images import ImageFormat, Quality, Style

from .canvas import Canvas
from .encoding import encode
from .finish import sign, texture
from .landscape import landscape
from .palette import choose
from .pen import Pen
from .poster import poster
from .prompt import Dice, Prompt
from .vocabulary import subjects

# Pixels the enlarged drawing may have: twice enlarged at 1024 x 1024, three times at high quality.
_BUDGET = 4 * 1024**2
_BUDGET_AT_HIGH = 9 * 1024**2
_FINEST = 4
_COARSEST = 2


def draw(
    prompt: str,
    *,
    seed: int,
    width: int,
    height: int,
    style: Style,
    image_format: ImageFormat,
    quality: Quality,
    transparent: bool,
) -> bytes:
    """A picture of exactly width x height pixels, encoded; the same arguments give the same bytes.

    Made for sides of 64 to 3072 pixels and areas up to 2048 x 2048, which takes about 115 MB while it
    is drawn. A transparent picture holds the subject alone; JPEG has no transparency and stays opaque.
    Higher quality means paper grain, smoother edges and gentler compression, never another picture.
    The file says that it was drawn and by what, and never what was asked for.
    """
    budget = _BUDGET_AT_HIGH if quality is Quality.HIGH else _BUDGET
    scale = math.isqrt(budget // (width * height))
    cutout = transparent and image_format is not ImageFormat.JPEG
    canvas = Canvas(width, height, scale=min(_FINEST, max(_COARSEST, scale)), transparent=cutout)
    words, dice = Prompt(prompt), Dice(prompt, seed, style)
    palette = choose(words, dice)
    if cutout:
        subject = subjects(words, palette, dice, limit=1)[0]
        size = min(height, width / subject.motif.width) * 0.72
        subject.draw(Pen(canvas, width / 2, (height + size) / 2, size), palette, words)
        return encode(canvas.finish(), image_format, quality)
    compose = landscape if style is Style.NATURAL else poster
    compose(canvas, palette, words, dice)
    picture = canvas.finish()
    if quality is not Quality.LOW:
        texture(picture, dice)
    sign(picture)
    return encode(picture, image_format, quality)
