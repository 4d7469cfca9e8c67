"""The database in memory: leases run out by the clock that it is handed."""

from datetime import timedelta

from builders import NOW, WORKER, SettableClock, new_generation, new_user
from imagegen.adapters.memory import MemoryDatabase
from stores import remember


async def test_leases_run_out_by_the_clock() -> None:
    """A lease lasts until its very last moment, and ends with it; forgetting what has run out spares what has not."""
    clock = SettableClock()
    unit_of_work = MemoryDatabase(clock).unit_of_work
    user = new_user()
    run = new_generation(user).start(WORKER, NOW)
    await remember(unit_of_work, user, run)
    async with unit_of_work() as work:
        work.workers.renew(WORKER, timedelta(seconds=6))
        await work.commit()
    found = []
    for seconds in (0, 5.999999, 0.000001):
        clock.advance(seconds=seconds)
        async with unit_of_work() as work:
            found.append((await work.workers.alive(), list(await work.generations.stranded())))
            work.workers.remove_lapsed(WORKER)
            await work.commit()
    assert found == [(1, []), (1, []), (0, [run.id])]
