"""Bodies of requests: their shape. What needs knowledge (does this model draw that?) is the domain's to judge."""

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

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
from imagegen.domain.users import Scope
from imagegen.domain.webhooks import EventType
from imagegen.web.api.moments import Moment

ResponseFormat = Literal["url", "b64_json", "data_url"]
EmailText = Annotated[
    str,
    Meta(
        max_length=254,
        # Control characters are named, since readers of patterns differ on which of them are white space.
        # Spaces around it are trimmed.
        pattern=r"^ *[^@\s\x00-\x1f\x7f-\x9f]{1,64}@[^@\s\x00-\x1f\x7f-\x9f.]+(\.[^@\s\x00-\x1f\x7f-\x9f.]+)* *$",
        examples=["test@example.com"],
    ),
]
Password = Annotated[str, Meta(min_length=8, max_length=128, examples=["securepassword123"])]
Name = Annotated[str, Meta(min_length=1, max_length=100, examples=["My Test Key"])]
Scopes = Annotated[tuple[Scope, ...], Meta(min_length=1, max_length=20)]
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
WebhookUrl = Annotated[
    str,
    Meta(
        min_length=8,
        max_length=2048,
        pattern=r"^[Hh][Tt][Tt][Pp][Ss]?://[!-~]+$",
        description="Where events are sent: https, on port 443 or above 1023, at a public machine.",
        examples=["https://example.com/hooks/imagegen"],
    ),
]
EventTypes = Annotated[tuple[EventType, ...], Meta(min_length=1, max_length=20, description="What it is told of.")]
WebhookDescription = Annotated[str, Meta(max_length=200)]


class Body(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A body: unknown members are refused."""


class Registration(Body, frozen=True, kw_only=True):
    """A new account."""

    email: EmailText
    password: Password
    name: Name | None = None


class Credentials(Body, frozen=True, kw_only=True):
    """What somebody logs in with."""

    email: EmailText
    password: Annotated[str, Meta(min_length=1, max_length=128)]


class RefreshRequest(Body, frozen=True, kw_only=True):
    """A refresh token, to be traded for a new pair."""

    refresh_token: Annotated[str, Meta(min_length=1, max_length=512)]


class PasswordChange(Body, frozen=True, kw_only=True):
    """A new password, confirmed by the current one."""

    current_password: Annotated[str, Meta(min_length=1, max_length=128)]
    new_password: Password


class ProfileChange(Body, frozen=True, kw_only=True):
    """What to change of the account; what is left out stays, `null` clears."""

    name: Name | UnsetType | None = UNSET
    avatar_url: Annotated[str, Meta(max_length=2048, pattern=r"^https://[^\s]+$")] | UnsetType | None = UNSET


class AccountDeletion(Body, frozen=True, kw_only=True):
    """The password that confirms it."""

    password: Annotated[str, Meta(min_length=1, max_length=128)]


class NewKey(Body, frozen=True, kw_only=True):
    """A key to issue. Its two limits may only be `null` yet: a limit that nothing enforces is refused, not ignored."""

    name: Name | None = None
    expires_at: Moment | None = None
    scopes: Scopes | None = None
    daily_image_limit: None = None
    monthly_budget_usd: None = None


class KeyChange(Body, frozen=True, kw_only=True):
    """What to change of a key; what is left out stays. Its two limits may only be `null` yet, as with `NewKey`."""

    name: Name | UnsetType = UNSET
    expires_at: Moment | UnsetType | None = UNSET
    scopes: Scopes | UnsetType = UNSET
    daily_image_limit: None = None
    monthly_budget_usd: None = None


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


class NewWebhook(Body, frozen=True, kw_only=True):
    """An address that is to be told of events."""

    url: WebhookUrl
    events: EventTypes
    description: WebhookDescription | None = None


class WebhookChange(Body, frozen=True, kw_only=True):
    """What to change of a webhook; what is left out stays, `null` clears. `rotate_secret` gives it another secret."""

    url: WebhookUrl | UnsetType = UNSET
    events: EventTypes | UnsetType = UNSET
    description: WebhookDescription | UnsetType | None = UNSET
    enabled: bool | UnsetType = UNSET
    rotate_secret: bool = False
