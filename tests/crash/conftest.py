"""A provider, a fleet and a caller for each test of the proving ground."""

import random
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from crash.caller import Caller
from crash.figures import Figures
from crash.fleet import Fleet
from crash.kinds import alone, many
from crash.outside import Outside, Share
from crash.provider import Provider
from crash.scale import SEED


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """The dice of one test: the same for the same seed."""
    return random.Random(f"{SEED} {request.node.name}")


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Provider]:
    """A provider that outlives whoever asks it."""
    with Provider.running(tmp_path) as provider:
        yield provider


@pytest.fixture(scope="session")
def outside() -> Iterator[Outside]:
    """The servers that fleets of many share; they may be taken down, so no other test has them."""
    # Outside pytest's own base folder, which is closed to the user that Postgres runs as.
    folder = Path(tempfile.mkdtemp(prefix="imagegen-crash-"))
    folder.chmod(0o711)
    with Outside.running(folder) as outside:
        yield outside
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["alone", "many"])
async def fleet(request: pytest.FixtureRequest, tmp_path: Path, provider: Provider) -> AsyncIterator[Fleet]:
    """A fleet of each kind, ready; whatever still runs in the end is killed."""
    if request.param == "alone":
        fleet = alone(tmp_path / "fleet", provider.variables)
    else:
        fleet = many(tmp_path / "fleet", provider.variables, await Share.of(request.getfixturevalue("outside")))
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
