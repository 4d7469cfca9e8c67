"""Pictures in a bucket: Cloudflare R2, or anything else that speaks S3. Importing this imports boto3."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final, TypeVar
from urllib.parse import quote

from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from imagegen.domain.blob_keys import check_key
from imagegen.domain.errors import NotFound, StorageUnavailable
from imagegen.domain.ports import Blob, BlobStore, StoredBlob, Wanted

THREADS: Final = 8
"""Measured with pictures of 1 MiB on two cores: 32 threads store fewer a second and hold up the event loop longer."""
TRIES: Final = 3
TIMEOUT: Final = 5.0
"""Seconds without a byte after which a store is not worth waiting for: there is a spool for what it does not take."""
KEY_LIMIT: Final = 1024
"""Bytes of the longest name that S3 knows: nothing lies under a longer one."""

_ABSENT: Final = {"NoSuchKey", "404"}
_CODE: Final = re.compile("[A-Za-z0-9.]{1,64}")

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class R2Account:
    """Which bucket, where it is, who we are there, and the address below which anybody may read it, if there is one."""

    endpoint_url: str
    bucket: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    public_base_url: str | None = None


class R2Store(BlobStore):
    """Objects in one bucket; a location is the key.

    boto3 blocks, so it runs in threads of the store's own. A call is tried `TRIES` times, each giving up after
    `timeout` seconds without a byte. Errors name S3's code or boto's class and nothing else of theirs.
    """

    def __init__(self, account: R2Account, *, timeout: float = TIMEOUT) -> None:
        self._account = account
        self._timeout = timeout
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="r2-store")
        self._connecting = Lock()
        self._connected: Any = None
        self._check_key = check_key()

    def location(self, key: str) -> str:
        """The key itself."""
        return key

    async def put(self, key: str, data: bytes, content_type: str) -> str:
        """Store the bytes as an object of that media type."""
        await self._call("put_object", Key=key, Body=data, ContentType=content_type)
        return key

    async def put_all(self, blobs: Sequence[Blob]) -> tuple[str, ...]:
        """Store the last of them when all the others, which are stored at the same time, are there."""
        *others, last = blobs
        await asyncio.gather(*(self.put(blob.key, blob.data, blob.content_type) for blob in others))
        await self.put(last.key, last.data, last.content_type)
        return tuple(blob.key for blob in blobs)

    async def get(self, location: str) -> bytes:
        """The object's bytes."""
        if not _possible(location):
            raise NotFound
        return await self._in_thread(lambda: self._read(location))

    async def delete(self, *locations: str) -> None:
        """Remove the objects, each by itself, as many at the same time as there are threads.

        Not in one call: for that S3 wants a checksum, and which one is a matter on which stores that speak S3 differ.
        Where so many are not removed the bucket is away, and asked for no more of them.
        """
        remaining = filter(_possible, locations)  # shared: each of the removers takes the next one

        async def remove() -> None:
            for location in remaining:
                await self._call("delete_object", Key=location)

        for outcome in await asyncio.gather(*(remove() for _ in range(THREADS)), return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    def link(self, location: str) -> str | None:
        """The object's address below the public one of the bucket, if it has one."""
        base = self._account.public_base_url
        return f"{base.rstrip('/')}/{quote(location)}" if base and _possible(location) else None

    async def blobs(self, beginning: str = "") -> AsyncIterator[StoredBlob]:
        """Every such object, a thousand at a time."""
        start: dict[str, str] = {}
        more = True
        while more:
            page = await self._call("list_objects_v2", Prefix=beginning, **start)
            for item in page.get("Contents", ()):
                yield StoredBlob(item["Key"], item["Key"], item["LastModified"])
            more = page["IsTruncated"]
            start = {"ContinuationToken": page.get("NextContinuationToken", "")}

    async def move_on(self, wanted: Wanted | None = None) -> int:  # noqa: ARG002 - nothing waits
        """None: everything is where it belongs."""
        return 0

    async def check(self) -> None:
        """Store an object and remove it again, which may be one that an earlier check could not remove."""
        await self.put(self._check_key, b"imagegen", "text/plain")
        await self.delete(self._check_key)

    async def close(self) -> None:
        """Finish what was begun, end the threads and let go of connections."""
        await asyncio.to_thread(self._threads.shutdown)
        if self._connected is not None:
            self._connected.close()

    async def _call(self, operation: str, **arguments: Any) -> Any:
        return await self._in_thread(lambda: self._ask(operation, **arguments))

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        with _translated():
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _read(self, location: str) -> bytes:
        data: bytes = self._ask("get_object", Key=location)["Body"].read()
        return data

    def _ask(self, operation: str, **arguments: Any) -> Any:
        return getattr(self._client(), operation)(Bucket=self._account.bucket, **arguments)

    def _client(self) -> Any:
        """The one client, which takes a quarter of a second to make and may be used from every thread."""
        with self._connecting:
            if self._connected is None:
                self._connected = Session().client(
                    "s3",
                    endpoint_url=self._account.endpoint_url,
                    aws_access_key_id=self._account.access_key_id,
                    aws_secret_access_key=self._account.secret_access_key,
                    region_name="auto",
                    config=self._config(),
                )
            return self._connected

    def _config(self) -> Config:
        return Config(
            s3={"addressing_style": "path"},
            signature_version="s3v4",
            max_pool_connections=2 * THREADS,
            connect_timeout=self._timeout,
            read_timeout=self._timeout,
            retries={"mode": "standard", "total_max_attempts": TRIES},
            # The checksums that boto3 adds by itself upset many a store that speaks S3 almost like Amazon's.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )


def _possible(location: str) -> bool:
    return 0 < len(location.encode()) <= KEY_LIMIT


@contextmanager
def _translated() -> Iterator[None]:
    """Say in our words what went wrong: boto's own may quote keys of the account."""
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if error.operation_name == "GetObject" and code in _ABSENT:
            raise NotFound from None
        said = code if _CODE.fullmatch(code) else "an unreadable code"
        raise StorageUnavailable(f"The bucket answered with {said}.") from None
    except BotoCoreError as error:
        raise StorageUnavailable(f"The bucket did not answer: {type(error).__name__}.") from None
