"""Domain objects as the values of columns, and rows as domain objects.

A row lists all columns of its table, in order. Where a field and a column have the same name, they hold the same.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from datetime import UTC
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import Table

from imagegen.adapters.database.statements import Row
from imagegen.adapters.database.tables import (
    api_keys,
    attempts,
    batches,
    generations,
    idempotency_keys,
    images,
    sessions,
    usage_records,
    users,
    webhook_deliveries,
    webhook_endpoints,
)
from imagegen.domain.api_keys import ApiKey
from imagegen.domain.attempts import Attempt
from imagegen.domain.batches import Batch, BatchCounts
from imagegen.domain.deliveries import WebhookDelivery
from imagegen.domain.generations import Generation
from imagegen.domain.idempotency import IdempotencyKey
from imagegen.domain.identifiers import GenerationId
from imagegen.domain.images import Image, Labels, Size
from imagegen.domain.sessions import Session
from imagegen.domain.usage import UsageRecord
from imagegen.domain.users import Email, User
from imagegen.domain.webhooks import WebhookEndpoint

Fields = dict[str, Any]

_ATTRIBUTES: Final[Mapping[type, Sequence[str]]] = {
    kind: tuple(field.name for field in fields(kind) if field.name in table.c)
    for kind, table in (
        (User, users),
        (Session, sessions),
        (ApiKey, api_keys),
        (Generation, generations),
        (Labels, generations),
        (Batch, batches),
        (Attempt, attempts),
        (Image, images),
        (UsageRecord, usage_records),
        (WebhookEndpoint, webhook_endpoints),
        (WebhookDelivery, webhook_deliveries),
    )
}
_TAKE: Final = {kind: attrgetter(*names) for kind, names in _ATTRIBUTES.items()}
_COLUMNS: Final = {table: tuple(table.c.keys()) for table in users.metadata.tables.values()}


def _taken(thing: object) -> Fields:
    kind = type(thing)
    return dict(zip(_ATTRIBUTES[kind], _TAKE[kind](thing), strict=True))


def _named(table: Table, row: Row) -> Fields:
    return dict(zip(_COLUMNS[table], row, strict=True))


def _parted(table: Table) -> Callable[[Row], tuple[Row, Row]]:
    width = len(table.c)
    return lambda row: (row[:width], row[width:])


_after_session, _after_api_key, _after_generation = map(_parted, (sessions, api_keys, generations))


def user_values(user: User) -> Fields:
    """The values of a row of `users`."""
    return {**_taken(user), "email": user.email.key, "email_as_written": user.email.text}


def user_of(row: Row) -> User:
    """The user of a row of `users`."""
    values = _named(users, row)
    values["email"] = Email(values.pop("email_as_written"))
    return User(**values)


def session_values(session: Session) -> Fields:
    """The values of a row of `sessions`."""
    return _taken(session)


def session_of(row: Row) -> Session:
    """The session of a row of `sessions`."""
    return Session(**_named(sessions, row))


def session_and_user_of(row: Row) -> tuple[Session, User]:
    """Both from a row of `sessions` followed by one of `users`."""
    session, user = _after_session(row)
    return session_of(session), user_of(user)


def api_key_values(key: ApiKey) -> Fields:
    """The values of a row of `api_keys`."""
    return _taken(key)


def api_key_of(row: Row) -> ApiKey:
    """The key of a row of `api_keys`."""
    return ApiKey(**_named(api_keys, row))


def api_key_and_user_of(row: Row) -> tuple[ApiKey, User]:
    """Both from a row of `api_keys` followed by one of `users`."""
    key, user = _after_api_key(row)
    return api_key_of(key), user_of(user)


def generation_values(generation: Generation) -> Fields:
    """The values of a row of `generations`; its images have rows of their own."""
    values = _taken(generation)
    values.update(_taken(generation.labels))
    values["search"] = _search(generation)
    return values


def progress_values(generation: Generation) -> Fields:
    """Those values of a row of `generations` that change as it comes on."""
    return _taken(generation)


def label_values(generation: Generation) -> Fields:
    """Those values of a row of `generations` that its owner changes."""
    return {
        "id": generation.id,
        "version": generation.version,
        **_taken(generation.labels),
        "search": _search(generation),
    }


def generation_of(row: Row) -> Generation:
    """The generation of a row of `generations`, with the image of the row of `images` after it unless that is empty."""
    generation, image = _after_generation(row)
    values = _named(generations, generation)
    labels = Labels(**{name: values.pop(name) for name in _ATTRIBUTES[Labels]})
    del values["search"]
    return Generation(**values, labels=labels, images=() if image[0] is None else (image_of(image),))


def gathered(parts: Iterable[Generation]) -> Sequence[Generation]:
    """Each generation once, with all of its images, from as many parts of it as there are images."""
    whole: dict[GenerationId, Generation] = {}
    for part in parts:
        begun = whole.get(part.id)
        whole[part.id] = part if begun is None else replace(begun, images=begun.images + part.images)
    return list(whole.values())


def _search(generation: Generation) -> str:
    return f"{generation.requested.prompt}\n{generation.labels.title or ''}".casefold()


def attempt_values(attempt: Attempt) -> Fields:
    """The values of a row of `attempts`."""
    return _taken(attempt)


def attempt_of(row: Row) -> Attempt:
    """The attempt of a row of `attempts`."""
    return Attempt(**_named(attempts, row))


def image_values(image: Image) -> Fields:
    """The values of a row of `images`."""
    values = _taken(image)
    values.update(width=image.size.width, height=image.size.height)
    return values


def image_of(row: Row) -> Image:
    """The image of a row of `images`."""
    values = _named(images, row)
    size = Size(values.pop("width"), values.pop("height"))
    return Image(**values, size=size)


def usage_record_values(record: UsageRecord) -> Fields:
    """The values of a row of `usage_records`."""
    return {**_taken(record), "day": record.finished_at.astimezone(UTC).date()}


def idempotency_key_of(row: Row) -> IdempotencyKey:
    """The key of a row of `idempotency_keys`."""
    return IdempotencyKey(**_named(idempotency_keys, row))


def webhook_endpoint_values(endpoint: WebhookEndpoint) -> Fields:
    """The values of a row of `webhook_endpoints`."""
    return _taken(endpoint)


def webhook_endpoint_of(row: Row) -> WebhookEndpoint:
    """The endpoint of a row of `webhook_endpoints`."""
    return WebhookEndpoint(**_named(webhook_endpoints, row))


def webhook_delivery_values(delivery: WebhookDelivery) -> Fields:
    """The values of a row of `webhook_deliveries`."""
    return _taken(delivery)


def webhook_delivery_of(row: Row) -> WebhookDelivery:
    """The delivery of a row of `webhook_deliveries`."""
    return WebhookDelivery(**_named(webhook_deliveries, row))


def batch_values(batch: Batch) -> Fields:
    """The values of a row of `batches`; its counts are those of its generations."""
    return _taken(batch)


def batch_of(row: Row, counts: Mapping[str, int]) -> Batch:
    """The batch of a row of `batches`, with how many of its generations are in which state."""
    return Batch(**_named(batches, row), counts=BatchCounts(**counts))
