"""The worker: it draws while it holds its lease, whatever becomes of its sweeps."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from math import inf
from typing import Any

import pytest

from builders import SettableClock
from faults import Hanging, Interrupted, Keeping, Late
from generating import Held, ask, found, history, receipts
from house import House, a_house
from imagegen.adapters.memory import MemoryDatabase
from imagegen.application.leasing import LIFETIME
from imagegen.application.retrying import Backoff
from imagegen.domain.errors import DatabaseUnavailable, StorageUnavailable, Unavailable
from imagegen.domain.generations import Status
from imagegen.domain.idempotency import REMEMBERED, Once
from imagegen.domain.ports import UnitOfWork
from imagegen.worker import (
    EXPIRY_SECONDS,
    HOUSEKEEPING_SWEEPS,
    QUIET_SWEEPS,
    RING_SECONDS,
    SWEEP_SECONDS,
    Round,
    Worker,
)
from no_time import in_no_time, loop_time
from processes import Ground, a_lease, kill

FAILURES = pytest.mark.parametrize("failure", [DatabaseUnavailable(), ValueError("a defect")], ids=repr)


class Reluctant(MemoryDatabase):
    """A database that answers no sweep while `failure` is set, and says when it was asked."""

    failure: Exception | None = None

    def __init__(self) -> None:
        super().__init__()
        self.swept = asyncio.Semaphore(0)

    def unit_of_work(self) -> UnitOfWork:
        """A unit of work that fails to list what was left behind."""
        work = super().unit_of_work()
        for name in ("waiting", "stranded"):
            setattr(work.generations, name, self._reluctantly(getattr(work.generations, name)))
        return work

    def _reluctantly(self, read: Any) -> Any:
        async def reluctant(*wanted: object, **how: object) -> object:
            self.swept.release()
            if self.failure is not None:
                raise self.failure
            return await read(*wanted, **how)

        return reluctant


@asynccontextmanager
async def working(house: House, *, sweep_seconds: float = SWEEP_SECONDS) -> AsyncIterator[Worker]:
    """A house whose worker looks for what others left as often as told."""
    worker = Worker(
        application=house.application,
        queue=house.queue,
        events=house.events,
        backoff=Backoff(first=0),
        sweep_seconds=sweep_seconds,
    )
    task = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def drawn(house: House) -> Status:
    """How a picture ends that is asked for now."""
    return (await ask(house, await house.owner(), wait=60)).status


@FAILURES
@in_no_time
async def test_a_first_look_that_fails_keeps_nobody_from_drawing(failure: Exception) -> None:
    """What is asked for is drawn, however often looking for what was left behind fails."""
    database = Reluctant()
    database.failure = failure
    house = a_house(database=database)
    async with working(house, sweep_seconds=60) as worker:
        for _ in range(3):
            await database.swept.acquire()
        assert await drawn(house) is Status.SUCCEEDED
        await worker.check()


@FAILURES
@in_no_time
async def test_what_was_left_queued_is_drawn_once_it_is_found(failure: Exception) -> None:
    """A first look that fails is made up for by the next one, some seconds later."""
    database = Reluctant()
    database.failure = failure
    house = a_house(database=database)
    left = await ask(house, await house.owner())
    later = House(provider=house.provider, database=database, clock=house.clock, lease=a_lease(loop_time))
    with later.events.watch(left.id) as watch:
        async with working(later):
            await asyncio.sleep(60)
            database.failure, back = None, loop_time()
            ended = await watch.outcome(60)
            assert loop_time() - back <= RING_SECONDS
    assert ended is not None
    assert ended.status is Status.SUCCEEDED


@FAILURES
async def test_a_sweep_that_fails_keeps_nobody_from_drawing(failure: Exception) -> None:
    """After a sweep that failed the worker goes on drawing, and sweeps again."""
    database = Reluctant()
    house = a_house(database=database)
    async with working(house, sweep_seconds=0.001) as worker:
        await database.swept.acquire()
        database.failure = failure
        for _ in range(3):
            await database.swept.acquire()
        assert await drawn(house) is Status.SUCCEEDED
        await worker.check()


@in_no_time
async def test_what_is_away_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """Each round says what keeps it from its work when that begins, and not each second."""
    house = a_house(lease=a_lease(loop_time), database=(database := Interrupted()))
    async with working(house):
        for _ in range(2):
            await asyncio.sleep(60)
            assert caplog.messages == []
            database.away = inf
            await asyncio.sleep(60)
            put_off = {
                message.removesuffix(" is put off: The database is not available") for message in caplog.messages
            }
            assert put_off >= {"renewing the lease", "giving up what is overdue", "ringing again"}
            assert len(put_off) == len(caplog.messages)
            database.away = 0
            caplog.clear()


async def test_another_thing_that_is_away_is_told_as_well(caplog: pytest.LogCaptureFixture) -> None:
    """Where the store goes while the database comes back, whoever waits for it says so."""
    answers: list[Exception | None] = [
        *[DatabaseUnavailable()] * 3,
        *[StorageUnavailable("The bucket did not answer: OSError.")] * 3,
        None,
        DatabaseUnavailable(),
    ]

    async def step() -> None:
        if (answer := answers.pop(0)) is not None:
            raise answer

    sweep = Round("sweeping", step)
    assert [await sweep() for _ in range(8)] == [False] * 6 + [True, False]
    assert caplog.messages == [
        "sweeping is put off: The database is not available",
        "sweeping is put off: The bucket did not answer: OSError.",
        "sweeping is put off: The database is not available",
    ]


async def test_a_worker_that_does_not_work_says_so() -> None:
    """Before it runs and after it was canceled a check of it fails."""
    house = a_house()
    async with working(house, sweep_seconds=60) as worker:
        with pytest.raises(Unavailable):
            await worker.check()
        await drawn(house)
        await worker.check()
    with pytest.raises(Unavailable):
        await worker.check()


@in_no_time
async def test_nothing_is_drawn_before_there_is_a_lease() -> None:
    """A worker that cannot say that it is alive waits until it can: what it began would be taken for stranded."""
    database = Interrupted()
    house = a_house(database=database, lease=a_lease(loop_time))
    owner = await house.owner()
    generation = await ask(house, owner)
    database.away = 5
    async with working(house) as worker:
        with pytest.raises(Unavailable):
            await worker.check()
        with house.events.watch(generation.id) as watch:
            ended = await watch.outcome(60)
        assert database.away == 0
    assert ended is not None
    assert ended.status is Status.SUCCEEDED


@in_no_time
async def test_a_lease_is_held_as_long_as_the_worker_works() -> None:
    """It is renewed before it runs out, for hours, and given back at the end."""
    house = a_house(lease=a_lease(loop_time))
    async with working(house, sweep_seconds=60):
        await asyncio.sleep(0)
        await asyncio.sleep(LIFETIME.total_seconds() / 8)
        for _ in range(1000):
            assert house.lease.held
            await asyncio.sleep(LIFETIME.total_seconds())
        assert await house.application.count_workers() == 1
    assert await house.application.count_workers() == 0
    assert not house.lease.held


@in_no_time
async def test_a_worker_that_ends_keeps_its_lease_until_what_runs_has_ended() -> None:
    """Nobody takes for stranded what is being finished within the grace."""

    async def look() -> None:
        await asyncio.sleep(0.5)
        assert house.lease.held
        assert await house.application.count_workers() == 1
        held.may_end.set()

    held = Held()
    house = a_house(held, lease=a_lease(loop_time))
    owner = await house.owner()
    async with working(house):
        generation = await ask(house, owner)
        await held.begun.acquire()
        looking = asyncio.create_task(look())
    await looking
    assert (await found(house, owner, generation.id)).status is Status.SUCCEEDED
    assert await house.application.count_workers() == 0


async def left_by(house: House) -> list[str]:
    """What is stored that is no picture, after the worker of a house has drawn one and ended; nobody is alive then."""
    async with working(house, sweep_seconds=60):
        await asyncio.sleep(1)
        assert await drawn(house) is Status.SUCCEEDED
    assert await house.application.count_workers() == 0
    return sorted(await receipts(house))


async def after(house: House) -> House:
    """A process that comes after it, and has removed what it left."""
    later = a_house(lease=a_lease(loop_time), database=house.database, blobs=house.store)
    await later.application.renew_lease()
    await later.application.remove_leftovers()
    return later


@in_no_time
async def test_who_ends_leaves_no_receipts() -> None:
    """Those that there are by then are removed first, and so there is nothing to note for others."""
    house = a_house(lease=a_lease(loop_time))
    assert await left_by(house) == []
    async with house.database.unit_of_work() as work:
        assert await work.workers.dead() == []


@in_no_time
async def test_who_ends_while_the_store_is_away_leaves_a_note() -> None:
    """Its lease has run out, and is there until somebody has removed the receipts that it could not."""
    house = a_house(lease=a_lease(loop_time), blobs=(store := Keeping(SettableClock())))
    assert len(await left_by(house)) == 1
    store.keeps = False
    later = await after(house)
    assert await receipts(later) == set()


@in_no_time
async def test_who_ends_while_the_store_hangs_gives_its_lease_back() -> None:
    """Removing receipts leaves time to say that it is over; what runs there is settled at once, and they go later."""
    house = a_house(lease=a_lease(loop_time), blobs=(store := Hanging(SettableClock())))
    assert len(await left_by(house)) == 1
    store.hangs = False
    later = await after(house)
    assert await receipts(later) == set()


@in_no_time
async def test_what_a_dead_process_left_is_settled_within_seconds() -> None:
    """A worker that has been there for a while needs no more than a lapse and a sweep."""
    ground, held = Ground(), Held()
    dead = ground.process(held)
    owner = await dead.owner()
    generation = await ask(dead, owner)
    running = asyncio.create_task(dead.application.run_generation(generation.id))
    await held.begun.acquire()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    alive = ground.process()
    ground.clock.advance(seconds=LIFETIME.total_seconds())
    alive.lease.seconds = loop_time
    async with working(alive):
        with alive.events.watch(generation.id) as watch:
            begun = loop_time()
            ended = await watch.outcome(60)
    assert ended is not None
    assert ended.status is Status.FAILED
    assert loop_time() - begun <= LIFETIME.total_seconds() + SWEEP_SECONDS


@in_no_time
async def test_a_ring_that_was_lost_costs_seconds() -> None:
    """What is queued and was not heard is found by a sweep."""
    house = a_house(lease=a_lease(loop_time))
    owner = await house.owner()
    async with working(house):
        await asyncio.sleep(SWEEP_SECONDS / 2)
        begun = loop_time()
        ringing = House(provider=house.provider, database=house.database, clock=house.clock)  # nobody works there
        generation = await ask(ringing, owner)
        with house.events.watch(generation.id) as watch:
            ended = await watch.outcome(60)
    assert ended is not None
    assert ended.status is Status.SUCCEEDED
    assert loop_time() - begun <= RING_SECONDS


@in_no_time
async def test_what_was_to_start_by_now_is_given_up_within_a_second() -> None:
    """Whatever else is waited for: the store does not answer, and whoever settles what is stranded waits for it."""
    ground, held = Ground(), Held()
    ground.store = store = Late(ground.clock)
    dead, ringing = ground.process(held), ground.process()  # nobody works there
    owner = await dead.owner()
    stranded = await ask(dead, owner)
    running = asyncio.create_task(dead.application.run_generation(stranded.id))
    await held.begun.acquire()
    await kill(running)
    ground.clock.advance(seconds=LIFETIME.total_seconds())
    alive = ground.process(alone=True)
    alive.lease.seconds = loop_time
    store.wait = inf
    async with working(alive):
        await store.asked.acquire()
        begun = loop_time()
        overdue = await ask(ringing, owner, start_within=3)
        ground.clock.advance(seconds=3)
        with alive.events.watch(overdue.id) as watch:
            ended = await watch.outcome(60)
        assert loop_time() - begun <= SWEEP_SECONDS
    assert ended is not None
    assert ended.failure is not None
    assert (ended.failure.code, ended.cost_micros) == ("deadline_exceeded", 0)
    assert (await found(alive, owner, stranded.id)).status is Status.RUNNING


@in_no_time
async def test_keys_that_expired_are_forgotten_every_hour() -> None:
    """Though the store is away for hours, and settling does not go through."""
    house = a_house(lease=a_lease(loop_time), blobs=(store := Late(SettableClock())))
    owner = await house.owner()
    store.failure = StorageUnavailable()
    async with working(house):
        await ask(house, owner, once=(once := Once(key="key:fox", fingerprint=bytes(32))))
        house.clock.advance(seconds=REMEMBERED.total_seconds() + 1)

        async def forgotten() -> bool:
            async with house.database.unit_of_work() as work:
                return await work.idempotency_keys.get(owner.user_id, once.key) is None

        assert not await forgotten()
        await asyncio.sleep(EXPIRY_SECONDS + SWEEP_SECONDS)
        assert await forgotten()


@in_no_time
async def test_orphans_are_looked_for_after_a_quiet_while_and_then_every_hour() -> None:
    """Not while what was left behind cannot be settled, nor soon afterwards: the pictures may be waiting for a row."""
    looks: list[float] = []

    async def look() -> int:
        looks.append(loop_time())
        return 0

    house = a_house(lease=a_lease(loop_time), database=(database := Reluctant()))
    house.application = replace(house.application, remove_orphans=look)  # type: ignore[arg-type]  # it looks like one
    async with working(house) as worker:
        await asyncio.sleep(QUIET_SWEEPS * SWEEP_SECONDS / 2)
        database.failure = DatabaseUnavailable()
        await asyncio.sleep(HOUSEKEEPING_SWEEPS * SWEEP_SECONDS)
        assert looks == []
        database.failure = None
        begun = loop_time()
        await asyncio.sleep((worker.first_look + HOUSEKEEPING_SWEEPS + 2) * SWEEP_SECONDS)
    first, second = looks
    assert worker.first_look >= QUIET_SWEEPS
    assert worker.first_look - 1 <= (first - begun) / SWEEP_SECONDS <= worker.first_look + 1
    assert second - first == HOUSEKEEPING_SWEEPS * SWEEP_SECONDS


@in_no_time
async def test_while_orphans_are_looked_for_all_else_goes_on() -> None:
    """Listing a big store may take hours: nobody lists it a second time then, and what is stranded is settled."""
    looks = 0

    async def look() -> int:
        nonlocal looks
        looks += 1
        await asyncio.Event().wait()
        return 0

    ground = Ground()
    alive = ground.process(alone=True)
    alive.lease.seconds = loop_time
    alive.application = replace(alive.application, remove_orphans=look)  # type: ignore[arg-type]  # it looks like one
    async with working(alive):
        await asyncio.sleep(3 * HOUSEKEEPING_SWEEPS * SWEEP_SECONDS)
        assert looks == 1
        dead = ground.process(held := Held())
        owner = await dead.owner()
        generation = await ask(dead, owner)
        running = asyncio.create_task(dead.application.run_generation(generation.id))
        await held.begun.acquire()
        await kill(running)
        ground.clock.advance(seconds=LIFETIME.total_seconds())
        begun = loop_time()
        with alive.events.watch(generation.id) as watch:
            ended = await watch.outcome(60)
        assert loop_time() - begun <= SWEEP_SECONDS
    assert ended is not None
    assert ended.status is Status.FAILED


def test_processes_that_start_together_look_for_orphans_apart() -> None:
    """When each lists the store first is left to chance, between ten minutes and an hour after the start."""
    house = a_house()
    workers = [Worker(application=house.application, queue=house.queue, events=house.events) for _ in range(50)]
    looks = {worker.first_look for worker in workers}
    assert len(looks) > 1
    assert all(QUIET_SWEEPS <= look < HOUSEKEEPING_SWEEPS for look in looks)


@in_no_time
async def test_what_is_canceled_elsewhere_is_abandoned_here() -> None:
    """Word of a cancellation cuts the call short that this process makes."""
    held = Held()
    house = a_house(held, lease=a_lease(loop_time))
    owner = await house.owner()
    elsewhere = House(provider=house.provider, database=house.database, clock=house.clock, events=house.events)
    async with working(house):
        await asyncio.sleep(1)
        generation = await ask(house, owner)
        await held.begun.acquire()
        with house.events.watch(generation.id) as watch:
            await elsewhere.application.cancel_generation(owner, generation.id)
            ended = await watch.outcome(0)
        stopped = loop_time()
    assert ended is not None
    assert ended.status is Status.CANCELED
    assert loop_time() == stopped  # nothing was left to be finished
    assert [one.status for one in await history(house, owner)] == [Status.CANCELED]
