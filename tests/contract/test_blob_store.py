"""The promises of `BlobStore`, kept by every store."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builders import new_id
from imagegen.adapters.memory import MemoryBlobStore
from imagegen.adapters.storage.inline import InlineStore
from imagegen.adapters.storage.local import LocalStore
from imagegen.adapters.storage.r2 import R2Account, R2Store
from imagegen.adapters.storage.spool import SpoolingStore
from imagegen.domain.blob_keys import is_check_key, receipt_key
from imagegen.domain.errors import NotFound, StorageUnavailable
from imagegen.domain.identifiers import AttemptId
from imagegen.domain.ports import Blob, BlobStore
from servers.s3 import S3Account

KEEPING = ("memory", "local", "local-hasty", "r2", "spooling", "spooling-r2", "spooled")
"""The stores that keep bytes themselves; `inline` leaves that to the location."""

PNG = "image/png"


class Fickle(LocalStore):
    """A store that takes bytes only every other time, or never, and does everything else well."""

    def __init__(self, root: Path, *, sometimes: bool) -> None:
        super().__init__(root, durable=False)
        self._sometimes = sometimes
        self._willing = False

    async def put_all(self, blobs: Sequence[Blob]) -> tuple[str, ...]:
        """Store them, or not."""
        self._willing = self._sometimes and not self._willing
        if not self._willing:
            raise StorageUnavailable("Not now.")
        return await super().put_all(blobs)


@pytest.fixture(scope="module")
def r2_store(s3_server: S3Account) -> Iterator[R2Store]:
    """A store on a bucket of these tests' own; making its client takes longer than most of them."""
    bucket = f"contract-{uuid4().hex}"
    s3_server.create_bucket(bucket)
    store = R2Store(
        R2Account(
            endpoint_url=s3_server.endpoint,
            bucket=bucket,
            access_key_id=s3_server.access_key,
            secret_access_key=s3_server.secret_key,
        )
    )
    yield store
    asyncio.run(store.close())


@asynccontextmanager
async def _opened(kind: str, request: pytest.FixtureRequest, folder: Path) -> AsyncIterator[BlobStore]:
    store: BlobStore
    match kind:
        case "memory":
            store = MemoryBlobStore(lambda: datetime.now(UTC))
        case "local":
            store = LocalStore(folder / "images")
        case "local-hasty":
            store = LocalStore(folder / "images", durable=False)
        case "r2":
            yield (shared := request.getfixturevalue("r2_store"))
            await _empty(shared)
            return
        case "spooling-r2":
            spool = LocalStore(folder / "spool")
            yield (store := SpoolingStore(request.getfixturevalue("r2_store"), spool))
            await _empty(store)
            await spool.close()
            return
        case "spooling":
            store = SpoolingStore(Fickle(folder / "images", sometimes=True), LocalStore(folder / "spool"), rest=0)
            async with _moving_on(store):
                yield store
            await store.close()
            return
        case "spooled":
            store = SpoolingStore(Fickle(folder / "images", sometimes=False), LocalStore(folder / "spool"))
        case _:
            store = InlineStore()
    yield store
    await store.close()


async def _empty(store: BlobStore) -> None:
    """Remove everything, for the next test."""
    for location in [blob.location async for blob in store.blobs()]:
        await store.delete(location)


@asynccontextmanager
async def _moving_on(store: BlobStore) -> AsyncIterator[None]:
    """Move on what there is, all the time."""

    async def move() -> None:
        while True:
            with suppress(StorageUnavailable):
                await store.move_on()
            await asyncio.sleep(0.001)

    moving = asyncio.create_task(move())
    yield
    moving.cancel()
    with suppress(asyncio.CancelledError):
        await moving


@pytest.fixture(params=[*KEEPING, "inline"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[BlobStore]:
    """An empty store, of each kind in turn."""
    async with _opened(request.param, request, tmp_path) as store:
        yield store


@pytest.fixture(params=KEEPING)
async def keeping_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[BlobStore]:
    """An empty store that keeps bytes, of each kind in turn."""
    async with _opened(request.param, request, tmp_path) as store:
        yield store


@pytest.mark.parametrize("size", [0, 1, 1024, 300_000])
async def test_what_was_put_is_got(store: BlobStore, size: int) -> None:
    """Bytes come back as they were, from the location that putting them returned."""
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)
    location = await store.put("ab/0190-0.png", data, PNG)
    assert await store.get(location) == data


async def test_a_receipt_is_found_by_its_key(keeping_store: BlobStore) -> None:
    """Whoever has only the key knows the location before, and finds the bytes there afterwards."""
    key = receipt_key(AttemptId(new_id()))
    location = keeping_store.location(key)
    with pytest.raises(NotFound):
        await keeping_store.get(location)
    assert await keeping_store.put(key, b'{"billed": "yes"}', "application/json") == location
    assert await keeping_store.get(location) == b'{"billed": "yes"}'
    assert [(blob.key, blob.location) async for blob in keeping_store.blobs()] == [(key, location)]
    await keeping_store.delete(location)
    with pytest.raises(NotFound):
        await keeping_store.get(location)


async def test_nothing_is_found_by_key_where_nothing_is_kept() -> None:
    """A store whose locations are the bytes has none for a key alone, and says so as of any empty place."""
    store = InlineStore()
    await store.put("ab/x.png", b"1", PNG)
    with pytest.raises(NotFound):
        await store.get(store.location("ab/x.png"))


@pytest.mark.parametrize("sizes", [(7,), (300_000, 7), (7, 0, 9)])
async def test_several_are_stored_at_once(store: BlobStore, sizes: tuple[int, ...]) -> None:
    """Each is found at the location that is returned in its place, in whichever folder it is."""
    blobs = [Blob(f"{n % 2:02x}/{n}.png", bytes([n]) * size, PNG) for n, size in enumerate(sizes)]
    locations = await store.put_all(blobs)
    assert [await store.get(location) for location in locations] == [blob.data for blob in blobs]


async def test_what_is_stored_at_once_replaces_too(keeping_store: BlobStore) -> None:
    """A repeated step repairs itself, whether it stores one or all."""
    await keeping_store.put("ab/0.png", b"first", PNG)
    await keeping_store.put_all([Blob("ab/0.png", b"second", PNG), Blob("ab/r.json", b"{}", "application/json")])
    assert await keeping_store.get(keeping_store.location("ab/0.png")) == b"second"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=5000))
async def test_any_bytes_are_kept(store: BlobStore, data: bytes) -> None:
    """A store does not look into what it keeps."""
    assert await store.get(await store.put("cd/any.png", data, PNG)) == data


async def test_a_key_written_twice_holds_the_second_bytes(store: BlobStore) -> None:
    """Storing again under the same key is how a repeated step repairs itself."""
    await store.put("ab/again.png", b"first and longer", PNG)
    assert await store.get(await store.put("ab/again.png", b"second", PNG)) == b"second"


@pytest.mark.parametrize(
    "location", ["ab/nobody.png", "nobody.png", "ab", "memory:nobody", "data:image/png;base64,****", "x" * 5000]
)
async def test_nothing_is_found_where_nothing_lies(store: BlobStore, location: str) -> None:
    """A location that is empty, or another store's, is not found, and removing what is there succeeds."""
    await store.put("ab/somebody.png", b"1", PNG)
    with pytest.raises(NotFound):
        await store.get(location)
    await store.delete(location)


async def test_what_was_deleted_is_gone(keeping_store: BlobStore) -> None:
    """After a deletion, and after a second one, nothing lies there, and neighbors stay."""
    location = await keeping_store.put("ab/gone.png", b"1", PNG)
    neighbor = await keeping_store.put("ab/stays.png", b"2", PNG)
    await keeping_store.delete(location)
    await keeping_store.delete(location)
    with pytest.raises(NotFound):
        await keeping_store.get(location)
    assert await keeping_store.get(neighbor) == b"2"


async def test_many_are_deleted_at_once(keeping_store: BlobStore) -> None:
    """All of them go, whatever else is among them: what is gone already, and what never was anywhere."""
    locations = [await keeping_store.put(f"{n:02x}/many.png", b"1", PNG) for n in range(40)]
    neighbor = await keeping_store.put("ab/stays.png", b"2", PNG)
    await keeping_store.delete(*locations[:20])
    await keeping_store.delete(*locations, "ab/nobody.png", "x" * 5000)
    await keeping_store.delete()
    left = [blob async for blob in keeping_store.blobs()]
    assert [blob.location for blob in left if not is_check_key(blob.key)] == [neighbor]  # others may be checking


async def test_deleting_is_never_an_error(store: BlobStore) -> None:
    """Whatever a store keeps, its own locations can be deleted, and twice."""
    location = await store.put("ab/once.png", b"1", PNG)
    await store.delete(location)
    await store.delete(location)


async def test_everything_stored_is_listed_with_its_time(keeping_store: BlobStore) -> None:
    """A listing has each key once, its location, and about when it was written; what was deleted is not in it."""
    before = datetime.now(UTC) - timedelta(seconds=2)  # a store may keep whole seconds
    keys = [f"{n % 3:02x}/{n}.png" for n in range(7)]
    locations = [(key, await keeping_store.put(key, b"x", PNG)) for key in keys]
    await keeping_store.delete(await keeping_store.put("00/deleted.png", b"x", PNG))
    listed = [blob async for blob in keeping_store.blobs()]
    assert sorted((blob.key, blob.location) for blob in listed) == sorted(locations)
    assert all(before <= blob.modified <= datetime.now(UTC) + timedelta(seconds=2) for blob in listed)


@pytest.mark.parametrize("beginning", ["", "a", "ab/", "ab/1", "ab/10.png", "check-", "/", "ab/ab/", "abc"])
async def test_what_begins_alike_is_listed(keeping_store: BlobStore, beginning: str) -> None:
    """A listing can be asked for a part of the keys, which need not end with a name or a folder."""
    keys = ["ab/1.png", "ab/10.png", "ab/ab/1.png", "ac/1.png", "check-1", "checks", "abc"]
    for key in keys:
        await keeping_store.put(key, b"x", PNG)
    everything = [blob.key async for blob in keeping_store.blobs(beginning)]
    listed = [key for key in everything if not is_check_key(key)]  # a store before which a spool lies is tried out
    assert sorted(listed) == sorted(key for key in keys if key.startswith(beginning))


async def test_an_empty_store_lists_nothing(store: BlobStore) -> None:
    """Before anything was stored a listing is empty, not an error."""
    assert [blob async for blob in store.blobs()] == []


async def test_moving_on_changes_nothing_for_readers(store: BlobStore) -> None:
    """Where a blob is, and whether there is any place for it, is nobody's concern but the store's."""
    location = await store.put("ab/moved.png", b"1", PNG)
    with suppress(StorageUnavailable):
        await store.move_on()
    assert await store.get(location) == b"1"


async def test_a_check_leaves_nothing_behind(store: BlobStore) -> None:
    """A store that works says so quietly, and proving it costs no space."""
    await store.check()
    assert [blob async for blob in store.blobs()] == []


async def test_nobody_sees_half_of_the_bytes(keeping_store: BlobStore) -> None:
    """Whoever reads while another writes sees the bytes before or the bytes after, whole."""
    versions = [bytes([n]) * 200_000 for n in range(6)]
    location = await keeping_store.put("ab/busy.png", versions[0], PNG)

    async def read() -> list[bytes]:
        return [await keeping_store.get(location) for _ in range(12)]

    async def write() -> None:
        for version in versions:
            await keeping_store.put("ab/busy.png", version, PNG)

    one, other, _ = await asyncio.gather(read(), read(), write())
    assert all(data in versions for data in (*one, *other))


async def test_many_at_once_do_not_mix(store: BlobStore) -> None:
    """Bytes stored at the same time end up each under its own key."""
    pictures = {f"{n % 4:02x}/{n}.png": n.to_bytes(2, "big") * 1000 for n in range(64)}
    locations = await asyncio.gather(*(store.put(key, data, PNG) for key, data in pictures.items()))
    assert await asyncio.gather(*map(store.get, locations)) == list(pictures.values())


async def test_a_link_is_an_address_or_nothing(store: BlobStore) -> None:
    """What a store offers as a link can be given to a browser as it is."""
    link = store.link(await store.put("ab/linked.png", b"1", PNG))
    assert link is None or re.match("https?://|data:", link)
