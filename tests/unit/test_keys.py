"""The service's secret, and the keys that are derived from it."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from imagegen.bootstrap.keys import FILE_NAME, derived, kept_secret
from imagegen.settings import SettingsInvalid


def test_a_secret_is_made_once(tmp_path: Path) -> None:
    """It is long enough, only its owner may read it, it is found again, and nothing else is left behind."""
    data_dir = tmp_path / "data" / "deep"
    secret = kept_secret(data_dir)
    assert len(secret) >= 32
    assert kept_secret(data_dir) == secret
    assert [path.name for path in data_dir.iterdir()] == [FILE_NAME]
    assert (data_dir / FILE_NAME).stat().st_mode & 0o777 == 0o600


def test_all_who_start_at_once_have_the_same_secret(tmp_path: Path) -> None:
    """Whoever was quickest has made it."""
    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(lambda _: kept_secret(tmp_path), range(32)))
    assert len(found) == 1
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


@pytest.mark.parametrize("content", [b"", b"\n", b"x" * 31, b" " * 32])
def test_a_short_secret_is_refused(tmp_path: Path, content: bytes) -> None:
    """A file that lost its content is named, and neither believed nor replaced."""
    path = tmp_path / FILE_NAME
    path.write_bytes(content)
    with pytest.raises(SettingsInvalid) as refusal:
        kept_secret(tmp_path)
    assert str(path) in refusal.value.faults[0]
    assert path.read_bytes() == content


@pytest.mark.parametrize("place", ["file", "file/data"])
def test_a_directory_that_cannot_be_used_is_a_fault(tmp_path: Path, place: str) -> None:
    """The variable and the reason are told, and no traceback."""
    (tmp_path / "file").touch()
    with pytest.raises(SettingsInvalid, match="IMAGEGEN_DATA_DIR"):
        kept_secret(tmp_path / place)


def test_keys_for_different_purposes_differ() -> None:
    """Each is 32 bytes, and the same secret and purpose give the same one."""
    assert len(derived(b"s" * 32, "links")) == 32
    assert derived(b"s" * 32, "links") == derived(b"s" * 32, "links") != derived(b"s" * 32, "tokens")
