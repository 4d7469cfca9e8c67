"""Real pictures, made once each."""

import io
from functools import cache
from typing import Literal

from PIL import Image

Format = Literal["png", "jpeg", "webp"]


@cache
def draw(width: int, height: int, image_format: Format, variant: int = 0) -> bytes:
    """Return an encoded RGB picture of that many pixels; another `variant` (0-99) is another picture."""
    slope = Image.linear_gradient("L").resize((width, height))
    tint = Image.new("L", (width, height), 2 * variant)
    picture = Image.merge("RGB", (slope, slope.transpose(Image.Transpose.ROTATE_180), tint))
    encoded = io.BytesIO()
    picture.save(encoded, image_format)
    return encoded.getvalue()
