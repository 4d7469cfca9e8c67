"""What every unit of work promises of its commits: durable, all or nothing, and one winner where two collide."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from builders import NOW, WORKER, new_attempt, new_generation, new_id, new_user
from imagegen.domain.errors import AlreadyExists, StaleWrite
from imagegen.domain.generations import Priority
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
)
from imagegen.domain.pages import PageRequest
from imagegen.domain.ports import GenerationFilter, UnitOfWork, UnitOfWorkFactory
from imagegen.domain.usage import GroupBy, UsageQuery
from imagegen.domain.users import User
from stores import remember

Read = Callable[[UnitOfWork], Awaitable[object]]

ID = new_id()
USER_ID = UserId(ID)
GENERATION = new_generation(new_user())

READS: dict[str, Read] = {
    "now": lambda work: work.now(),
    "users.get": lambda work: work.users.get(USER_ID),
    "users.by_email": lambda work: work.users.by_email(new_user().email),
    "sessions.get": lambda work: work.sessions.get(SessionId(ID)),
    "sessions.by_family": lambda work: work.sessions.by_family(b"family"),
    "sessions.of_user": lambda work: work.sessions.of_user(USER_ID, NOW),
    "api_keys.get": lambda work: work.api_keys.get(ApiKeyId(ID), USER_ID),
    "api_keys.by_digest": lambda work: work.api_keys.by_digest(b"digest"),
    "api_keys.page": lambda work: work.api_keys.page(USER_ID, PageRequest()),
    "generations.get": lambda work: work.generations.get(GenerationId(ID), USER_ID),
    "generations.find": lambda work: work.generations.find(GenerationId(ID)),
    "generations.running_at": lambda work: work.generations.running_at(WORKER, NOW),
    "generations.page": lambda work: work.generations.page(USER_ID, GenerationFilter(), PageRequest()),
    "generations.waiting": lambda work: work.generations.waiting(),
    "generations.ahead": lambda work: work.generations.ahead(GENERATION),
    "generations.first_above": lambda work: work.generations.first_above(Priority.LOW),
    "generations.overdue": lambda work: work.generations.overdue(NOW),
    "generations.stranded": lambda work: work.generations.stranded(),
    "batches.get": lambda work: work.batches.get(BatchId(ID), USER_ID),
    "batches.find": lambda work: work.batches.find(BatchId(ID)),
    "batches.page": lambda work: work.batches.page(USER_ID, PageRequest()),
    "batches.results": lambda work: work.batches.results(BatchId(ID), limit=1),
    "batches.left": lambda work: work.batches.left(BatchId(ID), limit=1),
    "batches.canceled": lambda work: work.batches.canceled(BatchId(ID)),
    "batches.unfinished": lambda work: work.batches.unfinished(BatchId(ID)),
    "batches.ended": lambda work: work.batches.ended(),
    "attempts.of_generation": lambda work: work.attempts.of_generation(GenerationId(ID)),
    "images.get": lambda work: work.images.get(ImageId(ID), USER_ID),
    "images.find": lambda work: work.images.find(ImageId(ID)),
    "images.page": lambda work: work.images.page(USER_ID, PageRequest()),
    "images.stored_at": lambda work: work.images.stored_at("nowhere", AttemptId(ID)),
    "forgotten_blobs.of_user": lambda work: work.forgotten_blobs.of_user(USER_ID),
    "forgotten_blobs.following": lambda work: work.forgotten_blobs.following(""),
    "usage.report": lambda work: work.usage.report(
        UsageQuery(user_id=USER_ID, since=NOW, until=NOW, group_by=GroupBy.DAY)
    ),
    "webhook_endpoints.get": lambda work: work.webhook_endpoints.get(WebhookId(ID), USER_ID),
    "webhook_endpoints.page": lambda work: work.webhook_endpoints.page(USER_ID, PageRequest()),
    "webhook_endpoints.with_due": lambda work: work.webhook_endpoints.with_due(NOW, prompt=False),
    "webhook_deliveries.get": lambda work: work.webhook_deliveries.get(EventId(ID), WebhookId(ID), USER_ID),
    "webhook_deliveries.page": lambda work: work.webhook_deliveries.page(WebhookId(ID), USER_ID, PageRequest()),
    "webhook_deliveries.due": lambda work: work.webhook_deliveries.due(WebhookId(ID), NOW, 8),
    "workers.alive": lambda work: work.workers.alive(),
    "idempotency_keys.get": lambda work: work.idempotency_keys.get(USER_ID, "order-42"),
}


async def read_user(unit_of_work: UnitOfWorkFactory, user: User) -> User | None:
    """The user as a new unit of work reads them."""
    async with unit_of_work() as work:
        return await work.users.get(user.id)


async def test_what_is_committed_is_read_by_others(unit_of_work: UnitOfWorkFactory) -> None:
    """A unit of work sees what another one has committed."""
    user = new_user()
    await remember(unit_of_work, user)
    assert await read_user(unit_of_work, user) == user


async def test_what_is_not_committed_is_gone(unit_of_work: UnitOfWorkFactory) -> None:
    """Leaving without a commit forgets the writes."""
    user = new_user()
    async with unit_of_work() as work:
        work.users.add(user)
    assert await read_user(unit_of_work, user) is None


async def test_leaving_by_an_exception_forgets(unit_of_work: UnitOfWorkFactory) -> None:
    """An exception passes through and takes the writes with it, but not those committed before it."""
    kept, lost = new_user(), new_user()

    async def fail_half_way() -> None:
        async with unit_of_work() as work:
            work.users.add(kept)
            await work.commit()
            work.users.add(lost)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail_half_way()
    assert await read_user(unit_of_work, kept) == kept
    assert await read_user(unit_of_work, lost) is None


async def test_a_commit_of_nothing_is_fine(unit_of_work: UnitOfWorkFactory) -> None:
    """A unit of work that has only read may be committed."""
    async with unit_of_work() as work:
        assert await work.users.get(USER_ID) is None
        await work.commit()


async def test_a_row_is_added_and_changed_in_one_commit(unit_of_work: UnitOfWorkFactory) -> None:
    """A commit may change what it adds: writes happen in their order."""
    user = new_user()
    renamed = user.with_profile(name="Second", avatar_url=None)
    async with unit_of_work() as work:
        work.users.add(user)
        work.users.update(renamed)
        await work.commit()
    assert await read_user(unit_of_work, user) == renamed


async def test_a_row_is_changed_twice_in_one_commit(unit_of_work: UnitOfWorkFactory) -> None:
    """A commit may bring a row on by two versions, but not in the wrong order."""
    first = new_user()
    second = first.with_profile(name="Second", avatar_url=None)
    third = second.with_profile(name="Third", avatar_url=None)
    await remember(unit_of_work, first)
    async with unit_of_work() as work:
        work.users.update(third)
        work.users.update(second)
        with pytest.raises(StaleWrite):
            await work.commit()
    assert await read_user(unit_of_work, first) == first
    async with unit_of_work() as work:
        work.users.update(second)
        work.users.update(third)
        await work.commit()
    assert await read_user(unit_of_work, first) == third


async def test_a_row_is_added_and_removed_in_one_commit(unit_of_work: UnitOfWorkFactory) -> None:
    """A commit may remove what it adds, and add what has taken its place."""
    passing = new_user()
    lasting = replace(passing, name="Again")
    async with unit_of_work() as work:
        work.users.add(passing)
        work.users.remove(passing.id)
        work.users.add(lasting)
        await work.commit()
    assert await read_user(unit_of_work, passing) == lasting


@pytest.mark.parametrize("doomed_first", [True, False])
async def test_a_stale_write_takes_the_others_with_it(unit_of_work: UnitOfWorkFactory, doomed_first: bool) -> None:
    """Where one write of a commit is stale, none of them happens, whether it came first or last."""
    old, new = new_user(), new_user()
    await remember(unit_of_work, old)
    async with unit_of_work() as work:
        if not doomed_first:
            work.users.add(new)
        work.users.update(replace(old, name="Skipped a version", version=3))
        if doomed_first:
            work.users.add(new)
        with pytest.raises(StaleWrite):
            await work.commit()
    assert await read_user(unit_of_work, new) is None
    assert await read_user(unit_of_work, old) == old


@pytest.mark.parametrize("doomed_first", [True, False])
async def test_a_doubled_value_takes_the_others_with_it(unit_of_work: UnitOfWorkFactory, doomed_first: bool) -> None:
    """Where one write of a commit doubles a unique value, none of them happens, whether it came first or last."""
    old, new = new_user("taken@example.com"), new_user()
    await remember(unit_of_work, old)
    doubled = new_user("taken@example.com")
    with pytest.raises(AlreadyExists) as refusal:
        await remember(unit_of_work, *([doubled, new] if doomed_first else [new, doubled]))
    assert refusal.value.what == "users.email"
    assert await read_user(unit_of_work, new) is None
    assert await read_user(unit_of_work, old) == old


@pytest.mark.parametrize("read", READS.values(), ids=READS)
async def test_reading_after_writing_is_a_mistake(unit_of_work: UnitOfWorkFactory, read: Read) -> None:
    """Every read answers before a write, and raises after one instead of not seeing it."""
    async with unit_of_work() as work:
        await read(work)
        work.users.remove(USER_ID)
        with pytest.raises(RuntimeError):
            await read(work)


async def test_a_read_sees_what_was_committed_meanwhile(unit_of_work: UnitOfWorkFactory) -> None:
    """Every read sees what is committed when it runs, not when its unit of work began."""
    user = new_user()
    async with unit_of_work() as work:
        assert await work.users.get(user.id) is None
        await remember(unit_of_work, user)
        assert await work.users.get(user.id) == user


async def test_an_open_unit_of_work_holds_nobody_up(unit_of_work: UnitOfWorkFactory) -> None:
    """Somebody who has read and gathered writes keeps nobody from committing."""
    slow, quick = new_user(), new_user()
    async with unit_of_work() as work:
        await work.users.get(slow.id)
        work.users.add(slow)
        await remember(unit_of_work, quick)
        await work.commit()
    assert await read_user(unit_of_work, quick) == quick
    assert await read_user(unit_of_work, slow) == slow


async def test_of_two_claims_one_wins(unit_of_work: UnitOfWorkFactory) -> None:
    """Two workers that read the same queued generation and start it: one succeeds, the other is told it is stale."""
    user = new_user()
    generation = new_generation(user)
    await remember(unit_of_work, user, generation)

    async def claim() -> bool:
        async with unit_of_work() as work:
            found = await work.generations.find(generation.id)
            assert found
            await both_have_read.wait()
            work.generations.update(found.start(WORKER, NOW))
            work.attempts.add(new_attempt(found))
            try:
                await work.commit()
            except StaleWrite:
                return False
            return True

    both_have_read = asyncio.Barrier(2)
    assert sorted(await asyncio.gather(claim(), claim())) == [False, True]
    async with unit_of_work() as work:
        assert await work.generations.find(generation.id) == generation.start(WORKER, NOW)
        assert len(await work.attempts.of_generation(generation.id)) == 1
