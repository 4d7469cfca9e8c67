"""Things to test with: valid, distinct, and as plain as possible; `dataclasses.replace` makes them special.

Each is as the domain's own methods would have left it. Moments have microseconds, so that a store which drops them
is found out.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

from uuid_utils.compat import uuid7

from imagegen.domain.api_keys import ApiKey
from imagegen.domain.attempts import Attempt
from imagegen.domain.batches import Batch, BatchCounts
from imagegen.domain.errors import Billed, NoImage
from imagegen.domain.generations import Failure, Generation, Priority, Status
from imagegen.domain.idempotency import IdempotencyKey
from imagegen.domain.identifiers import (
    ApiKeyId,
    AttemptId,
    BatchId,
    EventId,
    GenerationId,
    ImageId,
    SessionId,
    UserId,
    WebhookId,
    WorkerId,
)
from imagegen.domain.images import Image, ImageFormat, ImageRequest, Labels, Size, Source
from imagegen.domain.ports import NewId
from imagegen.domain.sessions import RefreshToken, Session
from imagegen.domain.users import Email, Role, User
from imagegen.domain.webhooks import EventType, WebhookEndpoint, WebhookEvent

NOW: Final = datetime(2026, 3, 14, 15, 9, 26, 535897, tzinfo=UTC)
PROMPT: Final = "A cute banana wearing sunglasses"

new_id: NewId = uuid7
"""A version-7 UUID, greater than the one before."""
WORKER: Final = WorkerId(UUID("01890000-0000-7000-8000-00000000face"))
"""Who runs what the builders say is running; nobody gave it a lease."""


class SettableClock:
    """Shows the moment that it was set to."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        """The moment."""
        return self.now

    def advance(self, **duration: float) -> None:
        """Let time pass, in the words of `timedelta`."""
        self.now += timedelta(**duration)


def new_user(email: str | None = None, *, now: datetime = NOW) -> User:
    """A user, with an address of their own unless one is given."""
    user_id = UserId(new_id())
    return User(
        id=user_id,
        email=Email(email or f"{user_id}@example.com"),
        password_hash="$argon2id$made-up",
        name=None,
        avatar_url=None,
        role=Role.USER,
        created_at=now,
    )


def new_session(user: User, *, now: datetime = NOW) -> tuple[Session, RefreshToken]:
    """A session that has just been opened, and its token."""
    return Session.open(id=SessionId(new_id()), user_id=user.id, user_agent="curl/8.5.0", now=now)


def new_key(user: User, *, name: str = "Default key", now: datetime = NOW) -> ApiKey:
    """A key that has just been issued; its text is forgotten."""
    return ApiKey.issue(id=ApiKeyId(new_id()), user_id=user.id, name=name, now=now)[0]


def new_generation(
    user: User,
    *,
    key: ApiKey | None = None,
    prompt: str = PROMPT,
    provider: str = "sketch",
    model: str = "sketch-1",
    labels: Labels | None = None,
    now: datetime = NOW,
) -> Generation:
    """A generation that has just been requested."""
    requested = ImageRequest(prompt=prompt)
    return Generation(
        id=GenerationId(new_id()),
        user_id=user.id,
        api_key_id=key.id if key else None,
        status=Status.QUEUED,
        requested=requested,
        applied=replace(requested, model=model, provider=provider),
        adjustments=(),
        provider=provider,
        model=model,
        labels=labels or Labels(),
        priority=Priority.NORMAL,
        created_at=now,
    )


def new_attempt(generation: Generation, number: int = 1, *, now: datetime = NOW) -> Attempt:
    """A call that is about to be made."""
    return Attempt(
        id=AttemptId(new_id()),
        generation_id=generation.id,
        number=number,
        provider=generation.provider,
        model=generation.model,
        count=1,
        started_at=now,
    )


def new_image(
    generation: Generation, position: int = 0, *, attempt: Attempt | None = None, now: datetime = NOW
) -> Image:
    """A picture that a generation brought."""
    image_id = ImageId(new_id())
    return Image(
        id=image_id,
        user_id=generation.user_id,
        generation_id=generation.id,
        attempt_id=attempt.id if attempt else None,
        position=position,
        source=Source.GENERATED,
        location=f"made-up:{image_id}.png",
        size=Size(1024, 768),
        format=ImageFormat.PNG,
        bytes=1_234_567,
        sha256=sha256(image_id.bytes).hexdigest(),
        created_at=now,
    )


def new_upload(user: User, *, now: datetime = NOW) -> Image:
    """A picture that its owner brought."""
    image = new_image(new_generation(user), now=now)
    return replace(image, generation_id=None, source=Source.UPLOAD)


def succeeded(
    generation: Generation, images: Sequence[Image] = (), *, cost_micros: int | None = 39_000, now: datetime = NOW
) -> Generation:
    """A queued generation two steps later, with these images, or one if there are none."""
    pictures = images or (new_image(generation, now=now),)
    return generation.start(WORKER, now).succeed(pictures, cost_micros=cost_micros, now=now)


def failed(generation: Generation, *, billed: Billed = Billed.NO, now: datetime = NOW) -> Generation:
    """A queued generation two steps later, without a picture; it costs nothing if it was not billed."""
    cost = 0 if billed is Billed.NO else None
    return generation.start(WORKER, now).fail(Failure.of(NoImage(billed=billed)), cost_micros=cost, now=now)


def new_idempotency_key(generation: Generation, key: str = "order-42", *, now: datetime = NOW) -> IdempotencyKey:
    """A key under which a generation was asked for just now."""
    fingerprint = sha256(generation.requested.prompt.encode()).digest()
    return IdempotencyKey(
        user_id=generation.user_id, key=key, fingerprint=fingerprint, target=generation.id, created_at=now
    )


def new_webhook(
    user: User,
    *,
    url: str = "https://hooks.example.com/imagegen",
    events: frozenset[EventType] = frozenset(EventType),
    now: datetime = NOW,
) -> WebhookEndpoint:
    """A webhook that has just been made, for everything there is to tell."""
    webhook_id = WebhookId(new_id())
    return WebhookEndpoint(id=webhook_id, user_id=user.id, url=url, description=None, events=events, created_at=now)


def new_event(user: User, *, type: EventType = EventType.GENERATION_SUCCEEDED, now: datetime = NOW) -> WebhookEvent:
    """Something that has just happened."""
    return WebhookEvent.of(type, {"id": "gen_1"}, id=EventId(new_id()), user_id=user.id, occurred_at=now)


def new_batch(user: User, total: int = 1, *, key: ApiKey | None = None, now: datetime = NOW) -> Batch:
    """A batch that has just been handed in."""
    return Batch(
        id=BatchId(new_id()),
        user_id=user.id,
        api_key_id=key.id if key else None,
        total=total,
        counts=BatchCounts(queued=total),
        created_at=now,
    )


def new_items(user: User, batch: Batch, *, now: datetime = NOW) -> list[Generation]:
    """The generations of a batch of the user's that has just been handed in."""
    return [
        replace(new_generation(user, now=now), batch_id=batch.id, batch_index=index) for index in range(batch.total)
    ]
