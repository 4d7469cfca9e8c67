"""The bytes of what is forgotten: gone at once where the store lets go of them, and in the end where it did not."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from builders import SettableClock, new_generation, new_image, new_user, succeeded
from generating import Held, ask, pictures, run
from house import PASSWORD, House, a_house
from imagegen.adapters.memory import MemoryBlobStore, MemoryDatabase
from imagegen.application.forgetting import RemoveForgotten
from imagegen.domain.errors import DatabaseUnavailable, StorageUnavailable
from imagegen.domain.generations import Generation
from imagegen.domain.identifiers import UserId
from imagegen.domain.ports import UnitOfWork
from imagegen.domain.users import Principal
from stores import remember

MANY = 2_500
"""More than two looks bring."""

Forget = Callable[[House, Principal, Generation], Awaitable[None]]

WAYS: dict[str, Forget] = {
    "image": lambda house, owner, drawn: house.application.delete_image(owner, drawn.images[0].id),
    "generation": lambda house, owner, drawn: house.application.delete_generation(owner, drawn.id),
    "history": lambda house, owner, _: house.application.clear_history(owner),
    "account": lambda house, owner, _: house.application.delete_account(owner, PASSWORD),
}


@pytest.fixture(params=[*WAYS.values()], ids=[*WAYS])
def forget(request: pytest.FixtureRequest) -> Forget:
    """A way to forget a picture."""
    way: Forget = request.param
    return way


async def test_the_bytes_go_at_once(forget: Forget) -> None:
    """When it is answered they are gone, and nothing is left to do."""
    house = a_house()
    owner = await house.owner()
    generation, _ = await run(house, owner)
    await forget(house, owner, generation)
    assert await pictures(house) == set()
    assert await noted(house.database) == []


async def test_what_a_store_kept_while_it_was_away_goes_when_it_is_back(forget: Forget) -> None:
    """However the process ends meanwhile, and however few pictures are known besides: what is to go is in a row."""
    house = a_house()
    owner = await house.owner()
    generation, _ = await run(house, owner)
    assert isinstance(house.store, MemoryBlobStore)
    house.store.failure = StorageUnavailable()
    await forget(house, owner, generation)
    house.store.failure = None
    after = a_house(clock=house.clock, database=house.database, blobs=house.store)
    assert len(await pictures(after)) == 1
    await after.application.remove_forgotten()
    assert await pictures(after) == set()
    assert await noted(house.database) == []


async def test_who_forgets_is_not_told_of_an_outage(forget: Forget) -> None:
    """It is committed then, so that it must not be answered as if it were not; the worker sees to the bytes."""
    away = asyncio.Event()

    class Fading(MemoryDatabase):
        """Has nothing to say on what is forgotten for a while."""

        def unit_of_work(self) -> UnitOfWork:
            """A unit of work that fails to list it."""
            work = super().unit_of_work()
            if away.is_set():
                work.forgotten_blobs.of_user = fail  # type: ignore[method-assign]  # the fault that is played
            return work

    async def fail(owner: UserId) -> Sequence[str]:
        await asyncio.sleep(0)
        raise DatabaseUnavailable

    house = a_house(database=Fading())
    owner = await house.owner()
    generation, _ = await run(house, owner)
    away.set()
    await forget(house, owner, generation)
    assert len(await pictures(house)) == 1
    await house.application.remove_forgotten()
    assert await pictures(house) == set()


async def test_what_ends_while_its_history_is_cleared_leaves_nothing() -> None:
    """Over and over, while generations end one after another: a picture is in the history, or its bytes are gone."""
    held = Held()
    house = a_house(held)
    owner = await house.owner()
    asked = [await ask(house, owner) for _ in range(20)]
    running = [asyncio.create_task(house.application.run_generation(generation.id)) for generation in asked]
    for _ in asked:
        await held.begun.acquire()
    held.may_end.set()
    while not all(task.done() for task in running):
        await house.application.clear_history(owner)
    await house.application.remove_receipts()
    await house.application.clear_history(owner)
    assert await pictures(house) == set()


@pytest.mark.parametrize("turns", range(12))
async def test_an_account_that_goes_while_its_picture_ends_leaves_nothing(turns: int) -> None:
    """At whatever moment: before the end, in it, or after it."""
    held = Held()
    house = a_house(held)
    owner = await house.owner()
    running = asyncio.create_task(house.application.run_generation((await ask(house, owner)).id))
    await held.begun.acquire()
    held.may_end.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    await house.application.delete_account(owner, PASSWORD)
    await running
    await house.application.remove_receipts()
    assert [blob async for blob in house.store.blobs()] == []


class Stubborn(MemoryBlobStore):
    """A store that does not let go of one blob."""

    stuck = ""

    async def delete(self, *locations: str) -> None:
        """Remove them, but that one."""
        await super().delete(*(location for location in locations if location != self.stuck))
        if self.stuck in locations:
            raise StorageUnavailable


async def test_a_blob_that_stays_keeps_no_other() -> None:
    """It is told of and tried again, and all the others are gone, also those that come after it."""
    database, store = MemoryDatabase(), Stubborn(SettableClock())
    user = new_user()
    generation = new_generation(user)
    images = [new_image(generation, position) for position in range(MANY)]
    await remember(database.unit_of_work, user, succeeded(generation, tuple(images)))
    async with database.unit_of_work() as work:
        work.users.remove(user.id)
        await work.commit()
    locations = await noted(database)
    assert len(locations) == MANY
    store.stuck = locations[0]
    remove = RemoveForgotten(unit_of_work=database.unit_of_work, blobs=store)
    with pytest.raises(StorageUnavailable):
        await remove()
    left = await noted(database)
    assert store.stuck in left
    assert len(left) <= MANY / 2
    store.stuck = ""
    await remove()
    assert await noted(database) == []


async def noted(database: MemoryDatabase) -> list[str]:
    """Where bytes lie that are to go."""
    found: list[str] = []
    while True:
        async with database.unit_of_work() as work:
            more = await work.forgotten_blobs.following(found[-1] if found else "")
        if not more:
            return found
        found += more
