"""Bytes that no row speaks of any more."""

from datetime import timedelta

from builders import SettableClock
from house import a_house
from imagegen.adapters.memory import MemoryBlobStore
from imagegen.application.cleaning import AT_ONCE, RemoveBlobs
from imagegen.domain.errors import StorageUnavailable
from imagegen.domain.images import ImageRequest, Labels


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


async def test_orphans_are_removed_after_an_hour() -> None:
    """Bytes without a row go when they are an hour old; younger ones and those with a row stay."""
    house = a_house()
    owner = await house.owner()
    generation = await house.application.request_generation(owner, ImageRequest(prompt="fox"), labels=Labels())
    await house.application.run_generation(generation.id)
    await house.store.put("orphan", b"old", "image/png")
    house.clock.advance(minutes=60)
    young = await house.store.put("young", b"new", "image/png")
    assert await house.application.remove_orphans() == 1
    kept = {blob.location async for blob in house.store.blobs()}
    image = (await house.application.read_generation(owner, generation.id)).images[0]
    assert kept == {young, image.location}
    house.clock.advance(hours=1)
    assert await house.application.remove_orphans() == 1
    assert house.clock() - image.created_at == timedelta(hours=2)
