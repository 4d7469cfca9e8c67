"""Bytes that no row speaks of any more."""

import asyncio

import pytest

from builders import SettableClock, new_id
from generating import Held, ask, calls, run
from house import House, a_house
from imagegen.adapters.memory import MemoryBlobStore
from imagegen.application.cleaning import AT_ONCE, RemoveBlobs
from imagegen.domain.blob_keys import check_key, picture_key, receipt_key
from imagegen.domain.errors import StorageUnavailable
from imagegen.domain.identifiers import AttemptId
from imagegen.domain.images import Image, ImageFormat
from imagegen.domain.users import Principal


class Stubborn(MemoryBlobStore):
    """A store that does not let go of some blobs."""

    async def delete(self, location: str) -> None:
        """Remove it, unless it is one of those."""
        if location.endswith("stuck"):
            raise StorageUnavailable
        await super().delete(location)


async def test_removing_many_stops_at_none() -> None:
    """A blob that the store will not remove now is left to the sweep, and all others are gone."""
    store = Stubborn(SettableClock())
    names = ["stuck", *map(str, range(3 * AT_ONCE)), "also-stuck"]
    locations = [await store.put(name, b"", "image/png") for name in names]
    await RemoveBlobs(blobs=store)(locations)
    assert [blob.location async for blob in store.blobs()] == [locations[0], locations[-1]]


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
