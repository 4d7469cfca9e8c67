"""The spool among real parts: a bucket that is cut off, and processes that are killed while they move blobs."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO
from uuid import uuid4

import pytest

from builders import new_id
from imagegen.adapters.storage import open_store
from imagegen.adapters.storage.local import LocalStore
from imagegen.adapters.storage.spool import SpoolingStore
from imagegen.domain.blob_keys import picture_key, receipt_key
from imagegen.domain.errors import NotFound
from imagegen.domain.identifiers import AttemptId
from imagegen.domain.images import ImageFormat
from imagegen.domain.ports import Blob
from servers.s3 import S3Account

PNG = "image/png"


class Relay:
    """A way to a server that can be cut and mended."""

    def __init__(self, port: int) -> None:
        self.port = 0
        self._target = port
        self._under_way: set[asyncio.StreamWriter] = set()

    async def mend(self) -> None:
        """Let connections through from now on, always at the same port."""
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Break all connections, and refuse new ones."""
        self._server.close()
        for writer in self._under_way:
            writer.transport.abort()
        await self._server.wait_closed()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection("127.0.0.1", self._target)
        self._under_way |= {writer, forth}
        await asyncio.gather(_pass(reader, forth), _pass(back, writer))
        self._under_way -= {writer, forth}


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on bytes until there are no more."""
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


@asynccontextmanager
async def relayed(account: S3Account) -> AsyncIterator[Relay]:
    """A way to an S3 server."""
    relay = Relay(int(account.endpoint.rpartition(":")[2]))
    await relay.mend()
    yield relay
    await relay.cut()


async def test_a_bucket_that_is_cut_off_costs_no_picture(s3_server: S3Account, tmp_path: Path) -> None:
    """Pictures and receipts put meanwhile are there, and reach the bucket with their media types when it is back."""
    bucket = f"spool-{uuid4().hex}"
    s3_server.create_bucket(bucket)
    attempt = AttemptId(new_id())
    before, picture, receipt = (
        picture_key(attempt, 0, ImageFormat.PNG),
        picture_key(attempt, 1, ImageFormat.WEBP),
        receipt_key(attempt),
    )
    async with relayed(s3_server) as relay:
        environment = {
            "R2_ENDPOINT_URL": f"http://127.0.0.1:{relay.port}",
            "R2_BUCKET": bucket,
            "R2_ACCESS_KEY_ID": s3_server.access_key,
            "R2_SECRET_ACCESS_KEY": s3_server.secret_key,
        }
        store = open_store("r2:", data_dir=tmp_path, environment=environment)
        assert await store.put(before, b"before", PNG) == before
        await relay.cut()
        blobs = [Blob(picture, b"picture", "image/webp"), Blob(receipt, b"{}", "application/json")]
        assert await store.put_all(blobs) == (picture, receipt)
        assert (tmp_path / "spool" / picture).read_bytes() == await store.get(picture) == b"picture"
        assert "wait on local disk" in str(await store.check())
        await relay.mend()
        assert await store.move_on() == 2
        assert [await store.get(key) for key in (before, picture, receipt)] == [b"before", b"picture", b"{}"]
        assert await store.check() is None
        await store.close()
    with s3_server.client() as client:
        types = {key: client.head_object(Bucket=bucket, Key=key)["ContentType"] for key in (picture, receipt)}
    assert types == {picture: "image/webp", receipt: "application/json"}
    assert not [path for path in (tmp_path / "spool").rglob("*") if path.is_file()]


MOVE_ON = """
import asyncio, sys
from pathlib import Path
from imagegen.adapters.storage.local import LocalStore
from imagegen.adapters.storage.spool import SpoolingStore

class Telling(LocalStore):
    async def put_all(self, blobs):
        print("putting", blobs[0].key, flush=True)
        if "stuck" in sys.argv:
            await asyncio.Event().wait()
        locations = await super().put_all(blobs)
        print("put", blobs[0].key, flush=True)
        return locations

async def main(folder):
    store = SpoolingStore(Telling(folder / "distant", durable=False), LocalStore(folder / "spool", durable=False))
    print("ready", flush=True)
    sys.stdin.readline()
    await store.move_on()
    await store.close()

asyncio.run(main(Path(sys.argv[1])))
"""


class Mover:
    """Another process that moves on what lies in the spool of a folder."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", MOVE_ON, folder, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._output.readline() == "ready\n"

    @property
    def _output(self) -> IO[str]:
        assert self._process.stdout is not None
        return self._process.stdout

    def go(self) -> None:
        """Begin, at the same time as others."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def lines(self, count: int) -> list[str]:
        """What it tells next."""
        return [self._output.readline() for _ in range(count)]

    def kill(self) -> None:
        """End it as the system does that has no memory left."""
        self._process.kill()
        self._process.communicate()

    def told(self) -> list[str]:
        """All that it tells until it has done its work."""
        output, _ = self._process.communicate()
        assert self._process.returncode == 0
        return output.splitlines()


async def spool(folder: Path, keys: Sequence[str]) -> LocalStore:
    """A spool with something under each key."""
    spool = LocalStore(folder / "spool", durable=False)
    for key in keys:
        await spool.put(key, key.encode(), PNG)
    return spool


async def test_a_mover_that_is_killed_loses_nothing(tmp_path: Path) -> None:
    """At whatever point a process dies, every blob is found, and the next one brings it to its place."""
    keys = [f"{n % 4:02x}/{n}.png" for n in range(40)]
    store = SpoolingStore(LocalStore(tmp_path / "distant"), await spool(tmp_path, keys))
    for lines in (1, 2, 3, 5, 8, 13):
        mover = Mover(tmp_path)
        mover.go()
        mover.lines(lines)
        mover.kill()
        assert [await store.get(key) for key in keys] == [key.encode() for key in keys]
        assert sorted([blob.key async for blob in store.blobs()]) == sorted(keys)
    await store.move_on()
    assert not [blob async for blob in LocalStore(tmp_path / "spool").blobs()]
    assert [(tmp_path / "distant" / key).read_text() for key in keys] == keys
    await store.close()


async def test_two_processes_move_each_blob_once(tmp_path: Path) -> None:
    """They share the work, and not a single call is made twice."""
    keys = [f"{n % 4:02x}/{n}.png" for n in range(300)]
    await (await spool(tmp_path, keys)).close()
    movers = [Mover(tmp_path) for _ in range(2)]
    for mover in movers:
        mover.go()
    told = [mover.told() for mover in movers]
    assert sorted(line for lines in told for line in lines) == sorted(
        f"{word} {key}" for key in keys for word in ("putting", "put")
    )


async def test_what_a_killed_mover_held_can_be_deleted(tmp_path: Path) -> None:
    """A deletion waits for the process that is moving the blob, and no longer than that lives."""
    store = SpoolingStore(LocalStore(tmp_path / "distant"), await spool(tmp_path, ["ab/x.png"]))
    mover = Mover(tmp_path, "stuck")
    mover.go()
    assert mover.lines(1) == ["putting ab/x.png\n"]
    deleting = asyncio.create_task(store.delete("ab/x.png"))
    await asyncio.wait((deleting,), timeout=0.1)
    assert not deleting.done()
    mover.kill()
    await deleting
    with pytest.raises(NotFound):
        await store.get("ab/x.png")
    assert await store.move_on() == 0
    await store.close()
