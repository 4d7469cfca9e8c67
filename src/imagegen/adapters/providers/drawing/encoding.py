"""Finished pictures as PNG, JPEG or WebP bytes that say how they were made."""

import io
from typing import assert_never

from PIL import Image
from PIL.ExifTags import Base
from PIL.PngImagePlugin import PngInfo

from imagegen.domain.images import ImageFormat, Quality

SOFTWARE = "imagegen sketch"
COMMENT = "drawn, not generated"

_LOSSY_QUALITY = {Quality.LOW: 80, Quality.AUTO: 88, Quality.MEDIUM: 88, Quality.HIGH: 94}


def encode(picture: Image.Image, image_format: ImageFormat, quality: Quality) -> bytes:
    """The picture's bytes, marked as drawn: text chunks in PNG, Exif in JPEG and WebP."""
    file = io.BytesIO()
    match image_format:
        case ImageFormat.PNG:
            picture.save(file, "PNG", pnginfo=_text_chunks(), compress_level=4)
        case ImageFormat.JPEG:
            picture.save(file, "JPEG", quality=_LOSSY_QUALITY[quality], exif=_exif())
        case ImageFormat.WEBP:
            picture.save(file, "WEBP", quality=_LOSSY_QUALITY[quality], method=1, exif=_exif())
        case _:
            assert_never(image_format)
    return file.getvalue()


def _text_chunks() -> PngInfo:
    chunks = PngInfo()
    chunks.add_text("Software", SOFTWARE)
    chunks.add_text("Comment", COMMENT)
    return chunks


def _exif() -> Image.Exif:
    exif = Image.Exif()
    exif[Base.Software] = SOFTWARE
    exif[Base.ImageDescription] = COMMENT
    return exif
