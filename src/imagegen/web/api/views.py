"""Bodies of answers: each view is built in one place, so that what leaves the service can be read here."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, Generic, Self, TypeVar

from msgspec import Struct, structs

from imagegen.application.sessions import Login
from imagegen.domain.api_keys import ApiKey, PlainKey
from imagegen.domain.catalog import Catalog, ImageModel
from imagegen.domain.errors import Billed, Stage
from imagegen.domain.generations import Attempt, Failure, Generation, Outcome, Priority, Status
from imagegen.domain.identifiers import API_KEY, ATTEMPT, GENERATION, IMAGE, SESSION, USER, external
from imagegen.domain.images import Image, Source
from imagegen.domain.pages import Page
from imagegen.domain.prices import dollars
from imagegen.domain.sessions import Session
from imagegen.domain.sizes import AnySize, Sizes
from imagegen.domain.usage import UsageBucket
from imagegen.domain.users import Role, Scope, User
from imagegen.web.api.moments import Moment

T = TypeVar("T")
Address = Callable[[Image], str]
"""Mints the address of an image's bytes."""


class PageView(Struct, Generic[T], frozen=True):
    """A page of a list; `next_cursor` fetches the next one, `null` when this is the last."""

    data: Sequence[T]
    next_cursor: str | None


def page_view(page: Page[Any], view: Callable[[Any], T]) -> PageView[T]:
    """A page, each of its rows seen through a view."""
    return PageView([view(item) for item in page.items], page.next.text if page.next else None)


class UserView(Struct, frozen=True, kw_only=True):
    """An account."""

    id: str
    email: str
    name: str | None
    avatar_url: str | None
    role: Role
    created_at: Moment

    @classmethod
    def of(cls, user: User) -> Self:
        """What its owner may see."""
        return cls(
            id=external(USER, user.id),
            email=user.email.text,
            name=user.name,
            avatar_url=user.avatar_url,
            role=user.role,
            created_at=user.created_at,
        )


class LoginView(Struct, frozen=True, kw_only=True):
    """A user who is in. `expires_in` is the access token's life in seconds; the refresh token is good once."""

    user: UserView
    access_token: str
    refresh_token: str
    token_type: str
    expires_in: int

    @classmethod
    def of(cls, login: Login) -> Self:
        """The tokens, once."""
        return cls(
            user=UserView.of(login.user),
            access_token=login.access_token,
            refresh_token=login.refresh_token,
            token_type="bearer",  # noqa: S106 - the type's name
            expires_in=login.expires_in,
        )


class SessionView(Struct, frozen=True, kw_only=True):
    """A login on one device."""

    id: str
    user_agent: str | None
    created_at: Moment
    last_used_at: Moment
    expires_at: Moment
    current: bool

    @classmethod
    def of(cls, session: Session, *, current: bool) -> Self:
        """Everything but its tokens."""
        return cls(
            id=external(SESSION, session.id),
            user_agent=session.user_agent,
            created_at=session.created_at,
            last_used_at=session.last_used_at,
            expires_at=session.expires_at,
            current=current,
        )


class KeyView(Struct, frozen=True, kw_only=True):
    """An API key, without its text. It has no limits: there are none yet."""

    id: str
    name: str
    prefix: str
    scopes: list[Scope]
    is_active: bool
    last_used_at: Moment | None
    expires_at: Moment | None
    revoked_at: Moment | None
    created_at: Moment

    @classmethod
    def of(cls, key: ApiKey, now: Moment) -> Self:
        """What may be seen of it ever after."""
        return cls(
            id=external(API_KEY, key.id),
            name=key.name,
            prefix=key.prefix,
            scopes=sorted(key.scopes),
            is_active=key.active(now),
            last_used_at=key.last_used_at,
            expires_at=key.expires_at,
            revoked_at=key.revoked_at,
            created_at=key.created_at,
        )


class IssuedKeyView(KeyView, frozen=True, kw_only=True):
    """A new API key with its text, which is shown this once."""

    key: str

    @classmethod
    def of_issued(cls, key: ApiKey, plain: PlainKey, now: Moment) -> Self:
        """The key and, this once, its text."""
        return cls(**structs.asdict(KeyView.of(key, now)), key=plain.text)


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
    """A generation and everything that became of it. `url` is its first image's; an unknown cost is `null`."""

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
    error: FailureView | None
    title: str | None
    tags: tuple[str, ...]
    metadata: Mapping[str, str]
    external_id: str | None
    favorite: bool
    priority: Priority
    created_at: Moment
    started_at: Moment | None
    finished_at: Moment | None

    @classmethod
    def of(cls, generation: Generation, address: Address, base64: Sequence[str | None] = ()) -> Self:
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
            error=FailureView.of(generation.failure) if generation.failure else None,
            title=labels.title,
            tags=labels.tags,
            metadata=labels.metadata or {},
            external_id=labels.external_id,
            favorite=labels.favorite,
            priority=generation.priority,
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


class UsageView(Struct, frozen=True, kw_only=True):
    """The sum of one bucket. `cost_usd` adds up the known costs; `unknown_costs` counts the generations without."""

    bucket: str | None
    requests: int
    images: int
    failures: int
    cost_usd: str
    unknown_costs: int

    @classmethod
    def of(cls, bucket: UsageBucket) -> Self:
        """The bucket by its day (`2026-11-21`), key id or model id."""
        name = bucket.bucket
        if isinstance(name, date):
            name = name.isoformat()
        elif name is not None and not isinstance(name, str):
            name = external(API_KEY, name)
        return cls(
            bucket=name,
            requests=bucket.requests,
            images=bucket.images,
            failures=bucket.failures,
            cost_usd=dollars(bucket.cost_micros) or "0",
            unknown_costs=bucket.unknown_costs,
        )


class ModelView(Struct, frozen=True, kw_only=True):
    """A model: what it can do, what it costs in US dollars per million tokens, and whether it is asked now."""

    id: str
    provider: str
    aliases: tuple[str, ...]
    available: bool
    released: date | None
    shutdown_date: date | None
    successor: str | None
    capabilities: Mapping[str, Any]
    price: Mapping[str, str]
    sources: tuple[str, ...]

    @classmethod
    def of(cls, model: ImageModel, catalog: Catalog, today: date) -> Self:
        """The model as the book describes it."""
        can = model.capabilities
        prices = {name: getattr(model.price, name) for name in model.price.__dataclass_fields__ if name != "free"}
        return cls(
            id=model.id,
            provider=model.provider,
            aliases=model.aliases,
            available=catalog.available(model, today),
            released=model.released,
            shutdown_date=model.shutdown,
            successor=model.successor,
            capabilities={
                "sizes": _sizes(can.sizes),
                "qualities": sorted(can.qualities),
                "formats": sorted(can.formats),
                "transparent": can.transparent,
                "seed": can.seed,
                "images_per_call": can.images_per_call,
            },
            price={"per_image": "0"} if model.price.free else {n: str(p) for n, p in prices.items() if p is not None},
            sources=model.sources,
        )


def _sizes(sizes: Sizes | AnySize) -> Mapping[str, Any]:
    """The sizes by shape, or the bounds of what may be asked for."""
    if isinstance(sizes, Sizes):
        return {"choices": [{"size": str(c.size), "aspect_ratio": c.aspect_ratio} for c in sizes.choices]}
    return {
        "default": str(sizes.default),
        "multiple_of": sizes.step,
        "least_side": sizes.least,
        "longest_side": sizes.longest,
        "longest_short_side": sizes.shortest,
        "most_ratio": sizes.most_ratio,
        "least_pixels": sizes.fewest,
    }
