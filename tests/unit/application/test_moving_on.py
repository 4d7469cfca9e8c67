"""Moving on what one machine kept while the store was away, though others have gone on meanwhile."""

from collections.abc import Awaitable, Callable, Sequence
from math import inf
from pathlib import Path

import pytest

from builders import SettableClock, new_id
from faults import Interrupted
from generating import ask, calls, found
from house import House, a_house
from imagegen.adapters.memory import MemoryDatabase
from imagegen.adapters.storage.local import LocalStore
from imagegen.adapters.storage.spool import SpoolingStore
from imagegen.application.ending import write_end
from imagegen.domain.attempts import Attempt
from imagegen.domain.blob_keys import picture_key, receipt_key
from imagegen.domain.errors import DatabaseUnavailable, ProviderUnreachable, StorageUnavailable
from imagegen.domain.generations import Failure, Generation
from imagegen.domain.identifiers import AttemptId
from imagegen.domain.images import ImageFormat
from imagegen.domain.ports import Blob, UnitOfWork
from imagegen.domain.users import Principal

Forget = Callable[[House, Principal, Generation], Awaitable[object]]


class Distant(LocalStore):
    """A store that takes nothing while it is away."""

    away = False

    async def put_all(self, blobs: Sequence[Blob]) -> tuple[str, ...]:
        """Store them, if it is there."""
        if self.away:
            raise StorageUnavailable
        return await super().put_all(blobs)


class Machines:
    """Two that share a store and a database, each with a spool of its own."""

    def __init__(self, folder: Path, database: MemoryDatabase | None = None) -> None:
        clock = SettableClock()
        database = database or MemoryDatabase(clock)
        self.distant = Distant(folder / "distant", durable=False)
        self.spool = LocalStore(folder / "spool", durable=False)
        stores = SpoolingStore(self.distant, self.spool), SpoolingStore(self.distant, LocalStore(folder / "other"))
        self.here, self.there = [a_house(database=database, clock=clock, blobs=store) for store in stores]

    async def drawn(self, owner: Principal) -> Generation:
        """What was drawn here while the store was away, which is back."""
        self.distant.away = True
        generation = await ask(self.here, owner)
        await self.here.application.run_generation(generation.id)
        self.distant.away = False
        return await found(self.here, owner, generation.id)

    async def arrived(self) -> list[str]:
        """Where everything lies in the store, and nothing in the spool any more, once all that is there has moved."""
        await self.here.application.move_blobs_on()
        assert await locations(self.spool) == []
        return await locations(self.distant)


async def locations(store: LocalStore) -> list[str]:
    """Where everything lies."""
    return sorted([blob.location async for blob in store.blobs()])


async def delete_image(house: House, owner: Principal, generation: Generation) -> None:
    """Forget its only picture."""
    await house.application.delete_image(owner, generation.images[0].id)


async def delete_generation(house: House, owner: Principal, generation: Generation) -> None:
    """Forget all of it."""
    await house.application.delete_generation(owner, generation.id)


@pytest.mark.parametrize("forget", [delete_image, delete_generation])
async def test_what_was_deleted_at_another_machine_never_arrives(tmp_path: Path, forget: Forget) -> None:
    """Its bytes go from the spool that nobody else sees, with every receipt; what is shown still arrives."""
    machines = Machines(tmp_path)
    owner = await machines.here.owner()
    deleted, kept = await machines.drawn(owner), await machines.drawn(owner)
    await forget(machines.there, owner, deleted)
    async with machines.there.database.unit_of_work() as work:
        assert await work.forgotten_blobs.following("") == []
    assert await machines.arrived() == [image.location for image in kept.images]


async def test_what_a_call_brought_that_has_not_ended_arrives(tmp_path: Path) -> None:
    """Picture and receipt of a call move on until it has ended on record; afterwards nobody shows or needs them."""
    machines = Machines(tmp_path)
    house = machines.here
    owner = await house.owner()
    generation = await ask(house, owner)
    async with house.database.unit_of_work() as work:
        model = house.application.run_generation.catalog.find(generation.model)
        assert model is not None
        begun = house.application.run_generation.draw.begin(generation, model)
        work.generations.update(begun.generation)
        begun.write_calls(work)
        await work.commit()
    (call,) = await calls(house, owner, generation.id)
    keys = sorted([picture_key(call.id, 0, ImageFormat.PNG), receipt_key(call.id)])
    for key in keys:
        await machines.spool.put(key, b"", "image/png")
    assert await machines.arrived() == keys
    await machines.distant.delete(*keys)
    error = ProviderUnreachable()
    async with house.database.unit_of_work() as work:
        failed = begun.generation.fail(Failure.of(error), cost_micros=0, now=house.clock())
        write_end(work, failed, [call.fail(error, house.clock())])
        await work.commit()
    for key in keys:
        await machines.spool.put(key, b"", "image/png")
    assert await machines.arrived() == []


async def test_what_another_database_may_know_is_not_dropped(tmp_path: Path) -> None:
    """A call that is on no record was forgotten if it was made since this process began; of older ones nobody knows."""
    older = picture_key(AttemptId(new_id()), 0, ImageFormat.PNG)
    machines = Machines(tmp_path)
    younger = picture_key(AttemptId(new_id()), 0, ImageFormat.PNG)
    for key in (older, younger):
        await machines.spool.put(key, b"", "image/png")
    assert await machines.arrived() == [older]


async def test_nothing_moves_without_the_database(tmp_path: Path) -> None:
    """While nobody can tell what is still wanted all of it stays in the spool; afterwards it arrives."""
    database = Interrupted()
    machines = Machines(tmp_path, database)
    owner = await machines.here.owner()
    generation = await machines.drawn(owner)
    waiting = await locations(machines.spool)
    database.away = inf
    with pytest.raises(DatabaseUnavailable):
        await machines.here.application.move_blobs_on()
    assert await locations(machines.spool) == waiting
    assert await locations(machines.distant) == []
    database.away = 0
    assert await machines.arrived() == [image.location for image in generation.images]


class Unreadable(MemoryDatabase):
    """A database in which no call can be read; the error quotes what nobody may read in a log."""

    quoted = "a fox that nobody may read about"

    def unit_of_work(self) -> UnitOfWork:
        """A unit of work that stumbles over each."""
        work = super().unit_of_work()

        async def stumble(attempt_id: AttemptId) -> Attempt | None:
            raise ValueError(self.quoted)

        work.attempts.get = stumble  # type: ignore[method-assign]  # this is the fault that is played
        return work


async def test_a_call_that_cannot_be_read_keeps_nothing_back(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What it brought arrives, since it may be wanted, and the defect is reported without what it says."""
    machines = Machines(tmp_path, Unreadable())
    key = picture_key(AttemptId(new_id()), 0, ImageFormat.PNG)
    await machines.spool.put(key, b"", "image/png")
    assert await machines.arrived() == [key]
    assert f"whether {key} is wanted is not known: ValueError" in caplog.text
    assert Unreadable.quoted not in caplog.text
