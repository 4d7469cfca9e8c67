"""Where the bytes of forgotten images lie: the trigger on the images notes it, whatever removes them."""

from collections.abc import Iterable, Sequence
from operator import itemgetter

from sqlalchemy import bindparam, delete, select

from imagegen.adapters.database.statements import Query, Write
from imagegen.adapters.database.tables import forgotten_blobs
from imagegen.adapters.database.transaction import Repository
from imagegen.domain.identifiers import UserId
from imagegen.domain.ports import ForgottenBlobs

_MOST_AT_ONCE = 1_000

_LOCATIONS = select(forgotten_blobs.c.location).order_by(forgotten_blobs.c.location).limit(_MOST_AT_ONCE)
_OF_USER = Query(_LOCATIONS.where(forgotten_blobs.c.user_id == bindparam("owner")), itemgetter(0))
_FOLLOWING = Query(_LOCATIONS.where(forgotten_blobs.c.location > bindparam("location")), itemgetter(0))
_GONE = delete(forgotten_blobs).where(forgotten_blobs.c.location == bindparam("location"))


class SqlForgottenBlobs(Repository, ForgottenBlobs):
    """Where the bytes of forgotten images lie."""

    async def of_user(self, owner: UserId) -> Sequence[str]:
        """List them from their index."""
        return await self._transaction.look_up(_OF_USER, {"owner": owner})

    async def following(self, location: str) -> Sequence[str]:
        """Walk them by location."""
        return await self._transaction.look_up(_FOLLOWING, {"location": location})

    def gone(self, locations: Iterable[str]) -> None:
        """Delete their rows."""
        for location in locations:
            self._transaction.write(Write(_GONE, {"location": location}))
