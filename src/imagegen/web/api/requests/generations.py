"""Generations, batches of them, and their images."""

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from imagegen.application.fitting import Wish
from imagegen.domain.batches import MOST_REQUESTS, each
from imagegen.domain.errors import Fault, InvalidRequest
from imagegen.domain.generations import Priority
from imagegen.domain.images import (
    MOST_IMAGES,
    MOST_TAGS,
    TAG_LIMIT,
    Background,
    ImageFormat,
    ImageRequest,
    Labels,
    Quality,
    Size,
    Style,
)
from imagegen.web.api.requests.body import Body

ResponseFormat = Literal["url", "b64_json", "data_url"]
Tag = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=TAG_LIMIT,
        pattern=r"^[^\s\x00-\x1f\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f])?$",
    ),
]
Tags = Annotated[tuple[Tag, ...], Meta(max_length=MOST_TAGS, examples=[["banana"]])]
Title = Annotated[str, Meta(max_length=200)]
Metadata = Annotated[
    dict[Annotated[str, Meta(min_length=1, max_length=64)], Annotated[str, Meta(max_length=512)]],
    Meta(max_length=16, description="Up to 16 pairs of strings that imagegen only keeps."),
]


class NewGeneration(Body, frozen=True, kw_only=True):
    """What to draw, and how. Only the prompt is needed."""

    prompt: Annotated[
        str,
        Meta(
            min_length=1,
            pattern=r"[^\s\x00-\x1f\x7f-\x9f]",
            description="What to draw: 1 to 32,000 characters after trimming.",
            examples=["A cute banana wearing sunglasses"],
        ),
    ]
    model: Annotated[str, Meta(min_length=1, max_length=100, description="A model id or alias.")] | None = None
    provider: Annotated[str, Meta(min_length=1, max_length=50)] | None = None
    n: Annotated[int, Meta(ge=1, le=MOST_IMAGES)] = 1
    size: Annotated[str, Meta(pattern=r"^(auto|[1-9][0-9]{0,4}x[1-9][0-9]{0,4})$", examples=["1024x1024"])] | None = (
        None
    )
    aspect_ratio: Annotated[str, Meta(pattern=r"^(100|[1-9][0-9]?):(100|[1-9][0-9]?)$", examples=["16:9"])] | None = (
        None
    )
    quality: Quality | None = None
    style: Style | None = None
    output_format: ImageFormat | None = None
    background: Background | None = None
    negative_prompt: Annotated[str, Meta(min_length=1, max_length=32_000)] | None = None
    seed: Annotated[int, Meta(ge=0, le=2**31 - 1)] | None = None
    response_format: ResponseFormat = "url"
    strict: bool = False
    priority: Priority = Priority.NORMAL
    deadline_seconds: (
        Annotated[float, Meta(gt=0, le=86_400, description="Give up unless it has started after so many seconds.")]
        | None
    ) = None
    title: Title | None = None
    tags: Tags = ()
    metadata: Metadata | None = None
    external_id: Annotated[str, Meta(min_length=1, max_length=200)] | None = None

    def image_request(self) -> ImageRequest:
        """The same in the words of the domain; raise `InvalidRequest` where two members contradict."""
        if self.size is not None and self.aspect_ratio is not None:
            raise InvalidRequest(faults=(Fault("/aspect_ratio", "Give a size or an aspect ratio, not both."),))
        return ImageRequest(
            prompt=self.prompt,
            model=self.model,
            provider=self.provider,
            n=self.n,
            size=None if self.size in {None, "auto"} else Size.read(self.size or ""),
            aspect_ratio=self.aspect_ratio,
            quality=self.quality,
            style=self.style,
            output_format=self.output_format,
            background=self.background,
            negative_prompt=self.negative_prompt,
            seed=self.seed,
            strict=self.strict,
        )

    def labels(self) -> Labels:
        """How it is to be filed."""
        return Labels(title=self.title, tags=self.tags, metadata=self.metadata, external_id=self.external_id)


class BatchRequest(NewGeneration, frozen=True, kw_only=True):
    """What to draw as a part of a batch: as `NewGeneration`, but that its pictures are told of by their links."""

    response_format: Literal["url"] = "url"

    def wish(self) -> Wish:
        """The same in the words of the core; raises what `image_request` does."""
        return Wish(
            request=self.image_request(),
            labels=self.labels(),
            priority=self.priority,
            start_within=self.deadline_seconds,
        )


class NewBatch(Body, frozen=True, kw_only=True):
    """Requests to take as one."""

    requests: Annotated[tuple[BatchRequest, ...], Meta(min_length=1, max_length=MOST_REQUESTS)]

    def wishes(self) -> Sequence[Wish]:
        """All of them; raise `InvalidRequest`, which says of which, where two members contradict."""
        return each(self.requests, BatchRequest.wish)


class GenerationChange(Body, frozen=True, kw_only=True):
    """How to file it otherwise; what is left out stays."""

    title: Title | UnsetType | None = UNSET
    tags: Tags | UnsetType = UNSET
    favorite: bool | UnsetType = UNSET
    metadata: Metadata | UnsetType | None = UNSET

    def applied_to(self, labels: Labels) -> Labels:
        """The labels after the change."""
        return Labels(
            title=labels.title if self.title is UNSET else self.title,
            tags=labels.tags if self.tags is UNSET else self.tags,
            metadata=labels.metadata if self.metadata is UNSET else self.metadata,
            favorite=labels.favorite if self.favorite is UNSET else self.favorite,
            external_id=labels.external_id,
        )


class ImageChange(Body, frozen=True, kw_only=True):
    """A rating of 0 to 5 (`null` takes it back) and tags; what is left out stays."""

    rating: Annotated[int, Meta(ge=0, le=5)] | UnsetType | None = UNSET
    tags: Tags | UnsetType = UNSET
