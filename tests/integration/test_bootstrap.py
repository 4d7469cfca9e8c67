"""Assembling the machine from settings: what is refused before anything is connected."""

import shutil
from pathlib import Path

import pytest

from house import ANSWER
from imagegen.adapters.database.schema import head
from imagegen.adapters.memory import MemoryProvider
from imagegen.application.health import Condition
from imagegen.bootstrap import assemble, migrate
from imagegen.bootstrap.drawing import Drawing
from imagegen.domain.catalog import Catalog
from imagegen.domain.errors import ProviderUnreachable, Unavailable
from imagegen.settings import Settings, SettingsInvalid


def faults_of(**variables: object) -> tuple[str, ...]:
    """The faults for which an assembly is refused."""
    with pytest.raises(SettingsInvalid) as refusal:
        assemble(Settings.load({f"IMAGEGEN_{name}": str(value) for name, value in variables.items()}))
    return refusal.value.faults


@pytest.mark.parametrize("folder", ["", "data", "elsewhere"])
def test_the_database_is_not_among_the_pictures(tmp_path: Path, folder: str) -> None:
    """A folder of pictures that holds the data directory or the SQLite file is a fault of the settings."""
    faults = faults_of(
        DATA_DIR=tmp_path / "data",
        DATABASE_URL=f"sqlite:///{tmp_path}/elsewhere/deep/imagegen.db",
        STORAGE_URL=f"file://{tmp_path}/{folder}",
    )
    assert [fault.partition(":")[0] for fault in faults] == ["IMAGEGEN_STORAGE_URL"]


async def test_providers_that_are_away_are_named() -> None:
    """All are asked, and exactly those that do not answer are told."""
    providers = {name: MemoryProvider(name, ANSWER) for name in ("one", "two", "three")}
    drawing = Drawing(providers=providers, catalog=Catalog(models=(), providers=(), missing={}))
    await drawing.check()
    providers["one"].failure = providers["three"].failure = ProviderUnreachable()
    with pytest.raises(Unavailable, match=r"not answering: one, three$"):
        await drawing.check()


async def test_health_stores_nothing_at_every_look(tmp_path: Path) -> None:
    """A store that has just said how it is is not made to store anything at the next look."""
    assembly = assemble(Settings.load({"IMAGEGEN_DATA_DIR": str(tmp_path / "data")}))
    async with assembly.connected():
        assert (await assembly.application.check_health()).checks["storage"].status is Condition.OK
        shutil.rmtree(tmp_path / "data" / "images")
        await assembly.application.check_health()
    assert not (tmp_path / "data" / "images").exists()


def test_migrating_makes_the_schema(tmp_path: Path) -> None:
    """A database that is not there yet is made, at the newest revision, in folders that are made too."""
    settings = Settings.load({"IMAGEGEN_DATA_DIR": str(tmp_path / "data")})
    assert migrate(settings) == head() == migrate(settings)
    assert (tmp_path / "data" / "imagegen.db").exists()


@pytest.mark.parametrize("url", ["mysql://host/x", "sqlite://", "nothing"])
def test_what_is_no_database_is_not_migrated(url: str) -> None:
    """A wrong address is a fault of the settings for this command, too."""
    with pytest.raises(SettingsInvalid, match="IMAGEGEN_DATABASE_URL: "):
        migrate(Settings.load({"IMAGEGEN_DATABASE_URL": url}))


@pytest.mark.parametrize("provider", ["openai", "gemini"])
@pytest.mark.parametrize("address", ["api.example.com/v1", "https://", "https://user:hush@host"])
def test_an_address_of_a_provider_that_is_none_is_refused(provider: str, address: str, tmp_path: Path) -> None:
    """Before the first picture fails by it, and without quoting it."""
    variables = {f"{provider.upper()}_API_KEY": "key", f"{provider.upper()}_BASE_URL": address}
    settings = Settings.load({"IMAGEGEN_DATA_DIR": str(tmp_path), **variables})
    with pytest.raises(SettingsInvalid) as refusal:
        assemble(settings)
    assert refusal.value.faults == (f"{provider.upper()}_BASE_URL: must be like https://host/path",)
