"""The jobs, with their images."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from operator import itemgetter

from sqlalchemy import ColumnElement, Text, bindparam, delete, func, insert, select

from imagegen.adapters.database.pages import cut, paged, values_of
from imagegen.adapters.database.rows import gathered, generation_of, generation_values
from imagegen.adapters.database.statements import Query, Values, Write, next_version, replacing
from imagegen.adapters.database.tables import generations, images, is_finished, is_unfinished
from imagegen.adapters.database.transaction import Repository
from imagegen.domain.generations import Generation
from imagegen.domain.identifiers import GenerationId, UserId
from imagegen.domain.pages import Page, PageRequest
from imagegen.domain.ports import GenerationFilter, Generations

_MOST_UNFINISHED = 1_000
_MOST_SHAPES = 200


def _contains(column: ColumnElement[str], name: str) -> ColumnElement[bool]:
    # LIKE has wildcards to escape, a limit on SQLite, and an idea of case that differs between the dialects.
    return func.replace(column, bindparam(name, type_=Text()), "") != column


_FILTERS = {
    "status": generations.c.status == bindparam("status"),
    "provider": generations.c.provider == bindparam("provider"),
    "model": generations.c.model == bindparam("model"),
    "tag": _contains(generations.c.tags, "tag"),
    "favorite": generations.c.favorite == bindparam("favorite"),
    "created_after": generations.c.created_at > bindparam("created_after"),
    "created_before": generations.c.created_at < bindparam("created_before"),
}

_IS_OWNED = generations.c.user_id == bindparam("owner")
_FIND = Query(
    select(generations, images)
    .outerjoin_from(generations, images)
    .where(generations.c.id == bindparam("id"))
    .order_by(images.c.position),
    generation_of,
)
_GET = Query(_FIND.select.where(_IS_OWNED), generation_of)
_UNFINISHED = Query(
    select(generations.c.id)
    .where(is_unfinished, generations.c.created_at < bindparam("before"))
    .order_by(generations.c.id)
    .limit(_MOST_UNFINISHED),
    itemgetter(0),
)
_LOCATIONS = Query(
    select(images.c.location).join_from(images, generations).where(_IS_OWNED, is_finished), itemgetter(0)
)
_ADD = insert(generations)
_UPDATE = replacing(
    generations,
    "status",
    "applied",
    "adjustments",
    "provider",
    "model",
    "title",
    "tags",
    "metadata",
    "external_id",
    "favorite",
    "search",
    "priority",
    "started_at",
    "finished_at",
    "failure",
    "cost_micros",
)
_CLEAR = delete(generations).where(_IS_OWNED, is_finished)
_REMOVE = _CLEAR.where(generations.c.id == bindparam("id"))


@lru_cache(_MOST_SHAPES)
def _page(filters: frozenset[str], words: int, *, oldest_first: bool, continued: bool) -> Query[Generation]:
    conditions = [condition for name, condition in _FILTERS.items() if name in filters]
    conditions += [_contains(generations.c.search, f"word_{number}") for number in range(words)]
    matching = select(generations).where(_IS_OWNED, *conditions)
    page = paged(matching, generations, oldest_first=oldest_first, continued=continued).subquery("page")
    in_order = page.c.id if oldest_first else page.c.id.desc()
    with_images = select(page, images).outerjoin_from(page, images, images.c.generation_id == page.c.id)
    return Query(with_images.order_by(in_order, images.c.position), generation_of)


def _filter_values(matching: GenerationFilter) -> Values:
    given = {name: value for name in _FILTERS if (value := getattr(matching, name)) is not None}
    if matching.tag is not None:
        given["tag"] = f"\n{matching.tag}\n"
    return given


class SqlGenerations(Repository, Generations):
    """The jobs, with their images."""

    async def get(self, generation_id: GenerationId, owner: UserId) -> Generation | None:
        """Look the generation up by primary key and owner."""
        found = await self._transaction.look_up(_GET, {"id": generation_id, "owner": owner})
        return gathered(found)[0] if found else None

    async def find(self, generation_id: GenerationId) -> Generation | None:
        """Look the generation up by primary key."""
        found = await self._transaction.look_up(_FIND, {"id": generation_id})
        return gathered(found)[0] if found else None

    async def page(self, owner: UserId, matching: GenerationFilter, wanted: PageRequest) -> Page[Generation]:
        """Walk the owner's generations by identifier, passing over those that do not match."""
        given = _filter_values(matching)
        words = [word.casefold() for word in matching.words if word]
        query = _page(
            frozenset(given), len(words), oldest_first=wanted.oldest_first, continued=wanted.after is not None
        )
        sought = {f"word_{number}": word for number, word in enumerate(words)}
        found = await self._transaction.scan(query, {"owner": owner, **given, **sought, **values_of(wanted)})
        return cut(gathered(found), wanted)

    async def unfinished(self, before: datetime) -> Sequence[GenerationId]:
        """List them from their own small index."""
        return await self._transaction.scan(_UNFINISHED, {"before": before})

    async def locations(self, owner: UserId) -> Sequence[str]:
        """List the locations of the owner's images whose generation has ended."""
        return await self._transaction.scan(_LOCATIONS, {"owner": owner})

    def add(self, generation: Generation) -> None:
        """Insert a row."""
        self._transaction.write(Write(_ADD, generation_values(generation)))

    def update(self, generation: Generation) -> None:
        """Replace what may change."""
        self._transaction.write(next_version(_UPDATE, generation_values(generation)))

    def remove(self, generation_id: GenerationId, owner: UserId) -> None:
        """Delete the row if it has ended; attempts and images go with it."""
        self._transaction.write(Write(_REMOVE, {"id": generation_id, "owner": owner}, checked=True))

    def clear(self, owner: UserId) -> None:
        """Delete the rows that have ended; attempts and images go with them."""
        self._transaction.write(Write(_CLEAR, {"owner": owner}))
