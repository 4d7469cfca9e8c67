"""Domain objects as the values of columns, and rows as domain objects.

A row lists all columns of its table, in order. Where a field and a column have the same name, they hold the same.
"""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import UTC
from typing import Any, Final

from sqlalchemy import Table

from imagegen.adapters.database.statements import Row
from imagegen.adapters.database.tables import api_keys, attempts, generations, images, sessions, usage_records, users
from imagegen.domain.api_keys import ApiKey
from imagegen.domain.generations import Attempt, Generation
from imagegen.domain.images import Image, Labels, Size
from imagegen.domain.sessions import Session
from imagegen.domain.usage import UsageRecord
from imagegen.domain.users import Email, User

_INDEXED_LOCATION: Final = 400
"""Characters. A location is an address of some hundred; Postgres indexes values up to 2,700 bytes."""


def _shared(kind: type, table: Table) -> Sequence[str]:
    return [field.name for field in fields(kind) if field.name in table.c]


_USER: Final = _shared(User, users)
_SESSION: Final = _shared(Session, sessions)
_API_KEY: Final = _shared(ApiKey, api_keys)
_GENERATION: Final = _shared(Generation, generations)
_LABELS: Final = _shared(Labels, generations)
_ATTEMPT: Final = _shared(Attempt, attempts)
_IMAGE: Final = _shared(Image, images)
_USAGE_RECORD: Final = _shared(UsageRecord, usage_records)

_COLUMNS: Final = {table: tuple(table.c.keys()) for table in users.metadata.tables.values()}


def _taken(thing: object, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(thing, name) for name in names}


def _named(table: Table, row: Row) -> dict[str, Any]:
    return dict(zip(_COLUMNS[table], row, strict=True))


def user_values(user: User) -> dict[str, Any]:
    """The values of a row of `users`."""
    return {**_taken(user, _USER), "email": user.email.key, "email_as_written": user.email.text}


def user_of(row: Row) -> User:
    """The user of a row of `users`."""
    values = _named(users, row)
    values["email"] = Email(values.pop("email_as_written"))
    return User(**values)


def session_values(session: Session) -> dict[str, Any]:
    """The values of a row of `sessions`."""
    return _taken(session, _SESSION)


def session_of(row: Row) -> Session:
    """The session of a row of `sessions`."""
    return Session(**_named(sessions, row))


def session_and_user_of(row: Row) -> tuple[Session, User]:
    """Both from a row of `sessions` followed by one of `users`."""
    return session_of(row[: len(sessions.c)]), user_of(row[len(sessions.c) :])


def api_key_values(key: ApiKey) -> dict[str, Any]:
    """The values of a row of `api_keys`."""
    return _taken(key, _API_KEY)


def api_key_of(row: Row) -> ApiKey:
    """The key of a row of `api_keys`."""
    return ApiKey(**_named(api_keys, row))


def api_key_and_user_of(row: Row) -> tuple[ApiKey, User]:
    """Both from a row of `api_keys` followed by one of `users`."""
    return api_key_of(row[: len(api_keys.c)]), user_of(row[len(api_keys.c) :])


def generation_values(generation: Generation) -> dict[str, Any]:
    """The values of a row of `generations`; its images have rows of their own."""
    labels = _taken(generation.labels, _LABELS)
    search = f"{generation.requested.prompt}\n{generation.labels.title or ''}".casefold()
    return {**_taken(generation, _GENERATION), **labels, "search": search}


def generations_of(rows: Iterable[Row]) -> Sequence[Generation]:
    """The generations of rows of `generations`, each followed by one of `images` or by nothing but `None`."""
    width = len(generations.c)
    first: dict[object, Row] = {}
    pictures: dict[object, list[Image]] = {}
    for row in rows:
        first.setdefault(row[0], row[:width])
        found = pictures.setdefault(row[0], [])
        if row[width] is not None:
            found.append(image_of(row[width:]))
    return [_generation(row, pictures[key]) for key, row in first.items()]


def _generation(row: Row, pictures: Iterable[Image]) -> Generation:
    values = _named(generations, row)
    labels = Labels(**{name: values.pop(name) for name in _LABELS})
    del values["search"]
    return Generation(**values, labels=labels, images=tuple(pictures))


def attempt_values(attempt: Attempt) -> dict[str, Any]:
    """The values of a row of `attempts`."""
    return _taken(attempt, _ATTEMPT)


def attempt_of(row: Row) -> Attempt:
    """The attempt of a row of `attempts`."""
    return Attempt(**_named(attempts, row))


def location_start(location: str) -> str:
    """The part of a location that is indexed: the whole of any but one that holds the picture itself."""
    return location[:_INDEXED_LOCATION]


def image_values(image: Image) -> dict[str, Any]:
    """The values of a row of `images`."""
    location = {"location_start": location_start(image.location)}
    return {**_taken(image, _IMAGE), **location, "width": image.size.width, "height": image.size.height}


def image_of(row: Row) -> Image:
    """The image of a row of `images`."""
    values = _named(images, row)
    del values["location_start"]
    size = Size(values.pop("width"), values.pop("height"))
    return Image(**values, size=size)


def usage_record_values(record: UsageRecord) -> dict[str, Any]:
    """The values of a row of `usage_records`."""
    return {**_taken(record, _USAGE_RECORD), "day": record.finished_at.astimezone(UTC).date()}
