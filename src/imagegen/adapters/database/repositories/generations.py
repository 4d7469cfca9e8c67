"""The jobs, with their images."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from operator import itemgetter

from sqlalchemy import ColumnElement, Text, bindparam, case, delete, exists, func, insert, or_, select, update

from imagegen.adapters.database.moments import moment_of_database
from imagegen.adapters.database.pages import cut, paged, values_of
from imagegen.adapters.database.rows import (
    gathered,
    generation_of,
    generation_values,
    label_values,
    progress_values,
)
from imagegen.adapters.database.statements import Query, Values, Write, next_version, replacing
from imagegen.adapters.database.tables import generations, images, is_finished, is_unfinished, is_waiting, workers
from imagegen.adapters.database.transaction import Repository
from imagegen.domain.generations import Generation, Priority, Status
from imagegen.domain.identifiers import GenerationId, UserId, WorkerId
from imagegen.domain.pages import Page, PageRequest
from imagegen.domain.ports import GenerationFilter, Generations

_MOST_AT_ONCE = 1_000
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
_IDS = select(generations.c.id).limit(_MOST_AT_ONCE)
_RANK = case(*((generations.c.priority == word, len(word.above)) for word in Priority))
_WAITING = {
    batched: Query(_IDS.where(in_line).order_by(_RANK, generations.c.id), itemgetter(0))
    for batched, in_line in is_waiting.items()
}
_OVERDUE = Query(
    _IDS.where(is_unfinished, generations.c.status == Status.QUEUED, generations.c.start_by <= bindparam("now")),
    itemgetter(0),
)
_STRANDED = Query(
    _IDS.where(
        is_unfinished,
        generations.c.status == Status.RUNNING,
        ~exists().where(workers.c.id == generations.c.worker_id, workers.c.expires_at > moment_of_database()),
    ).order_by(generations.c.id),
    itemgetter(0),
)
_RUNNING_AT = Query(
    _IDS.where(
        is_unfinished,
        generations.c.status == Status.RUNNING,
        generations.c.worker_id == bindparam("worker_id"),
        generations.c.started_at < bindparam("before"),
    ),
    itemgetter(0),
)
_FIRST = {
    (priority, batched): Query(
        select(generations.c.id)
        .where(in_line, generations.c.priority == priority)
        .order_by(generations.c.id)
        .limit(bindparam("rows")),
        itemgetter(0),
    )
    for priority in Priority
    for batched, in_line in is_waiting.items()
}
_AHEAD = {
    (priority, batched): Query(
        select(func.count()).where(
            in_line,
            or_(
                *(generations.c.priority == higher for higher in priority.above),
                (generations.c.priority == priority) & (generations.c.id < bindparam("id")),
            ),
        ),
        itemgetter(0),
    )
    for priority in Priority
    for batched, in_line in is_waiting.items()
}
_ADD = insert(generations)
_UPDATE = replacing(
    generations,
    "status",
    "applied",
    "adjustments",
    "provider",
    "model",
    "started_at",
    "finished_at",
    "failure",
    "cost_micros",
    "worker_id",
)
_RELABEL = replacing(generations, "title", "tags", "metadata", "external_id", "favorite", "search")
_LEASED = exists().where(workers.c.id == generations.c.worker_id, workers.c.expires_at > moment_of_database())
_RUNS_THERE = (
    generations.c.id == bindparam("held"),
    generations.c.status == Status.RUNNING,
    generations.c.worker_id.is_not_distinct_from(bindparam("holder", type_=generations.c.worker_id.type)),
)
_HOLD = update(generations).where(*_RUNS_THERE, _LEASED).values(version=generations.c.version + 1)
_TAKE_OVER = update(generations).where(*_RUNS_THERE, ~_LEASED).values(worker_id=generations.c.worker_id)
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

    async def waiting(self, *, batched: bool = False) -> Sequence[GenerationId]:
        """List them from the small index of their line."""
        return await self._transaction.scan(_WAITING[batched], {})

    async def ahead(self, generation: Generation) -> int:
        """Count them in the small index of its line."""
        query = _AHEAD[generation.priority, generation.batched]
        (count,) = await self._transaction.scan(query, {"id": generation.id})
        return int(count)

    async def first_above(self, priority: Priority, limit: int = 1, *, batched: bool = False) -> Sequence[GenerationId]:
        """Look through each higher priority in turn, until there are enough."""
        found: list[GenerationId] = []
        for higher in priority.above:
            if len(found) < limit:
                found += await self._transaction.look_up(_FIRST[higher, batched], {"rows": limit - len(found)})
        return found

    async def overdue(self, now: datetime) -> Sequence[GenerationId]:
        """List them from the small index of the unfinished."""
        return await self._transaction.scan(_OVERDUE, {"now": now})

    async def stranded(self) -> Sequence[GenerationId]:
        """List those without a lease."""
        return await self._transaction.scan(_STRANDED, {})

    async def running_at(self, worker_id: WorkerId, begun_before: datetime) -> Sequence[GenerationId]:
        """List them from the small index of what has not ended."""
        return await self._transaction.scan(_RUNNING_AT, {"worker_id": worker_id, "before": begun_before})

    def add(self, generation: Generation) -> None:
        """Insert a row."""
        self._transaction.write(Write(_ADD, generation_values(generation)))

    def update(self, generation: Generation) -> None:
        """Replace what may change as it comes on."""
        self._transaction.write(next_version(_UPDATE, progress_values(generation)))

    def relabel(self, generation: Generation) -> None:
        """Replace the labels."""
        self._transaction.write(next_version(_RELABEL, label_values(generation)))

    def hold(self, generation: Generation) -> None:
        """Count the version on where it is to be."""
        self._transaction.write(Write(_HOLD, _holding(generation), checked=True))

    def take_over(self, generation: Generation) -> None:
        """Write what is there already, where it is."""
        self._transaction.write(Write(_TAKE_OVER, _holding(generation), checked=True))

    def remove(self, generation_id: GenerationId, owner: UserId) -> None:
        """Delete the row if it has ended; attempts and images go with it."""
        self._transaction.write(Write(_REMOVE, {"id": generation_id, "owner": owner}, checked=True))

    def clear(self, owner: UserId) -> None:
        """Delete the rows that have ended; attempts and images go with them."""
        self._transaction.write(Write(_CLEAR, {"owner": owner}))


def _holding(generation: Generation) -> Values:
    return {"held": generation.id, "holder": generation.worker_id}
