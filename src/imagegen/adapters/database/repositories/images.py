"""The pictures."""

from functools import cache

from sqlalchemy import bindparam, delete, insert, select

from imagegen.adapters.database.pages import cut, paged, values_of
from imagegen.adapters.database.rows import image_of, image_values
from imagegen.adapters.database.statements import Query, Write, next_version, replacing
from imagegen.adapters.database.tables import attempts, images
from imagegen.adapters.database.transaction import Repository
from imagegen.domain.identifiers import AttemptId, ImageId, UserId
from imagegen.domain.images import Image
from imagegen.domain.pages import Page, PageRequest
from imagegen.domain.ports import Images

_IS_OWNED = images.c.user_id == bindparam("owner")
_OF_OWNER = select(images).where(_IS_OWNED)
_FIND = Query(select(images).where(images.c.id == bindparam("id")), image_of)
_GET = Query(_FIND.select.where(_IS_OWNED), image_of)
_STORED_AT = Query(
    select(images.c.id)
    .join_from(attempts, images, images.c.generation_id == attempts.c.generation_id)
    .where(attempts.c.id == bindparam("attempt_id"), images.c.location == bindparam("location"))
    .limit(1),
    bool,
)
_ADD = insert(images)
_UPDATE = replacing(images, "rating", "tags")
_REMOVE = delete(images).where(images.c.id == bindparam("id"), _IS_OWNED)


@cache
def _page(*, oldest_first: bool, continued: bool) -> Query[Image]:
    return Query(paged(_OF_OWNER, images, oldest_first=oldest_first, continued=continued), image_of)


class SqlImages(Repository, Images):
    """The pictures."""

    async def get(self, image_id: ImageId, owner: UserId) -> Image | None:
        """Look the image up by primary key and owner."""
        return await self._transaction.one(_GET, {"id": image_id, "owner": owner})

    async def find(self, image_id: ImageId) -> Image | None:
        """Look the image up by primary key."""
        return await self._transaction.one(_FIND, {"id": image_id})

    async def page(self, owner: UserId, wanted: PageRequest) -> Page[Image]:
        """Walk the owner's images by identifier."""
        query = _page(oldest_first=wanted.oldest_first, continued=wanted.after is not None)
        return cut(await self._transaction.scan(query, {"owner": owner, **values_of(wanted)}), wanted)

    async def stored_at(self, location: str, attempt_id: AttemptId) -> bool:
        """Look among the images of the generation that the call was made for."""
        return bool(await self._transaction.look_up(_STORED_AT, {"attempt_id": attempt_id, "location": location}))

    def add(self, image: Image) -> None:
        """Insert a row."""
        self._transaction.write(Write(_ADD, image_values(image)))

    def update(self, image: Image) -> None:
        """Replace what may change."""
        self._transaction.write(next_version(_UPDATE, image_values(image)))

    def remove(self, image_id: ImageId, owner: UserId) -> None:
        """Delete the row, which must be there."""
        self._transaction.write(Write(_REMOVE, {"id": image_id, "owner": owner}, checked=True))
