"""Whether the service can do its work now."""

import asyncio

from house import House, a_house
from imagegen.application.health import CheckHealth, Condition
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
