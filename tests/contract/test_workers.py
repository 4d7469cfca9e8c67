"""What every store promises of the leases of workers, and of what runs under them.

No test waits: a lease of no time, or of less, has run out as soon as it is given, by whatever clock decides.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from builders import NOW, failed, new_attempt, new_generation, new_id, new_user, succeeded
from imagegen.domain.errors import StaleWrite
from imagegen.domain.generations import Generation
from imagegen.domain.identifiers import GenerationId, WorkerId
from imagegen.domain.ports import UnitOfWorkFactory
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


async def test_a_lease_is_renewed_by_many_at_once(unit_of_work: UnitOfWorkFactory) -> None:
    """Everything that begins at a worker may renew its lease at the same moment: all of it goes through."""
    await lease(unit_of_work, LONG, YOURS)
    for _ in range(3):
        await asyncio.gather(*(lease(unit_of_work, LONG, MINE) for _ in range(20)))
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
        work.workers.end_others(MINE)
        await work.commit()
    assert await alive(unit_of_work) == 1
    async with unit_of_work() as work:
        work.workers.end_others(YOURS)
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
            for worker_id in (MINE, YOURS, THEIRS):
                work.workers.remove_lapsed(worker_id)
            await work.commit()
        assert await alive(unit_of_work) == 1
        assert await stranded(unit_of_work) == []
        assert await dead(unit_of_work) == set()


async def dead(unit_of_work: UnitOfWorkFactory) -> set[WorkerId]:
    """Whose lease ran out and left nothing running."""
    async with unit_of_work() as work:
        return set(await work.workers.dead())


async def test_who_ran_out_is_dead_until_forgotten(unit_of_work: UnitOfWorkFactory) -> None:
    """A lease that has run out, or that somebody ended who is alone, stays as a note, until it is forgotten."""
    await lease(unit_of_work, timedelta(0), MINE)
    await lease(unit_of_work, LONG, YOURS, THEIRS)
    assert await dead(unit_of_work) == {MINE}
    async with unit_of_work() as work:
        work.workers.remove_lapsed(MINE)
        work.workers.remove(THEIRS)
        await work.commit()
    assert await dead(unit_of_work) == set()
    async with unit_of_work() as work:
        work.workers.end_others(MINE)
        await work.commit()
    assert await dead(unit_of_work) == {YOURS}


async def test_who_left_something_running_is_not_dead_yet(unit_of_work: UnitOfWorkFactory) -> None:
    """Somebody has to settle that first; what waits or has ended does not count, nor what runs elsewhere."""
    run, waiting = running_at(MINE), replace(new_generation(USER), worker_id=MINE)
    await remember(unit_of_work, USER, run, waiting, running_at(THEIRS), running_at(YOURS).cancel(NOW))
    await lease(unit_of_work, timedelta(0), MINE, YOURS)
    assert await dead(unit_of_work) == {YOURS}
    await take_over(unit_of_work, run)
    assert await dead(unit_of_work) == {MINE, YOURS}


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


# --- holding what runs, and taking it over ------------------------------------------------------------------------


async def hold(unit_of_work: UnitOfWorkFactory, generation: Generation) -> None:
    """Begin a call for a generation that is to be still at work."""
    async with unit_of_work() as work:
        work.generations.hold(generation)
        work.attempts.add(new_attempt(generation))
        await work.commit()


async def take_over(unit_of_work: UnitOfWorkFactory, generation: Generation) -> Generation:
    """Settle a generation whose worker is to be dead."""
    ended = generation.cancel(LATER)
    async with unit_of_work() as work:
        work.generations.take_over(generation)
        work.generations.update(ended)
        await work.commit()
    return ended


async def read(unit_of_work: UnitOfWorkFactory, generation: Generation) -> tuple[Generation | None, int]:
    """The generation as it is remembered, and how many calls were made for it."""
    async with unit_of_work() as work:
        found = await work.generations.find(generation.id)
        return found, len(await work.attempts.of_generation(generation.id))


async def test_what_runs_under_a_lease_can_be_held(unit_of_work: UnitOfWorkFactory) -> None:
    """As often as it is done, and however it was filed meanwhile: its version counts on, and nothing else changes."""
    run, other = running_at(MINE), running_at(MINE)
    await remember(unit_of_work, USER, run, other)
    await lease(unit_of_work, LONG, MINE)
    await hold(unit_of_work, run)
    assert await read(unit_of_work, run) == (replace(run, version=run.version + 1), 1)
    relabeled = replace(run, version=run.version + 1).relabel(replace(run.labels, title="Poster"))
    async with unit_of_work() as work:
        work.generations.relabel(relabeled)
        await work.commit()
    await hold(unit_of_work, run)
    assert await read(unit_of_work, run) == (replace(relabeled, version=relabeled.version + 1), 2)
    assert await read(unit_of_work, other) == (other, 0)


NOT_RUNNING_HERE = pytest.mark.parametrize(
    "meanwhile",
    [
        None,
        running_at(YOURS),
        replace(running_at(MINE), worker_id=None),
        new_generation(USER),
        replace(new_generation(USER), worker_id=MINE),
        running_at(MINE).cancel(LATER),
        replace(succeeded(new_generation(USER)), worker_id=MINE),
    ],
    ids=["gone", "elsewhere", "nowhere", "queued", "queued again", "canceled", "succeeded"],
)


@NOT_RUNNING_HERE
async def test_what_does_not_run_here_cannot_be_held(
    unit_of_work: UnitOfWorkFactory, meanwhile: Generation | None
) -> None:
    """Where it is gone, has ended or runs at another worker, the commit is stale and none of it happens."""
    await remember(unit_of_work, USER, *([meanwhile] if meanwhile else []))
    await lease(unit_of_work, LONG, MINE, YOURS)
    believed = replace(running_at(MINE), id=meanwhile.id) if meanwhile else running_at(MINE)
    with pytest.raises(StaleWrite):
        await hold(unit_of_work, believed)
    assert await read(unit_of_work, believed) == (meanwhile, 0)


@pytest.mark.parametrize("lifetime", [None, *SPENT], ids=str)
async def test_who_has_no_lease_holds_nothing(unit_of_work: UnitOfWorkFactory, lifetime: timedelta | None) -> None:
    """A worker whose lease has run out, or that never had one, is stale until it renews it, whoever else is alive."""
    run = running_at(MINE)
    await remember(unit_of_work, USER, run)
    await lease(unit_of_work, LONG, YOURS)
    if lifetime is not None:
        await lease(unit_of_work, lifetime, MINE)
    with pytest.raises(StaleWrite):
        await hold(unit_of_work, run)
    assert await read(unit_of_work, run) == (run, 0)
    await lease(unit_of_work, LONG, MINE)
    await hold(unit_of_work, run)
    assert await read(unit_of_work, run) == (replace(run, version=run.version + 1), 1)


async def test_a_lease_that_begins_in_the_same_commit_counts(unit_of_work: UnitOfWorkFactory) -> None:
    """Writes take place in their order: what is renewed before it is held is held, and not taken over."""
    run = running_at(MINE)
    await remember(unit_of_work, USER, run)
    async with unit_of_work() as work:
        work.workers.renew(MINE, LONG)
        work.generations.hold(run)
        await work.commit()
    held = replace(run, version=run.version + 1)
    async with unit_of_work() as work:
        work.workers.remove(MINE)
        work.generations.take_over(held)
        await work.commit()
    assert await read(unit_of_work, run) == (held, 0)


async def test_what_a_dead_worker_runs_can_be_taken_over(unit_of_work: UnitOfWorkFactory) -> None:
    """Whether its lease has run out, ended, or never was; by itself that changes nothing, not even the version."""
    lapsed, gone, nowhere = running_at(MINE), running_at(THEIRS), replace(running_at(MINE), worker_id=None)
    await remember(unit_of_work, USER, lapsed, gone, nowhere)
    await lease(unit_of_work, timedelta(0), MINE)
    await lease(unit_of_work, LONG, YOURS)
    for run in (lapsed, gone, nowhere):
        async with unit_of_work() as work:
            work.generations.take_over(run)
            await work.commit()
        assert await read(unit_of_work, run) == (run, 0)
        ended = await take_over(unit_of_work, run)
        assert await read(unit_of_work, run) == (ended, 0)


@NOT_RUNNING_HERE
async def test_what_does_not_run_there_cannot_be_taken_over(
    unit_of_work: UnitOfWorkFactory, meanwhile: Generation | None
) -> None:
    """Where it is gone, has ended or runs at another worker, the commit is stale and none of it happens."""
    await remember(unit_of_work, USER, *([meanwhile] if meanwhile else []))
    believed = replace(running_at(MINE), id=meanwhile.id) if meanwhile else running_at(MINE)
    with pytest.raises(StaleWrite):
        await take_over(unit_of_work, believed)
    assert await read(unit_of_work, believed) == (meanwhile, 0)


async def test_what_runs_at_somebody_is_not_taken_from_nobody(unit_of_work: UnitOfWorkFactory) -> None:
    """A generation that is believed to run nowhere is stale where it has a worker, alive or dead."""
    run = running_at(MINE)
    await remember(unit_of_work, USER, run)
    with pytest.raises(StaleWrite):
        await take_over(unit_of_work, replace(run, worker_id=None))
    assert await read(unit_of_work, run) == (run, 0)


async def test_a_worker_that_comes_back_to_life_keeps_what_it_runs(unit_of_work: UnitOfWorkFactory) -> None:
    """Who found it dead and settles what it runs after it has renewed its lease is stale, and nothing of it happens."""
    run = running_at(MINE)
    await remember(unit_of_work, USER, run)
    await lease(unit_of_work, timedelta(0), MINE)
    assert await stranded(unit_of_work) == [run.id]
    await lease(unit_of_work, LONG, MINE)
    with pytest.raises(StaleWrite):
        await take_over(unit_of_work, run)
    assert await read(unit_of_work, run) == (run, 0)


async def test_the_end_and_a_hold_do_not_pass_each_other(unit_of_work: UnitOfWorkFactory) -> None:
    """Of a worker that goes on and of who ends what it runs, whoever looked before the other wrote is stale."""
    run = running_at(MINE)
    await remember(unit_of_work, USER, run)
    await lease(unit_of_work, LONG, MINE)
    async with unit_of_work() as late:
        assert await late.generations.find(run.id) == run
        await hold(unit_of_work, run)
        late.generations.update(run.cancel(LATER))
        with pytest.raises(StaleWrite):
            await late.commit()
    held = replace(run, version=run.version + 1)
    assert await read(unit_of_work, run) == (held, 1)
    async with unit_of_work() as late:
        assert await late.generations.find(run.id) == held
        canceled = held.cancel(LATER)
        async with unit_of_work() as work:
            work.generations.update(canceled)
            await work.commit()
        late.generations.hold(held)
        late.attempts.add(new_attempt(run, 2))
        with pytest.raises(StaleWrite):
            await late.commit()
    assert await read(unit_of_work, run) == (canceled, 1)
