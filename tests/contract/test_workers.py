"""What every store promises of the leases of workers, and of what runs under them.

No test waits: a lease of no time, or of less, has run out as soon as it is given, by whatever clock decides.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from builders import NOW, failed, new_attempt, new_generation, new_id, new_user, succeeded
from imagegen.domain.errors import StaleWrite
from imagegen.domain.generations import Generation
from imagegen.domain.identifiers import GenerationId, WorkerId
from imagegen.domain.ports import UnitOfWork, UnitOfWorkFactory
from stores import remember

LATER = NOW + timedelta(seconds=3, microseconds=1)
LONG = timedelta(hours=1)
SPENT = [timedelta(0), timedelta(seconds=-1), timedelta(days=-3, microseconds=1)]
USER, OTHER = new_user(), new_user()
MINE, YOURS, THEIRS = (WorkerId(new_id()) for _ in range(3))


def running_at(worker_id: WorkerId) -> Generation:
    """A generation that the worker draws."""
    return new_generation(USER).start(worker_id, NOW)


async def lease(unit_of_work: UnitOfWorkFactory, lifetime: timedelta, *worker_ids: WorkerId) -> None:
    """Give the workers leases."""
    async with unit_of_work() as work:
        for worker_id in worker_ids:
            work.workers.renew(worker_id, lifetime)
        await work.commit()


async def alive(unit_of_work: UnitOfWorkFactory) -> int:
    """How many leases there are that have not run out."""
    async with unit_of_work() as work:
        return await work.workers.alive()


async def stranded(unit_of_work: UnitOfWorkFactory) -> Sequence[GenerationId]:
    """What runs under no lease."""
    async with unit_of_work() as work:
        return list(await work.generations.stranded())


# --- leases -------------------------------------------------------------------------------------------------------


async def test_who_has_a_lease_is_alive(unit_of_work: UnitOfWorkFactory) -> None:
    """Each worker counts once, however often it renews its lease."""
    assert await alive(unit_of_work) == 0
    for _ in range(3):
        await lease(unit_of_work, LONG, MINE, YOURS, MINE)
    assert await alive(unit_of_work) == 2


@pytest.mark.parametrize("lifetime", SPENT, ids=str)
async def test_a_lease_runs_out(unit_of_work: UnitOfWorkFactory, lifetime: timedelta) -> None:
    """Whose time is over is not alive; renewing takes the place of what was left, whether that is more or less."""
    await lease(unit_of_work, LONG, MINE, YOURS)
    await lease(unit_of_work, lifetime, MINE)
    assert await alive(unit_of_work) == 1
    await lease(unit_of_work, LONG, MINE)
    assert await alive(unit_of_work) == 2


async def test_a_lease_lasts_its_lifetime_by_the_stores_own_clock(unit_of_work: UnitOfWorkFactory) -> None:
    """Whether a lease runs out depends on its lifetime alone, however short beside the age of anything else."""
    await lease(unit_of_work, timedelta(seconds=600), MINE)
    await lease(unit_of_work, timedelta(days=3650, microseconds=1), YOURS)
    await lease(unit_of_work, timedelta(milliseconds=-1), THEIRS)
    assert await alive(unit_of_work) == 2


async def test_who_ends_its_lease_is_gone(unit_of_work: UnitOfWorkFactory) -> None:
    """Ending a lease ends no other; ending it twice, or one that never was, is fine."""
    await lease(unit_of_work, LONG, MINE, YOURS)
    for worker_id in (MINE, MINE, THEIRS):
        async with unit_of_work() as work:
            work.workers.remove(worker_id)
            await work.commit()
        assert await alive(unit_of_work) == 1
    await lease(unit_of_work, LONG, MINE)
    assert await alive(unit_of_work) == 2


async def test_who_is_alone_ends_all_others(unit_of_work: UnitOfWorkFactory) -> None:
    """A process that has the database to itself ends every lease but its own, and begins its own in that commit."""
    await lease(unit_of_work, LONG, MINE, YOURS, THEIRS)
    async with unit_of_work() as work:
        work.workers.remove_others(MINE)
        await work.commit()
    assert await alive(unit_of_work) == 1
    async with unit_of_work() as work:
        work.workers.remove_others(YOURS)
        work.workers.renew(YOURS, LONG)
        await work.commit()
    assert await alive(unit_of_work) == 1
    await lease(unit_of_work, LONG, YOURS)
    assert await alive(unit_of_work) == 1


async def test_leases_that_ran_out_are_forgotten(unit_of_work: UnitOfWorkFactory) -> None:
    """Forgetting what has run out takes nothing from who is alive."""
    run = running_at(MINE)
    await remember(unit_of_work, USER, run)
    await lease(unit_of_work, LONG, MINE)
    await lease(unit_of_work, timedelta(0), YOURS, THEIRS)
    for _ in range(2):
        async with unit_of_work() as work:
            work.workers.remove_lapsed()
            await work.commit()
        assert await alive(unit_of_work) == 1
        assert await stranded(unit_of_work) == []


async def test_a_lease_that_is_not_committed_is_none(unit_of_work: UnitOfWorkFactory) -> None:
    """Leases are written like everything else: with the commit, or not at all."""
    async with unit_of_work() as work:
        work.workers.renew(MINE, LONG)
    assert await alive(unit_of_work) == 0
    async with unit_of_work() as work:
        work.workers.renew(MINE, LONG)
        work.generations.update(running_at(MINE))
        with pytest.raises(StaleWrite):
            await work.commit()
    assert await alive(unit_of_work) == 0


# --- what runs under them -----------------------------------------------------------------------------------------


async def test_what_runs_under_no_lease_is_stranded(unit_of_work: UnitOfWorkFactory) -> None:
    """Anybody's running generations are stranded whose worker's lease has run out, ended or never was."""
    generations = [running_at(worker_id) for worker_id in (MINE, YOURS, THEIRS, MINE, YOURS, THEIRS)]
    others = new_generation(OTHER).start(THEIRS, NOW)
    await remember(unit_of_work, USER, OTHER, *reversed(generations), others)
    await lease(unit_of_work, LONG, MINE)
    await lease(unit_of_work, timedelta(0), YOURS)
    expected = {generation.id for generation in (*generations[1:3], *generations[4:], others)}
    assert set(await stranded(unit_of_work)) == expected
    async with unit_of_work() as work:
        work.workers.remove(MINE)
        await work.commit()
    assert set(await stranded(unit_of_work)) == {generation.id for generation in (*generations, others)}


async def test_a_renewal_in_time_saves_what_runs(unit_of_work: UnitOfWorkFactory) -> None:
    """A worker that was late and renews its lease has stranded nothing any more."""
    run = running_at(MINE)
    await remember(unit_of_work, USER, run)
    await lease(unit_of_work, timedelta(0), MINE)
    assert await stranded(unit_of_work) == [run.id]
    await lease(unit_of_work, LONG, MINE)
    assert await stranded(unit_of_work) == []


async def test_only_what_runs_is_stranded(unit_of_work: UnitOfWorkFactory) -> None:
    """What waits needs no worker, and what has ended none any more."""
    ended = [succeeded(new_generation(USER)), failed(new_generation(USER)), running_at(MINE).cancel(LATER)]
    await remember(unit_of_work, USER, new_generation(USER), new_generation(USER).cancel(NOW), *ended)
    assert await stranded(unit_of_work) == []


async def test_a_thousand_that_are_stranded_are_told(unit_of_work: UnitOfWorkFactory) -> None:
    """Of more than a thousand some thousand are told, each once."""
    generations = [running_at(MINE) for _ in range(1002)]
    await remember(unit_of_work, USER, *generations)
    found = await stranded(unit_of_work)
    assert len(found) == len(set(found)) == 1000
    assert set(found) <= {generation.id for generation in generations}


async def test_a_worker_finds_what_it_runs(unit_of_work: UnitOfWorkFactory) -> None:
    """Anybody's generations that run at a worker are told if they began before a moment, whatever leases there are."""
    began = [NOW, LATER - timedelta(microseconds=1), LATER, LATER + timedelta(microseconds=1)]
    mine = [new_generation(user).start(MINE, now) for user, now in zip((USER, OTHER) * 2, began, strict=True)]
    ended = [running_at(MINE).cancel(NOW), replace(succeeded(new_generation(USER)), worker_id=MINE)]
    await remember(unit_of_work, USER, OTHER, *mine, *ended, running_at(YOURS), new_generation(USER))
    await lease(unit_of_work, timedelta(0), MINE)
    async with unit_of_work() as work:
        assert set(await work.generations.running_at(MINE, LATER)) == {generation.id for generation in mine[:2]}
        assert list(await work.generations.running_at(MINE, NOW)) == []
        assert list(await work.generations.running_at(THEIRS, LATER)) == []


async def test_a_thousand_that_a_worker_runs_are_told(unit_of_work: UnitOfWorkFactory) -> None:
    """Of more than a thousand some thousand are told, each once."""
    generations = [running_at(MINE) for _ in range(1002)]
    await remember(unit_of_work, USER, *generations)
    async with unit_of_work() as work:
        found = await work.generations.running_at(MINE, LATER)
    assert len(found) == len(set(found)) == 1000
    assert set(found) <= {generation.id for generation in generations}


# --- holding what runs --------------------------------------------------------------------------------------------


async def hold(unit_of_work: UnitOfWorkFactory, generation: Generation) -> None:
    """Begin a call for a generation that is to be still at work."""
    async with unit_of_work() as work:
        work.generations.hold(generation)
        work.attempts.add(new_attempt(generation))
        await work.commit()


async def test_what_still_runs_can_be_held(unit_of_work: UnitOfWorkFactory) -> None:
    """Holding changes nothing, as often as it is done, and has nothing against being filed otherwise meanwhile."""
    run, other = running_at(MINE), running_at(MINE)
    await remember(unit_of_work, USER, run, other)
    await hold(unit_of_work, run)
    relabeled = run.relabel(replace(run.labels, title="Poster"))
    async with unit_of_work() as work:
        work.generations.relabel(relabeled)
        await work.commit()
    await hold(unit_of_work, run)
    async with unit_of_work() as work:
        assert await work.generations.find(run.id) == relabeled
        assert await work.generations.find(other.id) == other
        assert len(await work.attempts.of_generation(run.id)) == 2
        work.generations.hold(run)
        await work.commit()
    async with unit_of_work() as work:
        assert await work.generations.find(run.id) == relabeled


@pytest.mark.parametrize(
    "meanwhile",
    [
        None,
        running_at(YOURS),
        new_generation(USER),
        replace(new_generation(USER), worker_id=MINE),
        running_at(MINE).cancel(LATER),
        replace(succeeded(new_generation(USER)), worker_id=MINE),
    ],
    ids=["gone", "elsewhere", "queued", "queued again", "canceled", "succeeded"],
)
async def test_what_does_not_run_here_cannot_be_held(
    unit_of_work: UnitOfWorkFactory, meanwhile: Generation | None
) -> None:
    """Where it is gone, has ended or runs at another worker, the commit is stale and none of it happens."""
    await remember(unit_of_work, USER, *([meanwhile] if meanwhile else []))
    believed = replace(running_at(MINE), id=meanwhile.id) if meanwhile else running_at(MINE)
    with pytest.raises(StaleWrite):
        await hold(unit_of_work, believed)
    async with unit_of_work() as work:
        assert await work.generations.find(believed.id) == meanwhile
        assert list(await work.attempts.of_generation(believed.id)) == []


async def test_the_end_and_a_hold_do_not_pass_each_other(unit_of_work: UnitOfWorkFactory) -> None:
    """A worker that holds what another one settles since it looked is stale, and the other's word stands."""
    run = running_at(MINE)
    await remember(unit_of_work, USER, run)

    async def settle(work: UnitOfWork) -> Generation:
        found = await work.generations.find(run.id)
        assert found
        canceled = found.cancel(LATER)
        work.generations.update(canceled)
        await work.commit()
        return canceled

    async with unit_of_work() as late:
        assert await late.generations.find(run.id) == run
        async with unit_of_work() as work:
            canceled = await settle(work)
        late.generations.hold(run)
        late.attempts.add(new_attempt(run))
        with pytest.raises(StaleWrite):
            await late.commit()
    async with unit_of_work() as work:
        assert await work.generations.find(run.id) == canceled
        assert list(await work.attempts.of_generation(run.id)) == []
