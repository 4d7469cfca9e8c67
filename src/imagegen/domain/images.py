"""Images, and the request for them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Self

from imagegen.domain.errors import Fault, InvalidRequest
from imagegen.domain.identifiers import AttemptId, GenerationId, ImageId, UserId

PROMPT_LIMIT: Final = 32_000
"""Characters; what the most generous provider takes."""
MOST_IMAGES: Final = 10
MOST_TAGS: Final = 20
TAG_LIMIT: Final = 64
RATINGS: Final = range(6)

_SIZE: Final = re.compile(r"([0-9]{1,5})x([0-9]{1,5})")
"""Five digits are more than any model draws."""


class Quality(StrEnum):
    """How much work the model puts in."""

    AUTO = "auto"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Style(StrEnum):
    """The look that is wanted."""

    NATURAL = "natural"
    ARTISTIC = "artistic"


class ImageFormat(StrEnum):
    """How a picture is encoded."""

    PNG = "png"
    JPEG = "jpeg"
    WEBP = "webp"

    @property
    def content_type(self) -> str:
        """The media type, `image/…`."""
        return f"image/{self}"


class Background(StrEnum):
    """What lies behind the motif."""

    AUTO = "auto"
    OPAQUE = "opaque"
    TRANSPARENT = "transparent"


class Source(StrEnum):
    """Where an image came from."""

    GENERATED = "generated"
    UPLOAD = "upload"


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height in pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"

    @classmethod
    def read(cls, text: str) -> Self:
        """Read `1024x768`.

        Raises:
            InvalidRequest: it is not two positive whole numbers with an `x` between.
        """
        form = _SIZE.fullmatch(text)
        if form is None:
            raise InvalidRequest(faults=(Fault("/size", "A size is like 1024x1024, or auto."),))
        size = cls(int(form[1]), int(form[2]))
        if not (size.width and size.height):
            raise InvalidRequest(faults=(Fault("/size", "A size has no zero in it."),))
        return size

    @property
    def ratio(self) -> float:
        """Width over height."""
        return self.width / self.height

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.width * self.height


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRequest:
    """What somebody wants drawn; `None` leaves the choice to us. After adjustment, what is really asked for."""

    prompt: str = field(repr=False)
    model: str | None = None
    provider: str | None = None
    n: int = 1
    size: Size | None = None
    aspect_ratio: str | None = None
    quality: Quality | None = None
    style: Style | None = None
    output_format: ImageFormat | None = None
    background: Background | None = None
    negative_prompt: str | None = field(default=None, repr=False)
    seed: int | None = None
    strict: bool = False

    def __post_init__(self) -> None:
        faults = []
        prompt = self.prompt.strip()
        if not 0 < len(prompt) <= PROMPT_LIMIT:
            faults.append(Fault("/prompt", f"The prompt must have 1 to {PROMPT_LIMIT} characters."))
        if not 1 <= self.n <= MOST_IMAGES:
            faults.append(Fault("/n", f"Between 1 and {MOST_IMAGES} images can be asked for."))
        if faults:
            raise InvalidRequest(faults=tuple(faults))
        object.__setattr__(self, "prompt", prompt)

    def stated(self) -> Mapping[str, Any]:
        """What was really said: the members that differ from saying nothing, as plain values."""
        return {
            member.name: str(value) if isinstance(value, Size | StrEnum) else value
            for member in fields(self)
            if member.name != "prompt" and (value := getattr(self, member.name)) != member.default
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """How a caller files a generation; imagegen only keeps these and finds by them."""

    title: str | None = None
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, str] | None = None
    external_id: str | None = None
    favorite: bool = False

    def checked(self) -> Self:
        """The same with its tags as `checked_tags` leaves them; raises what that does."""
        tags = checked_tags(self.tags)
        return self if tags == self.tags else replace(self, tags=tags)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimensions:
    """What the bytes of a picture say about it."""

    size: Size
    format: ImageFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One picture. Width, height and type were read from its bytes; `location` is the blob store's word for them."""

    id: ImageId
    user_id: UserId
    generation_id: GenerationId | None
    attempt_id: AttemptId | None
    position: int
    source: Source
    location: str
    size: Size
    format: ImageFormat
    bytes: int
    sha256: str
    created_at: datetime
    rating: int | None = None
    tags: tuple[str, ...] = ()
    version: int = 1

    @property
    def content_type(self) -> str:
        """The media type of the bytes."""
        return self.format.content_type

    def annotate(self, *, rating: int | None, tags: tuple[str, ...]) -> Self:
        """The same image with a rating of 0 to 5 or none, and these tags and no others."""
        if rating is not None and rating not in RATINGS:
            raise InvalidRequest(faults=(Fault("/rating", "A rating is 0 to 5."),))
        return replace(self, rating=rating, tags=checked_tags(tags), version=self.version + 1)


def checked_tags(tags: tuple[str, ...]) -> tuple[str, ...]:
    """Tags trimmed, without repetition, in the order given.

    Raises:
        InvalidRequest: there are too many, one is empty or too long, or one has a line break in it.
    """
    trimmed = tuple(dict.fromkeys(tag.strip() for tag in tags))
    if len(trimmed) > MOST_TAGS or not all(0 < len(tag) <= TAG_LIMIT and tag.isprintable() for tag in trimmed):
        message = f"Up to {MOST_TAGS} tags of 1 to {TAG_LIMIT} printable characters."
        raise InvalidRequest(faults=(Fault("/tags", message),))
    return trimmed
