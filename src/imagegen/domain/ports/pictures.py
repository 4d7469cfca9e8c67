"""What draws, keeps and looks into pictures: providers, blob stores, pixels."""

from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from imagegen.domain.errors import Billed
from imagegen.domain.images import Dimensions, ImageFormat, ImageRequest
from imagegen.domain.prices import TokenUsage


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderAnswer:
    """What a call brought: the encoded pictures as they came, the counted tokens, and the call's name there."""

    pictures: tuple[bytes, ...]
    usage: TokenUsage | None
    request_id: str | None
    billed: Billed = Billed.YES


class ImageProvider(Protocol):
    """Somebody who draws.

    An adapter translates and raises; it does not retry, does not sleep, and does not follow redirects. An answer
    is at most 64 MiB. Errors carry no text of the provider's beyond its short code.
    """

    name: str

    @abstractmethod
    async def generate(self, request: ImageRequest, *, count: int, deadline: float) -> ProviderAnswer:
        """Draw `count` pictures for an applied request (its model is one of this provider's), in one call.

        `deadline` is the whole time allowed in seconds. Canceling the call abandons it; it may be billed.

        Raises:
            ProviderError: one of its leaves, saying where it failed and whether it was billed.
        """

    @abstractmethod
    async def check(self) -> None:
        """Find out for free whether the provider would answer; raise a `ProviderError` when it would not."""

    @abstractmethod
    async def close(self) -> None:
        """Let go of connections."""


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes to be stored, the key of ours to store them under, and their media type."""

    key: str
    data: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """A blob that a listing found: the key that it was put under, where it lies, and when it was written."""

    key: str
    location: str
    modified: datetime


Wanted = Callable[[StoredBlob], Awaitable[bool]]
"""Tells whether there is still anybody who may ask for a blob."""


class BlobStore(Protocol):
    """Where the bytes of pictures lie."""

    @abstractmethod
    def location(self, key: str) -> str:
        """Where `put` stores that key, without asking anybody.

        A store whose locations are the bytes themselves has no such place: nothing is ever found at this one.
        """

    @abstractmethod
    async def put(self, key: str, data: bytes, content_type: str) -> str:
        """Store bytes durably under a key of ours and return the location to remember.

        The same key written twice holds the second bytes. Nobody ever sees half of them.

        Raises:
            StorageUnavailable: they are not stored.
        """

    @abstractmethod
    async def put_all(self, blobs: Sequence[Blob]) -> tuple[str, ...]:
        """Store one or more as `put` does and return their locations; those in one folder cost the least together.

        The last of them is there only if all the others are, whatever happens on the way.

        Raises:
            StorageUnavailable: not all are stored; some may be.
        """

    @abstractmethod
    async def get(self, location: str) -> bytes:
        """The bytes at a location.

        Raises:
            NotFound: nothing lies there.
            StorageUnavailable: the store did not answer.
        """

    @abstractmethod
    async def delete(self, *locations: str) -> None:
        """Remove what lies there; removing twice is fine. Many cost least together, and one that stays keeps no other.

        Raises:
            StorageUnavailable: something may be there still.
        """

    @abstractmethod
    def link(self, location: str) -> str | None:
        """An address under which anybody may read the bytes without us, or `None` when there is none."""

    @abstractmethod
    def blobs(self, beginning: str = "") -> AsyncIterator[StoredBlob]:
        """Everything that is stored under a key that begins so, in no order.

        A short list takes little, however much else there is. What a process that died was writing goes on the way.
        """

    @abstractmethod
    async def move_on(self, wanted: Wanted | None = None) -> int:
        """Bring what had to be kept elsewhere for a while to where it belongs, and return how many blobs arrived.

        Nothing about them changes for anybody else: neither their locations nor whether they are found. What is not
        `wanted` is removed instead, also if that is found out on the way; what that raises is raised, and leaves the
        blob where it was.

        Raises:
            StorageUnavailable: the place where they belong does not take them yet.
        """

    @abstractmethod
    async def check(self) -> str | None:
        """Raise `StorageUnavailable` unless bytes could be stored now.

        Return in a sentence what is not as it should be nevertheless, or `None`.
        """

    @abstractmethod
    async def close(self) -> None:
        """Let go of connections and threads."""


class Pixels(Protocol):
    """What can be done with encoded pictures, bounded and off the event loop where it is slow."""

    @abstractmethod
    def measure(self, data: bytes) -> Dimensions:
        """Size and format of a whole PNG, JPEG or WebP, read from its structure to the last byte.

        Raises:
            UnreadablePicture: it is none of these, or not whole.
        """

    @abstractmethod
    async def transcode(self, data: bytes, wanted: ImageFormat) -> bytes:
        """The same picture in another encoding; transparency is laid on white where it would be lost.

        Raises:
            UnreadablePicture: it cannot be decoded, or is beyond 50 megapixels.
        """


class UnreadablePicture(Exception):
    """Bytes that are no picture we can read."""
