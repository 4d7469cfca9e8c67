"""What every unit of work refuses to commit: what is taken, what has changed meanwhile, what is gone."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from builders import (
    new_attempt,
    new_generation,
    new_id,
    new_idempotency_key,
    new_image,
    new_key,
    new_session,
    new_upload,
    new_user,
    succeeded,
)
from imagegen.domain.errors import AlreadyExists, StaleWrite
from imagegen.domain.ports import UnitOfWork, UnitOfWorkFactory
from imagegen.domain.usage import UsageRecord
from stores import Thing, remember

Update = Callable[[UnitOfWork, int], None]

USER = new_user("taken@example.com")
GENERATION = new_generation(USER)
DONE = succeeded(GENERATION)
SESSION, KEY, ATTEMPT, IMAGE = new_session(USER)[0], new_key(USER), new_attempt(GENERATION), new_image(GENERATION)
ONCE = new_idempotency_key(GENERATION)
ROWS: list[Thing] = [USER, SESSION, KEY, GENERATION, IMAGE]
UPDATES: dict[str, Update] = {
    "user": lambda work, version: work.users.update(replace(USER, version=version)),
    "session": lambda work, version: work.sessions.update(replace(SESSION, version=version)),
    "key": lambda work, version: work.api_keys.update(replace(KEY, version=version)),
    "generation": lambda work, version: work.generations.update(replace(GENERATION, version=version)),
    "generation's labels": lambda work, version: work.generations.relabel(replace(GENERATION, version=version)),
    "image": lambda work, version: work.images.update(replace(IMAGE, version=version)),
}
DOUBLES: dict[str, Thing] = {
    "users.id": replace(new_user(), id=USER.id),
    "users.email": new_user("TAKEN@example.com"),
    "sessions.id": replace(new_session(USER)[0], id=SESSION.id),
    "sessions.family_hash": replace(new_session(USER)[0], family_hash=SESSION.family_hash),
    "api_keys.id": replace(new_key(USER), id=KEY.id),
    "api_keys.digest": replace(new_key(USER), digest=KEY.digest),
    "generations.id": replace(new_generation(USER), id=GENERATION.id),
    "attempts.id": replace(new_attempt(GENERATION), id=ATTEMPT.id),
    "images.id": replace(new_image(GENERATION), id=IMAGE.id),
    "usage_records.generation_id": replace(UsageRecord.of(DONE), images=7),
    "idempotency_keys.user_id": replace(ONCE, fingerprint=bytes(32), target=new_id()),
}


@pytest.mark.parametrize("what", DOUBLES)
async def test_a_unique_value_is_taken_once(unit_of_work: UnitOfWorkFactory, what: str) -> None:
    """A second row with a value that only one may have is refused, and the refusal names table and column."""
    await remember(unit_of_work, *ROWS, ATTEMPT, UsageRecord.of(DONE), ONCE)
    with pytest.raises(AlreadyExists) as refusal:
        await remember(unit_of_work, DOUBLES[what])
    assert refusal.value.what == what


@pytest.mark.parametrize("version", [0, 1, 3])
@pytest.mark.parametrize("update", UPDATES.values(), ids=UPDATES)
async def test_only_the_next_version_is_written(unit_of_work: UnitOfWorkFactory, update: Update, version: int) -> None:
    """An update that does not follow on the version that is there is stale."""
    await remember(unit_of_work, *ROWS)
    async with unit_of_work() as work:
        update(work, version)
        with pytest.raises(StaleWrite):
            await work.commit()


@pytest.mark.parametrize("update", UPDATES.values(), ids=UPDATES)
async def test_what_is_gone_cannot_be_changed(unit_of_work: UnitOfWorkFactory, update: Update) -> None:
    """An update of a row that was removed meanwhile is stale, and does not bring it back."""
    await remember(unit_of_work, *ROWS)
    async with unit_of_work() as work:
        work.users.remove(USER.id)
        await work.commit()
    async with unit_of_work() as work:
        update(work, 2)
        with pytest.raises(StaleWrite):
            await work.commit()


ORPHANS: dict[str, Thing] = {
    "session": new_session(USER)[0],
    "key": new_key(USER),
    "generation": new_generation(USER),
    "attempt": new_attempt(GENERATION),
    "image": new_image(GENERATION),
    "upload": new_upload(USER),
    "usage": UsageRecord.of(succeeded(GENERATION)),
    "idempotency key": new_idempotency_key(GENERATION),
}


@pytest.mark.parametrize("orphan", ORPHANS)
async def test_nothing_is_added_to_what_is_gone(unit_of_work: UnitOfWorkFactory, orphan: str) -> None:
    """A row for a user or a generation that was removed meanwhile makes the commit stale."""
    with pytest.raises(StaleWrite):
        await remember(unit_of_work, ORPHANS[orphan])
