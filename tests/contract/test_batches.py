"""What every store promises of batches."""

from dataclasses import replace
from datetime import timedelta

import pytest

from builders import NOW, WORKER, failed, new_batch, new_id, new_image, new_items, new_key, new_user, succeeded
from imagegen.domain.batches import Batch, BatchCounts
from imagegen.domain.errors import AlreadyExists, StaleWrite
from imagegen.domain.generations import Generation
from imagegen.domain.identifiers import BatchId
from imagegen.domain.pages import Cursor, PageRequest
from imagegen.domain.ports import UnitOfWorkFactory
from stores import exact, remember

LATER = NOW + timedelta(seconds=3, microseconds=1)
USER, OTHER = new_user(), new_user()
KEY = new_key(USER)


async def read(unit_of_work: UnitOfWorkFactory, batch: Batch) -> Batch | None:
    """The batch as it is remembered."""
    async with unit_of_work() as work:
        return await work.batches.find(batch.id)


async def update(unit_of_work: UnitOfWorkFactory, batch: Batch) -> None:
    """Remember the batch as it is now."""
    async with unit_of_work() as work:
        work.batches.update(batch)
        await work.commit()


async def results(
    unit_of_work: UnitOfWorkFactory, batch: Batch, *, after: int = -1, limit: int = 100
) -> list[Generation]:
    """Generations of the batch that have ended."""
    async with unit_of_work() as work:
        return list(await work.batches.results(batch.id, after=after, limit=limit))


async def left(unit_of_work: UnitOfWorkFactory, batch: Batch, *, limit: int = 100) -> list[Generation]:
    """Generations of the batch that have not."""
    async with unit_of_work() as work:
        return list(await work.batches.left(batch.id, limit=limit))


def in_every_state(batch: Batch) -> list[Generation]:
    """The five generations of a batch, each in another state."""
    queued, running, drawn, broken, unwanted = new_items(USER, batch)
    return [queued, running.start(WORKER, LATER), succeeded(drawn), failed(broken), unwanted.cancel(LATER)]


@pytest.mark.parametrize("key", [None, KEY])
async def test_a_batch_comes_back_whole(unit_of_work: UnitOfWorkFactory, key: object) -> None:
    """It is read as it was added: by its owner, by anybody, and in a list."""
    batch = new_batch(USER, 2, key=KEY if key else None)
    await remember(unit_of_work, USER, KEY, batch, *new_items(USER, batch))
    async with unit_of_work() as work:
        found = [await work.batches.get(batch.id, USER.id), await work.batches.find(batch.id)]
        found += (await work.batches.page(USER.id, PageRequest())).items
    assert exact(found) == exact([batch] * 3)


async def test_its_generations_come_back_whole(unit_of_work: UnitOfWorkFactory) -> None:
    """A generation is read with its batch and its place there, wherever it is read."""
    batch = new_batch(USER)
    (item,) = new_items(USER, batch)
    await remember(unit_of_work, USER, batch, item)
    async with unit_of_work() as work:
        assert exact(await work.generations.find(item.id)) == exact(item)
    assert exact(await left(unit_of_work, batch)) == exact([item])


async def test_its_generations_are_counted_as_they_are(unit_of_work: UnitOfWorkFactory) -> None:
    """Each state has its count; what is forgotten is in none, and what belongs to others is not counted."""
    batch, other = new_batch(USER, 5), new_batch(OTHER, 2)
    generations = in_every_state(batch)
    await remember(unit_of_work, USER, OTHER, batch, *generations, other, *new_items(OTHER, other))
    expected = BatchCounts(queued=1, running=1, succeeded=1, failed=1, canceled=1)
    assert await read(unit_of_work, batch) == replace(batch, counts=expected)
    assert await read(unit_of_work, other) == other
    async with unit_of_work() as work:
        work.generations.clear(USER.id)
        await work.commit()
    assert await read(unit_of_work, batch) == replace(batch, counts=BatchCounts(queued=1, running=1))


async def test_a_change_comes_back_whole(unit_of_work: UnitOfWorkFactory) -> None:
    """It is read as it was changed last: taken back, then finished."""
    batch = replace(new_batch(USER, 3), counts=BatchCounts())
    await remember(unit_of_work, USER, batch)
    for version in (canceled := batch.cancel(LATER), canceled.finish(LATER + timedelta(days=1))):
        await update(unit_of_work, version)
        assert exact(await read(unit_of_work, batch)) == exact(version)


async def test_a_change_of_what_has_changed_is_stale(unit_of_work: UnitOfWorkFactory) -> None:
    """Of two changes of the same version the first counts; what is not there cannot be changed."""
    batch = replace(new_batch(USER), counts=BatchCounts())
    await remember(unit_of_work, USER, batch)
    await update(unit_of_work, batch.finish(NOW))
    for late in (batch.finish(LATER), batch.cancel(NOW), new_batch(USER).cancel(NOW)):
        with pytest.raises(StaleWrite):
            await update(unit_of_work, late)
    assert await read(unit_of_work, batch) == batch.finish(NOW)


async def test_no_batch_is_none(unit_of_work: UnitOfWorkFactory) -> None:
    """What was never handed in is `None`, and so is somebody else's."""
    batch = new_batch(USER)
    await remember(unit_of_work, USER, OTHER, batch)
    async with unit_of_work() as work:
        assert await work.batches.get(BatchId(new_id()), USER.id) is None
        assert await work.batches.find(BatchId(new_id())) is None
        assert await work.batches.get(batch.id, OTHER.id) is None
        assert list((await work.batches.page(OTHER.id, PageRequest())).items) == []
        assert not await work.batches.canceled(BatchId(new_id()))


async def test_a_batch_is_added_once(unit_of_work: UnitOfWorkFactory) -> None:
    """A second one of the same identifier is refused, and so is one of a user who is gone."""
    batch = new_batch(USER)
    await remember(unit_of_work, USER, batch)
    with pytest.raises(AlreadyExists):
        await remember(unit_of_work, batch)
    with pytest.raises(StaleWrite):
        await remember(unit_of_work, new_batch(OTHER))


async def test_pages_are_newest_first(unit_of_work: UnitOfWorkFactory) -> None:
    """Page after page the list comes whole, each counted, without those of others."""
    pairs = [(new_batch(USER, size), new_batch(OTHER)) for size in (1, 2, 3)]
    batches = [own for own, _ in pairs]
    generations = [item for batch in batches for item in new_items(USER, batch)]
    await remember(unit_of_work, USER, OTHER, *(batch for pair in pairs for batch in pair), *generations)
    async with unit_of_work() as work:
        first = await work.batches.page(USER.id, PageRequest(limit=2))
        second = await work.batches.page(USER.id, PageRequest(limit=2, after=first.next))
        oldest = await work.batches.page(USER.id, PageRequest(limit=1, oldest_first=True))
        after = await work.batches.page(USER.id, PageRequest(oldest_first=True, after=oldest.next))
    assert (list(first.items), first.next) == (batches[:0:-1], Cursor(batches[1].id))
    assert (list(second.items), second.next) == (batches[:1], None)
    assert [*oldest.items, *after.items] == batches


async def test_results_come_in_their_order(unit_of_work: UnitOfWorkFactory) -> None:
    """What has ended is told part by part, with its images; what has not is told from the end."""
    batch, other = new_batch(USER, 12), new_batch(USER, 1)
    generations = new_items(USER, batch)
    for index in (1, 4, 5, 11):
        generations[index] = succeeded(generations[index], [new_image(generations[index], n) for n in range(2)])
    generations[7] = generations[7].start(WORKER, NOW)
    await remember(unit_of_work, USER, batch, *reversed(generations), other, *new_items(USER, other))
    ended = [generations[index] for index in (1, 4, 5, 11)]
    assert exact(await results(unit_of_work, batch)) == exact(ended)
    assert await results(unit_of_work, batch, limit=3) == ended[:3]
    assert await results(unit_of_work, batch, after=5, limit=3) == ended[3:]
    assert await results(unit_of_work, batch, after=11) == []
    unfinished = [generation for generation in reversed(generations) if generation not in ended]
    assert exact(await left(unit_of_work, batch)) == exact(unfinished)
    assert await left(unit_of_work, batch, limit=3) == unfinished[:3]


async def test_what_was_taken_back_is_known(unit_of_work: UnitOfWorkFactory) -> None:
    """A batch is canceled from the commit on that says so."""
    batch = new_batch(USER)
    await remember(unit_of_work, USER, batch)
    async with unit_of_work() as work:
        assert not await work.batches.canceled(batch.id)
    await update(unit_of_work, batch.cancel(NOW))
    async with unit_of_work() as work:
        assert await work.batches.canceled(batch.id)


async def test_what_can_be_finished_is_found(unit_of_work: UnitOfWorkFactory) -> None:
    """Anybody's batches have ended when all of their generations have, until it is said that they are finished."""
    batches = [new_batch(user, 2) for user in (USER, OTHER, USER)]
    queued, running, ended = ([*new_items(USER, batch)] for batch in batches)
    running = [running[0].start(WORKER, NOW), succeeded(running[1])]
    await remember(unit_of_work, USER, OTHER, *batches, *queued, *running, succeeded(ended[0]), ended[1].cancel(NOW))
    async with unit_of_work() as work:
        assert list(await work.batches.ended()) == [batches[2].id]
        work.generations.update(running[0].cancel(LATER))
        await work.commit()
    async with unit_of_work() as work:
        assert list(await work.batches.ended()) == [batches[1].id, batches[2].id]
    for batch in batches[1:]:
        found = await read(unit_of_work, batch)
        assert found is not None
        await update(unit_of_work, found.finish(LATER))
    async with unit_of_work() as work:
        assert list(await work.batches.ended()) == []


async def test_whether_any_has_not_ended_is_known(unit_of_work: UnitOfWorkFactory) -> None:
    """A batch is unfinished as long as any of its generations is, wherever it lies; one without any is not."""
    batch, other = new_batch(USER, 3), new_batch(USER)
    first, middle, last = new_items(USER, batch)
    await remember(unit_of_work, USER, batch, first, middle, last, other)
    begun = middle.start(WORKER, NOW)
    for step, expected in (
        (first.cancel(NOW), True),
        (last.cancel(NOW), True),
        (begun, True),
        (begun.cancel(NOW), False),
    ):
        async with unit_of_work() as work:
            work.generations.update(step)
            await work.commit()
        async with unit_of_work() as work:
            assert await work.batches.unfinished(batch.id) is expected
            assert not await work.batches.unfinished(other.id)


async def test_batches_go_with_their_user(unit_of_work: UnitOfWorkFactory) -> None:
    """A user who is gone has no batches."""
    batch, theirs = new_batch(USER), new_batch(OTHER)
    await remember(unit_of_work, USER, OTHER, batch, *new_items(USER, batch), theirs)
    async with unit_of_work() as work:
        work.users.remove(USER.id)
        await work.commit()
    assert await read(unit_of_work, batch) is None
    assert await read(unit_of_work, theirs) == replace(theirs, counts=BatchCounts())


async def test_a_thousand_are_taken_in_one_commit(unit_of_work: UnitOfWorkFactory) -> None:
    """A batch of the largest size is remembered with all of its generations, or not at all."""
    batch = new_batch(USER, 1000)
    generations = new_items(USER, batch)
    await remember(unit_of_work, USER, new_batch(USER))
    with pytest.raises(AlreadyExists):
        await remember(unit_of_work, batch, *generations[:-1], generations[0])
    assert await read(unit_of_work, batch) is None
    await remember(unit_of_work, batch, *generations)
    assert await read(unit_of_work, batch) == batch
