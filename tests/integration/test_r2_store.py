"""The store on S3: what a real server, a wrong account or a silent one make of it."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from imagegen.adapters.storage import StorageMisconfigured, open_store
from imagegen.adapters.storage.r2 import THREADS, R2Account, R2Store
from imagegen.domain.blob_keys import CHECKS
from imagegen.domain.errors import NotFound, StorageUnavailable
from imagegen.domain.ports import Blob
from servers.s3 import S3Account

PNG = "image/png"
SECRET = "wrong-but-secret-all-the-same"


@pytest.fixture(scope="module")
def account(s3_server: S3Account) -> R2Account:
    """A bucket of these tests' own."""
    bucket = f"integration-{uuid4().hex}"
    s3_server.create_bucket(bucket)
    return R2Account(
        endpoint_url=s3_server.endpoint,
        bucket=bucket,
        access_key_id=s3_server.access_key,
        secret_access_key=s3_server.secret_key,
        public_base_url="https://pictures.example/shown/",
    )


@asynccontextmanager
async def opened(account: R2Account, timeout: float = 15.0) -> AsyncIterator[R2Store]:  # noqa: ASYNC109 - handed on
    """A store that is closed again."""
    store = R2Store(account, timeout=timeout)
    yield store
    await store.close()


async def test_an_object_has_its_media_type(account: R2Account, s3_server: S3Account) -> None:
    """Whoever reads a picture past us is told what it is."""
    async with opened(account) as store:
        await store.put("ab/typed.png", b"picture", PNG)
    with s3_server.client() as client:
        assert client.head_object(Bucket=account.bucket, Key="ab/typed.png")["ContentType"] == PNG


async def test_a_link_is_below_the_public_address(account: R2Account) -> None:
    """A bucket that anybody may read offers links; one that is private offers none."""
    async with opened(account) as store, opened(replace(account, public_base_url=None)) as private:
        assert store.link("ab/x.png") == "https://pictures.example/shown/ab/x.png"
        assert private.link("ab/x.png") is None
        assert store.link("data:image/png;base64," + "A" * 2000) is None


async def test_a_listing_goes_on_after_a_thousand(account: R2Account, s3_server: S3Account) -> None:
    """More objects than S3 tells at once are all listed, each once."""
    bucket = f"many-{uuid4().hex}"
    s3_server.create_bucket(bucket)
    async with opened(replace(account, bucket=bucket)) as store:
        await asyncio.gather(*(store.put(f"{n % 7}/{n}.png", b"", PNG) for n in range(1003)))
        listed = [blob.location async for blob in store.blobs()]
    assert sorted(listed) == sorted(f"{n % 7}/{n}.png" for n in range(1003))


async def test_the_last_is_there_only_if_all_are(account: R2Account) -> None:
    """Who finds a receipt finds the pictures that it speaks of."""
    async with opened(account) as store:
        with pytest.raises(StorageUnavailable):
            await store.put_all([Blob("x" * 2000, b"refused", PNG), Blob("ab/last.json", b"{}", "application/json")])
        with pytest.raises(NotFound):
            await store.get("ab/last.json")


class Clinging(R2Store):
    """A store that for a while removes nothing."""

    clings = True

    async def delete(self, *locations: str) -> None:
        """Remove them, or not."""
        if self.clings:
            raise StorageUnavailable
        await super().delete(*locations)


async def test_a_check_removes_what_an_earlier_one_left(account: R2Account) -> None:
    """One that could store and not remove is made up for by the next that can, however often that happened."""
    store = Clinging(account)
    for _ in range(3):
        with pytest.raises(StorageUnavailable):
            await store.check()
    assert len([blob async for blob in store.blobs(CHECKS)]) == 1
    store.clings = False
    await store.check()
    assert [blob async for blob in store.blobs(CHECKS)] == []
    await store.close()


async def test_an_absent_bucket_is_not_asked_for_each(account: R2Account) -> None:
    """Who removes many objects from a store that is away finds that out once for each thread, not for each object."""
    asked: list[str] = []

    class Noting(R2Store):
        async def _call(self, operation: str, **arguments: Any) -> Any:
            asked.append(operation)
            return await super()._call(operation, **arguments)

    store = Noting(replace(account, secret_access_key=SECRET))
    with pytest.raises(StorageUnavailable):
        await store.delete(*(f"ab/{n}.png" for n in range(100)))
    assert len(asked) == THREADS
    await store.close()


async def failing_calls(store: R2Store) -> list[str]:
    """What each call that touches bytes says when the store is unavailable."""
    said = []
    for call in (store.put("ab/x.png", b"1", PNG), store.get("ab/x.png"), store.delete("ab/x.png"), store.check()):
        with pytest.raises(StorageUnavailable) as caught:
            await call
        said.append(f"{caught.value.detail} {caught.value!r}")
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__
    with pytest.raises(StorageUnavailable):
        [blob async for blob in store.blobs()]
    return said


async def test_a_wrong_secret_is_told_without_it(account: R2Account) -> None:
    """A refused account makes the store unavailable, and neither error nor representation has its secret."""
    wrong = replace(account, secret_access_key=SECRET)
    async with opened(wrong) as store:
        said = await failing_calls(store)
        texts = [*said, repr(wrong), repr(store), str(vars(store))]
    assert all("SignatureDoesNotMatch" in text for text in said)
    assert not [text for text in texts if SECRET in text]


async def test_a_bucket_that_is_not_there_is_unavailable(account: R2Account) -> None:
    """A missing bucket is the operator's trouble, not a missing picture."""
    async with opened(replace(account, bucket="nobody-made-this")) as store:
        assert all("NoSuchBucket" in text for text in await failing_calls(store))


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port where connections are taken and never answered."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


async def test_a_silent_store_is_given_up(account: R2Account, silent_port: int) -> None:
    """A store that takes the call and says nothing does not hold it for ever."""
    async with opened(replace(account, endpoint_url=f"http://127.0.0.1:{silent_port}"), timeout=0.05) as store:
        with pytest.raises(StorageUnavailable, match="ReadTimeout"):
            await store.put("ab/x.png", b"1", PNG)


async def answer_not_found(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer whatever is asked with 404 and no body."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    await writer.drain()
    writer.close()


async def test_an_address_that_is_no_store_takes_nothing(account: R2Account) -> None:
    """A web server that knows nothing of S3 makes the store unavailable to writers, not a picture missing."""
    async with await asyncio.start_server(answer_not_found, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with opened(replace(account, endpoint_url=f"http://127.0.0.1:{port}")) as store:
            with pytest.raises(StorageUnavailable, match="404"):
                await store.put("ab/x.png", b"1", PNG)


async def test_a_store_that_is_off_is_unavailable(account: R2Account) -> None:
    """A refused connection is told as such, without the address."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    async with opened(replace(account, endpoint_url=f"http://127.0.0.1:{port}")) as store:
        with pytest.raises(StorageUnavailable) as caught:
            await store.get("ab/x.png")
    assert str(port) not in caught.value.detail


def variables(account: R2Account) -> dict[str, str]:
    """The environment that describes an account."""
    return {
        "R2_ENDPOINT_URL": account.endpoint_url,
        "R2_BUCKET": account.bucket,
        "R2_ACCESS_KEY_ID": account.access_key_id,
        "R2_SECRET_ACCESS_KEY": account.secret_access_key,
        "R2_PUBLIC_BASE_URL": account.public_base_url or "",
    }


async def test_variables_describe_the_bucket(account: R2Account, tmp_path: Path) -> None:
    """With the variables set, `r2:` is a store that works; other software's variables are left alone."""
    environment = {**variables(account), "R2_UNIT": "beep", "HOME": "/"}
    store = open_store("r2:", data_dir=tmp_path, environment=environment)
    await store.check()
    assert store.link("x.png") == "https://pictures.example/shown/x.png"
    await store.close()


def faults_of(environment: dict[str, str]) -> list[str]:
    """Which variables `r2:` storage finds fault with, and the store's whole message."""
    with pytest.raises(StorageMisconfigured) as caught:
        open_store("r2:", data_dir=Path(), environment=environment)
    assert SECRET not in str(caught.value)
    return [fault.partition(":")[0] for fault in caught.value.faults]


def test_everything_missing_is_told_at_once() -> None:
    """Without any variable every required one is named."""
    assert faults_of({}) == ["R2_BUCKET", "R2_ACCESS_KEY_ID", "R2_SECRET_ACCESS_KEY", "R2_ENDPOINT_URL"]


def test_everything_wrong_is_told_at_once(account: R2Account) -> None:
    """Empty, malformed and misspelt variables are named together; no value is repeated."""
    environment = {
        **variables(account),
        "R2_BUCKET": " ",
        "R2_ENDPOINT_URL": f"https://me:{SECRET}@host",
        "R2_ACCOUNT_ID": "my account",
        "R2_PUBLIC_URL": "https://pictures.example",
        "R2_SECRET_KEY": SECRET,
    }
    assert faults_of(environment) == ["R2_BUCKET", "R2_ENDPOINT_URL", "R2_ACCOUNT_ID", "R2_PUBLIC_URL", "R2_SECRET_KEY"]


def test_an_account_id_is_an_endpoint(tmp_path: Path) -> None:
    """Cloudflare's account id stands for its address."""
    environment = {
        "R2_ACCOUNT_ID": "0123456789abcdef" * 2,
        "R2_BUCKET": "pictures",
        "R2_ACCESS_KEY_ID": "id",
        "R2_SECRET_ACCESS_KEY": SECRET,
    }
    store = open_store("r2:", data_dir=tmp_path, environment=environment)
    assert "https://0123456789abcdef0123456789abcdef.r2.cloudflarestorage.com" in str(vars(vars(store)["_store"]))


NEVER_LOADED = """
import sys
from pathlib import Path
from imagegen.adapters.storage import open_store
open_store("file:", data_dir=Path(), environment={})
open_store("inline:", data_dir=Path(), environment={})
sys.exit("boto3" in sys.modules or "botocore" in sys.modules)
"""


def test_boto3_is_loaded_only_for_buckets() -> None:
    """Who stores elsewhere does not pay for loading it."""
    assert subprocess.run([sys.executable, "-c", NEVER_LOADED], check=False).returncode == 0
