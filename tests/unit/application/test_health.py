"""Whether the service can do its work now."""

import asyncio

import pytest

from house import House, a_house
from imagegen.application.health import CheckHealth, Condition, Remembered
from imagegen.domain.errors import ProviderUnreachable, StorageUnavailable, Unavailable


async def fine() -> None:
    """A part that is well."""


async def away() -> None:
    """A part that is not."""
    raise StorageUnavailable


async def test_a_service_whose_parts_are_well_is_well() -> None:
    """Each part is named with how long its answer took."""
    check = CheckHealth(essential={"database": fine}, optional={"providers": fine})
    found = await check()
    assert found.status is Condition.OK
    assert {name: part.status for name, part in found.checks.items()} == dict.fromkeys(
        ("database", "providers"), Condition.OK
    )
    assert all(part.latency_ms >= 0 and part.detail is None for part in found.checks.values())


async def limping() -> str:
    """A part that works and is not as it should be."""
    return "on one leg"


async def test_a_part_that_limps_degrades() -> None:
    """Whatever still works keeps the service in service, and what is wrong is told."""
    found = await CheckHealth(essential={"storage": Remembered(limping, 60)}, optional={})()
    assert found.status is Condition.DEGRADED
    part = found.checks["storage"]
    assert (part.status, part.detail) == (Condition.DEGRADED, "on one leg")


async def test_an_essential_part_makes_the_whole_unavailable() -> None:
    """When database or storage are away nothing works, and the part says what is wrong."""
    found = await CheckHealth(essential={"database": fine, "storage": away}, optional={})()
    assert found.status is Condition.UNAVAILABLE
    assert found.checks["storage"].detail == StorageUnavailable.title


async def test_a_provider_that_is_away_only_degrades() -> None:
    """History and storage still work without a provider."""
    house: House = a_house()
    house.provider.failure = ProviderUnreachable()
    found = await house.application.check_health()
    assert found.status is Condition.DEGRADED
    assert not house.provider.calls


async def test_a_part_that_does_not_answer_counts_as_away() -> None:
    """A part is given so many seconds and no more."""
    stuck = asyncio.Event()

    async def silent() -> None:
        await stuck.wait()

    found = await CheckHealth(essential={"a": silent, "b": silent}, optional={}, patience=0.01)()
    assert {part.detail for part in found.checks.values()} == {"did not answer in time"}


async def test_what_is_raised_is_told_in_our_words() -> None:
    """A part's own sentence is passed on; nothing of an exception's inside is."""

    async def busy() -> None:
        raise Unavailable("no worker is running")

    found = await CheckHealth(essential={"workers": busy}, optional={})()
    assert found.checks["workers"].detail == "no worker is running"


async def test_an_unforeseen_error_is_an_answer_too() -> None:
    """A part whose check breaks is named like one that is away; what the error says stays inside."""

    async def broken() -> None:
        raise ValueError("connect to postgresql://user:password@host")

    found = await CheckHealth(essential={"database": broken}, optional={})()
    assert (found.status, found.checks["database"].detail) == (Condition.UNAVAILABLE, "failed unexpectedly")


class Part:
    """A part that counts how often it was asked, answers when it is let, and fails while it has a `failure`."""

    def __init__(self) -> None:
        self.asked = 0
        self.now = 100.0
        self.failure: Exception | None = None
        self.answering = asyncio.Event()
        self.answering.set()
        self.remembered = Remembered(self, 5.0, clock=lambda: self.now)

    async def __call__(self) -> None:
        """Answer or fail."""
        self.asked += 1
        await self.answering.wait()
        if self.failure is not None:
            raise self.failure


async def test_an_answer_is_remembered_for_so_long() -> None:
    """A part is asked again when its seconds are over and not before."""
    part = Part()
    for passed, asked in ((0.0, 1), (4.5, 1), (0.5, 2), (4.5, 2)):
        part.now += passed
        await part.remembered()
        assert part.asked == asked


async def test_an_error_is_remembered_like_an_answer() -> None:
    """A part that is away is asked no oftener than one that is well, and found well again."""
    part = Part()
    part.failure = StorageUnavailable()
    for _ in range(3):
        with pytest.raises(StorageUnavailable):
            await part.remembered()
    part.failure = None
    part.now += 5.0
    await part.remembered()
    assert part.asked == 2


async def test_all_who_ask_at_once_share_one_answer() -> None:
    """However many look at the health, and however many of them give up, a slow part is asked once."""
    part = Part()
    part.answering.clear()
    impatient = CheckHealth(essential={"part": part.remembered}, optional={}, patience=0.01)
    for _ in range(3):
        assert (await impatient()).checks["part"].detail == "did not answer in time"
    waiting = [asyncio.create_task(part.remembered()) for _ in range(3)]
    part.answering.set()
    await asyncio.gather(*waiting)
    assert part.asked == 1


async def test_the_seconds_begin_with_the_answer() -> None:
    """A part that takes longer to answer than its answer stands is not asked again meanwhile."""
    part = Part()
    part.answering.clear()
    waiting = asyncio.create_task(part.remembered())
    await asyncio.sleep(0)
    part.now += 60.0
    other = asyncio.create_task(part.remembered())
    await asyncio.sleep(0)
    part.answering.set()
    await asyncio.gather(waiting, other)
    await part.remembered()
    assert part.asked == 1
