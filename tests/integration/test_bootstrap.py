"""Assembling the machine from settings: what is refused before anything is connected."""

from pathlib import Path

import pytest

from imagegen.bootstrap import assemble
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
