"""The local store on a real file system: no path leaves the root, and an accident leaves no half file."""

import asyncio
import errno
import fcntl
import os
import stat
import subprocess
import sys
import tempfile
import threading
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imagegen.adapters.storage import StorageMisconfigured, open_store
from imagegen.adapters.storage.local import LocalStore
from imagegen.domain.errors import NotFound, StorageUnavailable
from imagegen.domain.ports import Blob, BlobStore

PNG = "image/png"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Where the store's folder will be; it is not there yet."""
    return tmp_path / "data" / "images"


@pytest.fixture
async def store(root: Path) -> AsyncIterator[LocalStore]:
    """A durable store below the root."""
    store = LocalStore(root)
    yield store
    await store.close()


def files(folder: Path) -> list[str]:
    """The paths of all files in a folder, hidden ones included."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def link(path: Path, target: Path) -> None:
    """Make a symbolic link, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


def test_making_a_store_touches_nothing(root: Path) -> None:
    """A store is made without a look at the disk."""
    LocalStore(root)
    assert not root.parent.exists()


async def test_a_file_is_private_and_alone(store: LocalStore, root: Path) -> None:
    """A stored picture is one file that its owner may read, in folders that only the owner may enter."""
    await store.put("ab/cd/0.png", b"picture", PNG)
    assert files(root) == ["ab/cd/0.png"]
    assert (root / "ab/cd/0.png").read_bytes() == b"picture"
    assert stat.S_IMODE((root / "ab/cd/0.png").stat().st_mode) == 0o600
    assert {stat.S_IMODE((root / path).stat().st_mode) for path in ("", "ab", "ab/cd")} == {0o700}


OUTSIDE = ["/etc/passwd", "../out.png", "ab/../../out.png", "ab/..", "..", ".", "", "ab//x.png", "ab/", "/", "a\\..\\x"]
HIDDEN = [".x.png", "ab/.x.png", ".ab/x.png"]
STRANGE = ["ab/x\0.png", "ab/x\n", "ab/ü.png", "ab/x y.png", "c:x.png", "x" * 201]


@pytest.mark.parametrize("key", OUTSIDE + HIDDEN + STRANGE)
async def test_no_path_leads_out(store: LocalStore, root: Path, key: str) -> None:
    """A key that is no relative path of plain names is refused; as a location it is empty."""
    with pytest.raises(ValueError, match="plain names"):
        await store.put(key, b"mine", PNG)
    with pytest.raises(NotFound):
        await store.get(key)
    await store.delete(key)
    assert files(root.parent.parent) == []


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=st.text(alphabet="ab./\\~:\0 ", max_size=9))
async def test_a_key_is_the_path_it_seems_to_be(key: str, tmp_path: Path) -> None:
    """Whatever is taken as a key is written there below the root and nowhere else."""
    room = Path(tempfile.mkdtemp(dir=tmp_path))
    store = LocalStore(room / "images", durable=False)
    try:
        written = [await store.put(key, b"mine", PNG)]
    except ValueError:
        written = []
    assert files(room) == [f"images/{key}" for key in written]
    await store.close()


async def test_no_link_leads_out(store: LocalStore, root: Path, tmp_path: Path) -> None:
    """Symbolic links below the root are followed neither as folders nor as files."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.png").write_bytes(b"secret")
    link(root / "folder", outside)
    link(root / "file.png", outside / "secret.png")
    for location in ("folder/secret.png", "file.png"):
        with pytest.raises(NotFound):
            await store.get(location)
    with pytest.raises(StorageUnavailable):
        await store.put("folder/new.png", b"mine", PNG)
    await store.put("file.png", b"mine", PNG)
    await store.delete("folder/secret.png")
    assert [blob.location async for blob in store.blobs()] == ["file.png"]
    assert (files(outside), (outside / "secret.png").read_bytes()) == (["secret.png"], b"secret")


async def test_the_root_itself_may_be_a_link(root: Path, tmp_path: Path) -> None:
    """An operator may keep the pictures on another disk behind a link."""
    (tmp_path / "disk").mkdir()
    link(root, tmp_path / "disk")
    store = LocalStore(root)
    await store.put("ab/x.png", b"picture", PNG)
    assert files(tmp_path / "disk") == ["ab/x.png"]
    await store.close()


async def test_what_was_left_unfinished_is_not_a_picture(store: LocalStore, root: Path) -> None:
    """An unfinished file is never listed, and removed as soon as nobody holds it; no other hidden file is."""
    await store.put("ab/x.png", b"picture", PNG)
    held, left, strangers = (root / name for name in (f".{1:016x}", f".{2:016x}", "ab/.htaccess"))
    for path in (held, left, strangers):
        path.touch()
    with held.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert [blob.location async for blob in store.blobs("check-")] == []
        assert files(root) == [".0000000000000001", "ab/.htaccess", "ab/x.png"]
    assert [blob.location async for blob in store.blobs()] == ["ab/x.png"]
    assert files(root) == ["ab/.htaccess", "ab/x.png"]


KILLED_WHILE_WRITING = """
import asyncio, os, sys, threading
from pathlib import Path
from imagegen.adapters.storage.local import LocalStore
def end(frame, event, function):
    if event == "c_call" and function is os.fsync:
        sys.setprofile(None)
        print("writing", flush=True)
        sys.stdin.read()
async def main():
    store = LocalStore(Path(sys.argv[1]))
    threading.setprofile(end)
    await store.put("picture.png", b"picture", "image/png")
asyncio.run(main())
"""


async def test_what_is_being_written_is_left_alone_until_its_writer_dies(store: LocalStore, root: Path) -> None:
    """Another process that lists the folder removes no file of a writer that lives, however long that one takes."""
    writer = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", KILLED_WHILE_WRITING, root), stdin=PIPE, stdout=PIPE
    )
    assert writer.stdout is not None
    assert await writer.stdout.readline() == b"writing\n"
    assert [blob async for blob in store.blobs()] == []
    assert len(files(root)) == 1
    writer.kill()
    await writer.wait()
    assert [blob async for blob in store.blobs()] == []
    assert files(root) == []


@pytest.fixture
def system_calls() -> Iterator[list[str]]:
    """The calls that order what reaches the disk, as they are made in any thread that starts from now on."""
    made: list[str] = []

    def note(_frame: FrameType, event: str, function: Any) -> None:
        if event == "c_call" and function in {os.fsync, os.rename, os.replace}:
            made.append(function.__name__)

    threading.setprofile(note)
    sys.setprofile(note)
    yield made
    sys.setprofile(None)
    threading.setprofile(None)


@pytest.mark.parametrize(("durable", "expected"), [(True, ["fsync", "rename", "fsync"]), (False, ["rename"])])
async def test_a_stored_picture_survives_a_power_cut(
    root: Path, system_calls: list[str], durable: bool, expected: list[str]
) -> None:
    """The bytes are on the disk before they get their name, and the name before `put` returns; unless not wanted."""
    store = LocalStore(root, durable=durable)
    await store.put("ab/first.png", b"makes the folders", PNG)
    system_calls.clear()
    await store.put("ab/second.png", b"picture", PNG)
    assert system_calls == expected
    await store.close()


async def test_a_folder_is_waited_for_once(root: Path, system_calls: list[str]) -> None:
    """Blobs that are stored together wait for their folder together, in the end."""
    store = LocalStore(root)
    await store.put("ab/first.png", b"makes the folders", PNG)
    system_calls.clear()
    await store.put_all([Blob("ab/0.png", b"picture", PNG), Blob("ab/r.json", b"{}", "application/json")])
    assert system_calls == ["fsync", "rename", "fsync", "rename", "fsync"]
    await store.close()


def open_descriptors() -> int:
    """How many files this process has open."""
    return len(os.listdir("/dev/fd"))  # noqa: PTH208 - names are all that is wanted


async def test_nothing_stays_open(store: LocalStore) -> None:
    """However an operation ends, its file and folders are closed."""
    await store.check()
    before = open_descriptors()
    await store.put("ab/cd/x.png", b"picture", PNG)
    await store.get("ab/cd/x.png")
    with pytest.raises(NotFound):
        await store.get("ab/cd/x.png/y.png")
    with pytest.raises(StorageUnavailable):
        await store.put("ab/cd/x.png/y.png", b"picture", PNG)
    assert [blob.location async for blob in store.blobs()] == ["ab/cd/x.png"]
    assert open_descriptors() == before


async def test_one_at_a_time_has_a_claim(store: LocalStore) -> None:
    """A file that is claimed is nobody else's until it is closed; nothing is claimed where nothing lies."""
    await store.put("ab/x.png", b"picture", PNG)
    claimed = store.claim("ab/x.png")
    assert claimed is not None
    with claimed:
        assert store.claim("ab/x.png") is None
        assert claimed.read() == b"picture"
    again = store.claim("ab/x.png")
    assert again is not None
    again.close()
    assert store.holds("ab/x.png")
    for location in ("ab/y.png", "cd/x.png", "../x", "ab/" + "x" * 300):
        assert not store.holds(location)
        with pytest.raises(NotFound):
            store.claim(location)


async def test_what_is_replaced_is_not_claimed(store: LocalStore, root: Path) -> None:
    """A claim is on the file that has the name, not on one that had it a moment ago."""
    await store.put("ab/x.png", b"first", PNG)
    await store.put("ab/y.png", b"second", PNG)

    def replace(_frame: FrameType, event: str, function: Any) -> None:
        if event == "c_call" and function is fcntl.flock:
            (root / "ab/y.png").rename(root / "ab/x.png")

    sys.setprofile(replace)
    assert store.claim("ab/x.png") is None
    sys.setprofile(None)
    claimed = store.claim("ab/x.png")
    assert claimed is not None
    with claimed:
        assert claimed.read() == b"second"


async def test_the_last_is_there_only_if_all_are(store: LocalStore, root: Path) -> None:
    """Who finds a receipt finds the pictures that it speaks of."""
    await store.put("ab/x.png", b"in the way of a folder", PNG)
    with pytest.raises(StorageUnavailable):
        await store.put_all([Blob("ab/x.png/y.png", b"picture", PNG), Blob("ab/r.json", b"{}", "application/json")])
    assert files(root) == ["ab/x.png"]


FILL_THE_DISK = """
import asyncio, resource, signal, sys
from pathlib import Path
from imagegen.adapters.storage.local import LocalStore
from imagegen.domain.errors import StorageUnavailable
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
async def main():
    store = LocalStore(Path(sys.argv[1]))
    await store.put("ab/x.png", b"small", "image/png")
    try:
        await store.put("ab/x.png", bytes(200_000), "image/png")
    except StorageUnavailable as error:
        print(error.detail)
    await store.close()
asyncio.run(main())
"""


def test_a_full_disk_costs_nothing_but_the_new_picture(root: Path) -> None:
    """When the file system takes only a part, the error says so, the old bytes stay and the part is gone."""
    done = subprocess.run([sys.executable, "-c", FILL_THE_DISK, root], capture_output=True, text=True, check=True)
    assert os.strerror(errno.EFBIG) in done.stdout
    assert (files(root), (root / "ab/x.png").read_bytes()) == (["ab/x.png"], b"small")


class Clinging(LocalStore):
    """A store that for a while removes nothing."""

    clings = True

    async def delete(self, *locations: str) -> None:
        """Remove them, or not."""
        if self.clings:
            raise StorageUnavailable
        await super().delete(*locations)


async def test_a_check_removes_what_an_earlier_one_left(root: Path) -> None:
    """One that could store and not remove is made up for by the next that can, however often that happened."""
    store = Clinging(root)
    for _ in range(3):
        with pytest.raises(StorageUnavailable):
            await store.check()
    assert len([blob async for blob in store.blobs()]) == 1
    store.clings = False
    await store.check()
    assert [blob async for blob in store.blobs()] == []
    await store.close()


async def test_a_root_that_is_a_file_is_unavailable(tmp_path: Path) -> None:
    """A store that cannot be written to says so when it is checked, without naming paths."""
    (tmp_path / "images").touch()
    store = LocalStore(tmp_path / "images")
    with pytest.raises(StorageUnavailable) as caught:
        await store.check()
    assert str(tmp_path) not in caught.value.detail
    await store.close()


def open_local(url: str, data_dir: Path) -> BlobStore:
    """The store that an address names, without variables."""
    return open_store(url, data_dir=data_dir, environment={})


async def test_an_address_names_the_folder(tmp_path: Path) -> None:
    """`file:` is in the data directory, `file:///…` anywhere, with or without waiting for the disk."""
    elsewhere = tmp_path / "else where"
    for url in ("file:", "file:?durable=0", f"file://{elsewhere.as_posix().replace(' ', '%20')}?durable=1"):
        store = open_local(url, tmp_path / "data")
        await store.put(f"{len(url)}.png", b"1", PNG)
        await store.close()
    assert files(tmp_path) == ["data/images/15.png", "data/images/5.png", f"else where/{len(url)}.png"]


@pytest.mark.parametrize("folder", ["data", ".", "link", "data/db", "data/../data"])
def test_a_folder_with_more_than_pictures_in_it_is_refused(folder: str, tmp_path: Path) -> None:
    """The data directory, what holds it and what holds the database are no folders of pictures, by any name."""
    database = tmp_path / "data" / "db" / "imagegen.db"
    link(tmp_path / "link", tmp_path / "data")
    with pytest.raises(StorageMisconfigured, match="must be a folder without the data directory"):
        open_store(f"file://{tmp_path}/{folder}", data_dir=tmp_path / "data", environment={}, database=database)


def test_a_folder_beside_them_is_accepted(tmp_path: Path) -> None:
    """Also one in the data directory."""
    for folder in ("data/images", "data/d", "dat"):
        open_store(
            f"file://{tmp_path}/{folder}", data_dir=tmp_path / "data", environment={}, database=tmp_path / "data/db.db"
        )


@pytest.mark.parametrize(
    "url",
    ["", "file", "files:", "file:relative", "file://host/x", "file:?durable=2", "file:?x=1", "file:#x", "inline:x"],
)
def test_an_unknown_address_is_refused(url: str, tmp_path: Path) -> None:
    """What names no store is refused by the name of its variable."""
    with pytest.raises(StorageMisconfigured) as caught:
        open_local(url, tmp_path)
    assert [fault.partition(":")[0] for fault in caught.value.faults] == ["IMAGEGEN_STORAGE_URL"]


async def test_reading_a_folder_leaves_nothing_open(tmp_path: Path) -> None:
    """Where a folder lies there is no picture, and however often it is asked for no descriptor stays behind."""
    (tmp_path / "images" / "a").mkdir(parents=True)
    store = LocalStore(tmp_path / "images")
    before = open_descriptors()
    for _ in range(20):
        with pytest.raises(NotFound):
            await store.get("a")
    assert open_descriptors() < before + 20
    await store.close()
