"""Generations with their images, and the calls that were made for them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

from msgspec import Struct

from imagegen.domain.attempts import Attempt, Outcome
from imagegen.domain.errors import Billed, Stage
from imagegen.domain.generations import Failure, Generation, Priority, Status
from imagegen.domain.identifiers import ATTEMPT, BATCH, GENERATION, IMAGE, external
from imagegen.domain.images import Image, Source
from imagegen.domain.prices import dollars
from imagegen.web.api.moments import Moment

Address = Callable[[Image], str]
"""Mints the address of an image's bytes."""


class FailureView(Struct, frozen=True, kw_only=True):
    """Why there is no picture, and what that means for the money."""

    code: str
    detail: str
    stage: Stage
    retryable: bool
    billed: Billed
    provider_code: str | None

    @classmethod
    def of(cls, failure: Failure) -> Self:
        """The failure."""
        return cls(
            code=failure.code,
            detail=failure.detail,
            stage=failure.stage,
            retryable=failure.retryable,
            billed=failure.billed,
            provider_code=failure.provider_code,
        )


class ImageView(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A picture. Width, height and type were read from its bytes; the address expires and is made anew each time."""

    id: str
    generation_id: str | None
    source: Source
    url: str
    width: int
    height: int
    content_type: str
    bytes: int
    sha256: str
    rating: int | None
    quality: Mapping[str, float]
    tags: tuple[str, ...]
    created_at: Moment
    b64_json: str | None = None

    @classmethod
    def of(cls, image: Image, address: Address, *, base64: str | None = None) -> Self:
        """The picture under its address."""
        return cls(
            id=external(IMAGE, image.id),
            generation_id=external(GENERATION, image.generation_id) if image.generation_id else None,
            source=image.source,
            url=address(image),
            width=image.size.width,
            height=image.size.height,
            content_type=image.content_type,
            bytes=image.bytes,
            sha256=image.sha256,
            rating=image.rating,
            quality={
                "megapixels": round(image.size.pixels / 1e6, 3),
                "bits_per_pixel": round(image.bytes * 8 / image.size.pixels, 3),
            },
            tags=image.tags,
            created_at=image.created_at,
            b64_json=base64,
        )


class AdjustmentView(Struct, frozen=True, rename={"asked": "from", "applied": "to"}):
    """One parameter that was not applied as asked."""

    parameter: str
    asked: str | int | None
    applied: str | int | None
    reason: str


class GenerationView(Struct, frozen=True, kw_only=True):
    """A generation and everything that became of it.

    `url` is its first image's; an unknown cost is `null`. `queue_position` is how many queued ones go before it: told
    where one that is queued is read or asked for, otherwise `null`.
    """

    id: str
    status: Status
    prompt: str
    provider: str
    model: str
    requested: Mapping[str, Any]
    applied: Mapping[str, Any]
    adjustments: list[AdjustmentView]
    images: list[ImageView]
    url: str | None
    cost_usd: str | None
    progress: float
    queue_position: int | None
    error: FailureView | None
    title: str | None
    tags: tuple[str, ...]
    metadata: Mapping[str, str]
    external_id: str | None
    favorite: bool
    priority: Priority
    retry_of: str | None
    batch_id: str | None
    created_at: Moment
    started_at: Moment | None
    finished_at: Moment | None

    @classmethod
    def of(
        cls,
        generation: Generation,
        address: Address,
        base64: Sequence[str | None] = (),
        *,
        queue_position: int | None = None,
    ) -> Self:
        """The generation, its images under their addresses, their bytes in base64 where those are handed in."""
        texts = base64 or [None] * len(generation.images)
        images = [
            ImageView.of(image, address, base64=text) for image, text in zip(generation.images, texts, strict=True)
        ]
        labels = generation.labels
        return cls(
            id=external(GENERATION, generation.id),
            status=generation.status,
            prompt=generation.requested.prompt,
            provider=generation.provider,
            model=generation.model,
            requested=generation.requested.stated(),
            applied=generation.applied.stated(),
            adjustments=[AdjustmentView(a.parameter, a.asked, a.applied, a.reason) for a in generation.adjustments],
            images=images,
            url=images[0].url if images else None,
            cost_usd=dollars(generation.cost_micros),
            progress=generation.progress,
            queue_position=queue_position,
            error=FailureView.of(generation.failure) if generation.failure else None,
            title=labels.title,
            tags=labels.tags,
            metadata=labels.metadata or {},
            external_id=labels.external_id,
            favorite=labels.favorite,
            priority=generation.priority,
            retry_of=external(GENERATION, generation.retry_of) if generation.retry_of else None,
            batch_id=external(BATCH, generation.batch_id) if generation.batch_id else None,
            created_at=generation.created_at,
            started_at=generation.started_at,
            finished_at=generation.finished_at,
        )


class AttemptView(Struct, frozen=True, kw_only=True):
    """One call to a provider."""

    id: str
    number: int
    provider: str
    model: str
    images: int
    started_at: Moment
    finished_at: Moment | None
    outcome: Outcome
    billed: Billed
    cost_usd: str | None
    provider_request_id: str | None
    error_code: str | None

    @classmethod
    def of(cls, attempt: Attempt) -> Self:
        """The call as it was settled."""
        return cls(
            id=external(ATTEMPT, attempt.id),
            number=attempt.number,
            provider=attempt.provider,
            model=attempt.model,
            images=attempt.count,
            started_at=attempt.started_at,
            finished_at=attempt.finished_at,
            outcome=attempt.outcome,
            billed=attempt.billed,
            cost_usd=dollars(attempt.cost_micros),
            provider_request_id=attempt.provider_request_id,
            error_code=attempt.error_code,
        )
