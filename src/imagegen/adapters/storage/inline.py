"""No storage at all: a picture's location is the picture, as a `data:` URL."""

from collections.abc import AsyncIterator, Sequence
from typing import Final

import pybase64

from imagegen.domain.errors import NotFound
from imagegen.domain.ports import Blob, BlobStore, StoredBlob, Wanted

_SCHEME: Final = "data:"
_MARK: Final = ";base64,"


class InlineStore(BlobStore):
    """Keeps nothing: whoever remembers the location remembers the bytes, and forgets them with it."""

    def location(self, key: str) -> str:
        """The key, which is no location here: nothing is found there."""
        return key

    async def put(self, key: str, data: bytes, content_type: str) -> str:  # noqa: ARG002 - needs no key
        """The bytes as a `data:` URL (`data:image/png;base64,…`), a third longer than they are."""
        return f"{_SCHEME}{content_type}{_MARK}{pybase64.b64encode_as_string(data)}"

    async def put_all(self, blobs: Sequence[Blob]) -> tuple[str, ...]:
        """A `data:` URL for each."""
        return tuple([await self.put(blob.key, blob.data, blob.content_type) for blob in blobs])

    async def get(self, location: str) -> bytes:
        """The bytes that the URL holds; `NotFound` for anything that `put` would not have returned."""
        head, mark, text = location.partition(_MARK)
        if not mark or not head.startswith(_SCHEME):
            raise NotFound
        try:
            return pybase64.b64decode(text, validate=True)
        except ValueError as error:
            raise NotFound from error

    async def delete(self, *locations: str) -> None:
        """Nothing lies anywhere."""

    def link(self, location: str) -> str | None:
        """The location itself: it is an address, and its own answer."""
        return location if location.startswith(_SCHEME) else None

    async def blobs(self, beginning: str = "") -> AsyncIterator[StoredBlob]:  # noqa: ARG002 - whichever it is
        """Nothing."""
        nothing: tuple[StoredBlob, ...] = ()
        for blob in nothing:
            yield blob

    async def move_on(self, wanted: Wanted | None = None) -> int:  # noqa: ARG002 - nothing waits
        """None: nothing waits anywhere."""
        return 0

    async def check(self) -> None:
        """There is nothing that could be away."""

    async def close(self) -> None:
        """There is nothing to let go of."""
