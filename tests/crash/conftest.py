"""A provider, a fleet and a caller for each test of the proving ground."""

import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import pytest

from crash.figures import Figures
from crash.fleet import Fleet, alone
from crash.load import Caller
from crash.provider import Provider
from crash.scale import SEED

FLEETS: Final = {"alone": alone}
ROOM: Final = {"IMAGEGEN_CONCURRENCY": "2048"}
"""As many generations at once as any test here asks for."""


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """The dice of one test: the same for the same seed."""
    return random.Random(f"{SEED} {request.node.name}")


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Provider]:
    """A provider that outlives whoever asks it."""
    with Provider.running(tmp_path) as provider:
        yield provider


@pytest.fixture(params=FLEETS)
async def fleet(request: pytest.FixtureRequest, tmp_path: Path, provider: Provider) -> AsyncIterator[Fleet]:
    """A fleet of each kind, ready; whatever still runs in the end is killed."""
    fleet = FLEETS[request.param](tmp_path / "fleet", {**provider.variables, **ROOM})
    try:
        await fleet.start()
        yield fleet
    finally:
        fleet.kill()


@pytest.fixture
async def caller(fleet: Fleet, chance: random.Random) -> AsyncIterator[Caller]:
    """Somebody with a key."""
    async with Caller.registered(fleet.urls, chance) as caller:
        yield caller


@pytest.fixture
def figures(request: pytest.FixtureRequest, fleet: Fleet) -> Iterator[Figures]:
    """The figures of a test, told when it ends."""
    figures = Figures(request.node.originalname.removeprefix("test_").replace("_", " "), fleet.name)
    yield figures
    figures.tell()
