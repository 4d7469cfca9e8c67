"""Bytes that no row speaks of any more."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from builders import WORKER, SettableClock, new_attempt, new_id
from faults import Hanging
from generating import Held, ask, calls, run
from house import House, a_house
from imagegen.adapters.memory import MemoryBlobStore
from imagegen.application.cleaning import MOST_LEFT, RemoveBlobs
from imagegen.application.ending import write_end
from imagegen.application.leasing import Lease
from imagegen.domain.blob_keys import check_key, picture_key, receipt_key
from imagegen.domain.errors import OutcomeUnknown, StorageUnavailable
from imagegen.domain.generations import Failure
from imagegen.domain.identifiers import AttemptId, WorkerId
from imagegen.domain.images import Image, ImageFormat
from imagegen.domain.users import Principal
from processes import kill


class Stubborn(MemoryBlobStore):
    """A store that does not let go of some blobs."""

    async def delete(self, *locations: str) -> None:
        """Remove them, but those."""
        await super().delete(*(location for location in locations if not location.endswith("stuck")))
        if any(location.endswith("stuck") for location in locations):
            raise StorageUnavailable


async def test_what_is_not_removed_is_removed_later() -> None:
    """While the store is away it is remembered what is to go, and goes with the next that does; or by itself."""
    store = MemoryBlobStore(SettableClock())
    remove = RemoveBlobs(blobs=store)
    first, second, third = [await store.put(name, b"", "image/png") for name in ("first", "second", "third")]
    store.failure = StorageUnavailable()
    await remove([first])
    await remove([second])
    store.failure = None
    assert len([blob async for blob in store.blobs()]) == 3
    await remove()
    assert [blob.location async for blob in store.blobs()] == [third]
    store.failure = StorageUnavailable()
    await remove([third])
    store.failure = None
    await remove(["another"])
    assert [blob async for blob in store.blobs()] == []


async def test_what_was_being_removed_is_removed_later() -> None:
    """Somebody who stops in the middle may have removed nothing, and who tidies up after that removes all of it."""
    begun = asyncio.Event()

    class Slow(MemoryBlobStore):
        async def delete(self, *locations: str) -> None:
            if not begun.is_set():
                begun.set()
                await asyncio.Event().wait()
            await super().delete(*locations)

    store = Slow(SettableClock())
    remove = RemoveBlobs(blobs=store)
    removing = asyncio.create_task(remove([await store.put("first", b"", "image/png")]))
    await begun.wait()
    removing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await removing
    await remove()
    assert [blob async for blob in store.blobs()] == []


async def test_no_more_is_remembered_than_there_is_room_for() -> None:
    """Of what a store does not remove for days, the latest is tried again, and the rest is for the sweep."""
    store = MemoryBlobStore(SettableClock())
    remove = RemoveBlobs(blobs=store)
    oldest = await store.put("oldest", b"", "image/png")
    latest = await store.put("latest", b"", "image/png")
    store.failure = StorageUnavailable()
    await remove([oldest])
    await remove([latest, *map(str, range(MOST_LEFT))])
    store.failure = None
    await remove()
    assert [blob.location async for blob in store.blobs()] == [oldest]


async def test_removing_many_stops_at_none() -> None:
    """A blob that the store will not remove now is left for later, and all others are gone."""
    store = Stubborn(SettableClock())
    names = ["stuck", *map(str, range(50)), "also-stuck"]
    locations = [await store.put(name, b"", "image/png") for name in names]
    await RemoveBlobs(blobs=store)(locations)
    assert [blob.location async for blob in store.blobs()] == [locations[0], locations[-1]]


async def test_what_is_being_removed_is_not_forgotten_when_that_is_broken_off() -> None:
    """Whoever is canceled while the store takes its time still knows what is to go, and it goes the next time."""
    store = Hanging(SettableClock())
    remove = RemoveBlobs(blobs=store)
    blob = await store.put("first", b"", "image/png")
    removing = asyncio.create_task(remove([blob]))
    await store.deleting.wait()
    await kill(removing)
    assert remove.left
    store.hangs = False
    await remove()
    assert [blob async for blob in store.blobs()] == []
    assert not remove.left


async def draw(house: House, owner: Principal) -> Image:
    """A picture drawn for somebody."""
    ended, _ = await run(house, owner)
    return ended.images[0]


async def put_orphan(house: House) -> str:
    """The location of a picture that belongs to no image."""
    return await house.store.put(picture_key(AttemptId(new_id()), 0, ImageFormat.PNG), b"orphan", "image/png")


async def stored(house: House) -> set[str]:
    """The locations of everything that is stored."""
    return {blob.location async for blob in house.store.blobs()}


async def test_orphans_are_removed_after_an_hour() -> None:
    """Bytes without a row go when they are an hour old; younger ones and those with a row stay."""
    house = a_house()
    image = await draw(house, await house.owner())
    await put_orphan(house)
    house.clock.advance(minutes=60)
    young = await put_orphan(house)
    assert await house.application.remove_orphans() == 1
    assert await stored(house) == {young, image.location}
    house.clock.advance(hours=1)
    assert await house.application.remove_orphans() == 1
    assert await stored(house) == {image.location}


async def test_receipts_that_nobody_took_up_are_removed_after_an_hour() -> None:
    """A receipt is of use for as long as its generation has not ended; younger ones may be."""
    house = a_house()
    await house.store.put(receipt_key(AttemptId(new_id())), b"{}", "application/json")
    house.clock.advance(hours=1)
    young = await house.store.put(receipt_key(AttemptId(new_id())), b"{}", "application/json")
    await house.application.remove_orphans()
    assert await stored(house) == {young}


async def test_the_receipt_of_an_open_call_stays() -> None:
    """However old: whoever settles its generation needs it. Once that has ended, it is of no use any more."""
    held = Held()
    house = a_house(held)
    owner = await house.owner()
    generation = await ask(house, owner)
    running = asyncio.create_task(house.application.run_generation(generation.id))
    await held.begun.acquire()
    (attempt,) = await calls(house, owner, generation.id)
    receipt = await house.store.put(receipt_key(attempt.id), b"{}", "application/json")
    house.clock.advance(days=1)
    await house.application.remove_orphans()
    assert await stored(house) == {receipt}
    await house.application.cancel_generation(owner, generation.id)
    await running
    await house.store.put(receipt_key(attempt.id), b"{}", "application/json")
    house.clock.advance(hours=1)
    await house.application.remove_orphans()
    assert await stored(house) == set()


async def test_what_a_broken_off_check_left_is_removed() -> None:
    """It belongs to nothing by its nature, so no picture is needed to be sure of that."""
    house = a_house()
    await house.store.put(check_key(), b"imagegen", "text/plain")
    house.clock.advance(hours=1)
    await house.application.remove_orphans()
    assert await stored(house) == set()


@pytest.mark.parametrize(
    "key",
    [
        "imagegen.db",
        "secret.key",
        "family/me.jpg",
        "check-in.png",
        "check-0123456789abcdef.png",
        "ab/me-0.png",
        "00/01900000-0000-7000-8000-0000000000ab-0.png",
        "ab/01900000-0000-7000-8000-0000000000ab-0.gif",
        "x/ab/01900000-0000-7000-8000-0000000000ab-0.png",
    ],
)
async def test_what_is_not_ours_is_never_touched(key: str) -> None:
    """A store may hold a stranger's things: what is not named exactly as we name pictures stays, however old."""
    house = a_house()
    await draw(house, await house.owner())
    location = await house.store.put(key, b"somebody's", "image/png")
    house.clock.advance(days=365)
    assert await house.application.remove_orphans() == 0
    assert location in await stored(house)


@pytest.mark.parametrize(("known", "unknown"), [(0, 1), (0, 30), (2, 3)])
async def test_a_database_that_knows_little_empties_no_store(
    known: int, unknown: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Where more pictures are unknown than known the database is doubted, nothing is removed, and the log says so."""
    house = a_house()
    owner = await house.owner()
    for _ in range(known):
        await draw(house, owner)
    orphans = {await put_orphan(house) for _ in range(unknown)}
    house.clock.advance(days=1)
    assert await house.application.remove_orphans() == 0
    assert orphans <= await stored(house)
    assert [record.levelname for record in caplog.records if record.name == "imagegen.cleaning"] == ["WARNING"]


# --- what the dead left -------------------------------------------------------------------------------------------


async def die(house: House, worker_id: WorkerId = WORKER) -> None:
    """Let a worker die that had a lease, and another one notice."""
    async with house.database.unit_of_work() as work:
        work.workers.renew(worker_id, timedelta(0))
        await work.commit()
    await house.application.renew_lease()


async def left_by_a_call(house: House, owner: Principal, *, settled: bool = True) -> set[str]:
    """A picture and a receipt of a call that a worker made, which ended without an image if it is settled."""
    generation = (await ask(house, owner)).start(WORKER, house.clock())
    attempt = replace(new_attempt(generation), count=2)
    async with house.database.unit_of_work() as work:
        work.generations.update(generation)
        work.attempts.add(attempt)
        await work.commit()
    if settled:
        error = OutcomeUnknown()
        async with house.database.unit_of_work() as work:
            failed = generation.fail(Failure.of(error), cost_micros=None, now=house.clock())
            write_end(work, failed, [attempt.fail(error, house.clock())])
            await work.commit()
    keys = (picture_key(attempt.id, 1, ImageFormat.WEBP), receipt_key(attempt.id))
    return {await house.store.put(key, b"left", "image/webp") for key in keys}


async def test_what_the_dead_left_is_removed() -> None:
    """Pictures that nobody shows, receipts and checks go when their worker is known to be dead, which is noted once."""
    house = a_house()
    left = await left_by_a_call(house, await house.owner())
    left |= {await house.store.put(check_key(), b"imagegen", "text/plain")}
    await house.application.renew_lease()
    await house.application.remove_leftovers()
    assert await stored(house) == left
    await die(house)
    await house.application.remove_leftovers()
    assert await stored(house) == set()
    await house.store.put(check_key(), b"imagegen", "text/plain")
    await house.application.remove_leftovers()
    assert len(await stored(house)) == 1


async def test_pictures_that_are_shown_outlive_who_drew_them() -> None:
    """Of a call that succeeded only the receipt is left over, and what a stranger stored is not touched."""
    drawing = a_house()
    image = await draw(drawing, await drawing.owner())
    assert image.attempt_id is not None
    await drawing.store.put(receipt_key(image.attempt_id), b"{}", "application/json")
    stranger = await drawing.store.put("check-in.png", b"somebody's", "image/png")
    after = a_house(clock=drawing.clock, database=drawing.database, blobs=drawing.store)
    await die(after, drawing.lease.worker_id)
    await after.application.remove_leftovers()
    assert await stored(after) == {image.location, stranger}


async def test_the_receipt_of_what_is_not_settled_stays() -> None:
    """Nothing of a worker's is touched until all that it ran has ended on record: the receipt may be the only proof."""
    house = a_house()
    owner = await house.owner()
    left = await left_by_a_call(house, owner) | await left_by_a_call(house, owner, settled=False)
    await die(house)
    await house.application.remove_leftovers()
    assert await stored(house) == left
    await house.application.settle_stranded()
    await house.application.remove_leftovers()
    assert await stored(house) == set()


async def test_what_could_not_be_removed_is_tried_again() -> None:
    """While the store is away it is not forgotten that there is something to do."""
    store = MemoryBlobStore(SettableClock())
    house = a_house(blobs=store)
    await left_by_a_call(house, await house.owner())
    await die(house)
    store.failure = StorageUnavailable()
    with pytest.raises(StorageUnavailable):
        await house.application.remove_leftovers()
    store.failure = None
    await house.application.remove_leftovers()
    assert await stored(house) == set()


async def test_who_was_away_takes_nobody_for_dead() -> None:
    """After an outage of the database all leases have run out; the first who is back does not judge the others."""
    house = a_house(lease=Lease(worker_id=WorkerId(new_id())))
    left = await left_by_a_call(house, await house.owner())
    await die(house)
    await house.application.remove_leftovers()
    assert await stored(house) == left
