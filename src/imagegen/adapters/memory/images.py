"""Images in memory, and where the bytes of forgotten ones lie."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from imagegen.adapters.memory.rows import Rows, discard, discard_keys, insert, page, replace_next, require
from imagegen.adapters.memory.transaction import Repository
from imagegen.domain.errors import StaleWrite
from imagegen.domain.identifiers import AttemptId, ImageId, UserId
from imagegen.domain.images import Image
from imagegen.domain.pages import Page, PageRequest
from imagegen.domain.ports import ForgottenBlobs, Images

_MOST_AT_ONCE: Final = 1_000
_INLINE: Final = "data:"


class MemoryImages(Repository, Images):
    """The pictures."""

    async def get(self, image_id: ImageId, owner: UserId) -> Image | None:
        """The image of that identifier if it is the owner's."""
        image = await self.find(image_id)
        return image if image is not None and image.user_id == owner else None

    async def find(self, image_id: ImageId) -> Image | None:
        """The image of that identifier."""
        return (await self._read()).images.get(image_id)

    async def page(self, owner: UserId, wanted: PageRequest) -> Page[Image]:
        """A part of the owner's images."""
        images = (await self._read()).images.values()
        return page((image for image in images if image.user_id == owner), wanted)

    async def stored_at(self, location: str, attempt_id: AttemptId) -> bool:
        """Whether an image of the call's generation names that location."""
        rows = await self._read()
        attempt = rows.attempts.get(attempt_id)
        images = (i for i in rows.images.values() if attempt is not None and i.generation_id == attempt.generation_id)
        return any(image.location == location for image in images)

    def add(self, image: Image) -> None:
        """Add an image of a user and, if it names one, of a generation who are there."""

        def add(rows: Rows) -> None:
            require(rows.users, image.user_id)
            require(rows.generations, image.generation_id)
            insert(rows.images, image.id, image, "images.id")

        self._write(add)

    def update(self, image: Image) -> None:
        """Put the next version of an image in place."""
        self._write(lambda rows: replace_next(rows.images, image))

    def remove(self, image_id: ImageId, owner: UserId) -> None:
        """Remove an image of the owner's."""

        def remove(rows: Rows) -> None:
            image = rows.images.get(image_id)
            if image is None or image.user_id != owner:
                raise StaleWrite
            forget_images(rows, lambda image: image.id == image_id)

        self._write(remove)


class MemoryForgottenBlobs(Repository, ForgottenBlobs):
    """Where the bytes of forgotten images lie."""

    async def of_user(self, owner: UserId) -> Sequence[str]:
        """The locations that are noted with that user."""
        noted = (await self._read()).forgotten_blobs.items()
        return sorted(location for location, user_id in noted if user_id == owner)[:_MOST_AT_ONCE]

    async def following(self, location: str) -> Sequence[str]:
        """The locations that are greater."""
        noted = (await self._read()).forgotten_blobs
        return sorted(other for other in noted if other > location)[:_MOST_AT_ONCE]

    def gone(self, locations: Iterable[str]) -> None:
        """Remove the notes."""
        wanted = set(locations)
        self._write(lambda rows: discard_keys(rows.forgotten_blobs, lambda location: location in wanted))


def forget_images(rows: Rows, unwanted: Callable[[Image], bool]) -> None:
    """Remove the images that are not wanted any more, and note where their bytes lie unless that is in the location."""
    for image in filter(unwanted, rows.images.values()):
        if not image.location.startswith(_INLINE):
            rows.forgotten_blobs[image.location] = image.user_id
    discard(rows.images, unwanted)
