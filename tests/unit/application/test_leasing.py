"""The lease of a process: who is taken to be alive, and who may judge that others are not."""

import pytest

from faults import Interrupted
from house import a_house
from imagegen.application.leasing import LIFETIME, Lease
from imagegen.domain.errors import DatabaseUnavailable
from processes import RENEWAL, Ground, a_lease

SECONDS = LIFETIME.total_seconds()


class Watch:
    """A clock that shows what it was set to."""

    now = 1_000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def renew_until(lease: Lease, watch: Watch, end: float) -> None:
    """Renew it as often as a worker does, until then."""
    while watch.now < end:
        watch.now += RENEWAL
        lease.renewed(watch.now)


@pytest.mark.parametrize("alone", [False, True])
def test_a_lease_that_nobody_gave_is_not_held(alone: bool) -> None:
    """Before it is renewed for the first time nothing may begin, and nobody is judged."""
    lease = a_lease(Watch(), alone=alone)
    assert (lease.held, lease.judges) == (False, False)


def test_a_lease_lasts_its_lifetime_from_when_it_was_asked_for() -> None:
    """However late the answer comes: the database cannot have counted from an earlier moment."""
    watch = Watch()
    lease = a_lease(watch)
    asked = watch.now
    watch.now += SECONDS / 2
    lease.renewed(asked)
    watch.now = asked + SECONDS - 0.001
    assert lease.held
    watch.now = asked + SECONDS
    assert not lease.held


def test_whoever_is_new_judges_nobody_for_a_lifetime() -> None:
    """The others may have had no way to renew theirs before, either."""
    watch = Watch()
    lease = a_lease(watch, alone=False)
    begun = watch.now
    lease.renewed(begun)
    renew_until(lease, watch, begun + SECONDS - RENEWAL)
    assert (lease.held, lease.judges) == (True, False)
    renew_until(lease, watch, begun + SECONDS)
    assert (lease.held, lease.judges) == (True, True)


def test_whoever_was_away_judges_nobody_for_a_lifetime() -> None:
    """A gap in the own renewals, however it came about, makes it as new; a late renewal is none."""
    watch = Watch()
    lease = a_lease(watch, alone=False)
    renew_until(lease, watch, watch.now + 2 * SECONDS)
    watch.now += SECONDS - 0.001
    lease.renewed(watch.now)
    assert (lease.held, lease.judges) == (True, True)
    watch.now += SECONDS
    assert (lease.held, lease.judges) == (False, False)
    lease.renewed(watch.now)
    assert (lease.held, lease.judges) == (True, False)
    renew_until(lease, watch, watch.now + SECONDS)
    assert (lease.held, lease.judges) == (True, True)


def test_whoever_is_alone_judges_at_once() -> None:
    """Nobody else can be alive, so what the lease was for is known from its first moment."""
    watch = Watch()
    lease = a_lease(watch, alone=True)
    lease.renewed(watch.now)
    assert lease.judges


def test_a_lease_that_was_given_back_is_not_held() -> None:
    """Whoever ends judges nobody and begins nothing any more."""
    watch = Watch()
    lease = a_lease(watch)
    lease.renewed(watch.now)
    lease.ended()
    assert (lease.held, lease.judges) == (False, False)


async def test_whoever_is_alive_is_counted() -> None:
    """A process counts from its first renewal, until it ends or is silent for a lifetime."""
    ground = Ground()
    first, second = ground.process(), ground.process()
    count = first.application.count_workers
    assert await count() == 0
    await ground.pass_time(0, first, second)
    assert await count() == 2
    await ground.pass_time(SECONDS, first)
    assert await count() == 1
    await first.application.end_lease()
    assert await count() == 0


async def test_a_lease_that_nobody_could_be_told_of_is_not_held() -> None:
    """While the database is away it is not renewed, however often that is tried."""
    database = Interrupted()
    house = a_house(database=database)
    database.away = 1
    with pytest.raises(DatabaseUnavailable):
        await house.application.renew_lease()
    assert not house.lease.held
    await house.application.renew_lease()
    assert house.lease.held


async def test_whoever_is_alone_ends_all_other_leases() -> None:
    """A process that has the database to itself knows at once that its predecessor is dead."""
    ground = Ground()
    before, after = ground.process(alone=True), ground.process(alone=True)
    await before.application.renew_lease()
    await after.application.renew_lease()
    assert await after.application.count_workers() == 1
    await ground.pass_time(SECONDS, after)
    assert after.lease.judges
