"""The batches, with their generations counted."""

from collections.abc import Iterable, Sequence
from functools import cache
from operator import itemgetter
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Subquery, Table, bindparam, exists, func, insert, select

from imagegen.adapters.database.pages import cut, paged, values_of
from imagegen.adapters.database.rows import batch_of, batch_values, gathered, generation_of
from imagegen.adapters.database.statements import Query, Row, Write, next_version, replacing
from imagegen.adapters.database.tables import (
    batches,
    generations,
    images,
    is_batched,
    is_finished,
    is_open_batch,
    is_unfinished,
)
from imagegen.adapters.database.transaction import Repository
from imagegen.domain.batches import Batch
from imagegen.domain.generations import Generation, Status
from imagegen.domain.identifiers import BatchId, UserId
from imagegen.domain.pages import Page, PageRequest
from imagegen.domain.ports import Batches

_MOST_AT_ONCE = 1_000

_Source: TypeAlias = Table | Subquery
_Part: TypeAlias = tuple[Row, Status | None, int]
"""A row of `batches`, a state, and how many of its generations are in it; no state where there are none."""


def _counted(source: _Source) -> Select[Any]:
    """Those batches, once for each state that any of their generations is in."""
    joined = source.outerjoin(generations, is_batched & (generations.c.batch_id == source.c.id))
    return (
        select(*source.c, generations.c.status, func.count(generations.c.batch_id))
        .select_from(joined)
        .group_by(*source.c, generations.c.status)
    )


def _part_of(row: Row) -> _Part:
    *own, status, number = row
    return own, status, number


def _whole(parts: Iterable[_Part]) -> Sequence[Batch]:
    """Each batch once, with all of its counts."""
    rows: dict[UUID, Row] = {}
    counts: dict[UUID, dict[str, int]] = {}
    for row, status, number in parts:
        rows[row[0]] = row
        counts.setdefault(row[0], {}).update({} if status is None else {status.value: number})
    return [batch_of(row, counts[key]) for key, row in rows.items()]


_IS_OWNED = batches.c.user_id == bindparam("owner")
_FIND = Query(_counted(batches).where(batches.c.id == bindparam("id")), _part_of)
_GET = Query(_FIND.select.where(_IS_OWNED), _part_of)
_CANCELED = Query(
    select(batches.c.canceled_at).where(batches.c.id == bindparam("id"), batches.c.canceled_at.is_not(None)),
    itemgetter(0),
)
_IS_OF_BATCH = is_batched & (generations.c.batch_id == bindparam("batch"))
# Those at the end of a batch end last, as a rule.
_UNFINISHED = Query(
    select(generations.c.batch_index)
    .where(_IS_OF_BATCH, is_unfinished)
    .order_by(generations.c.batch_index.desc())
    .limit(1),
    itemgetter(0),
)
_any_unfinished = exists(generations.c.batch_id).where(
    is_batched, generations.c.batch_id == batches.c.id, is_unfinished
)
_ENDED = Query(
    select(batches.c.id).where(is_open_batch, ~_any_unfinished).order_by(batches.c.id).limit(_MOST_AT_ONCE),
    itemgetter(0),
)
_ADD = insert(batches)
_UPDATE = replacing(batches, "canceled_at", "finished_at")


@cache
def _page(*, oldest_first: bool, continued: bool) -> Query[_Part]:
    owned = select(batches).where(_IS_OWNED)
    page = paged(owned, batches, oldest_first=oldest_first, continued=continued).subquery("page")
    return Query(_counted(page).order_by(page.c.id if oldest_first else page.c.id.desc()), _part_of)


def _items(*conditions: ColumnElement[bool], last_first: bool) -> Query[Generation]:
    item = (
        select(generations)
        .where(_IS_OF_BATCH, *conditions)
        .order_by(_in_order(generations, last_first=last_first))
        .limit(bindparam("rows"))
        .subquery("item")
    )
    with_images = select(item, images).outerjoin_from(item, images, images.c.generation_id == item.c.id)
    return Query(with_images.order_by(_in_order(item, last_first=last_first), images.c.position), generation_of)


def _in_order(source: _Source, *, last_first: bool) -> ColumnElement[int]:
    return source.c.batch_index.desc() if last_first else source.c.batch_index.asc()


_RESULTS = _items(is_finished, generations.c.batch_index > bindparam("after"), last_first=False)
_LEFT = _items(is_unfinished, last_first=True)


class SqlBatches(Repository, Batches):
    """The batches."""

    async def get(self, batch_id: BatchId, owner: UserId) -> Batch | None:
        """Look the batch up by primary key and owner, and count along its index."""
        found = _whole(await self._transaction.look_up(_GET, {"id": batch_id, "owner": owner}))
        return found[0] if found else None

    async def find(self, batch_id: BatchId) -> Batch | None:
        """Look the batch up by primary key, and count along its index."""
        found = _whole(await self._transaction.look_up(_FIND, {"id": batch_id}))
        return found[0] if found else None

    async def page(self, owner: UserId, wanted: PageRequest) -> Page[Batch]:
        """Walk the owner's batches by identifier, and count along the index of each."""
        query = _page(oldest_first=wanted.oldest_first, continued=wanted.after is not None)
        found = await self._transaction.scan(query, {"owner": owner, **values_of(wanted)})
        return cut(_whole(found), wanted)

    async def results(self, batch_id: BatchId, *, after: int = -1, limit: int) -> Sequence[Generation]:
        """Walk the batch by its own index."""
        values = {"batch": batch_id, "after": after, "rows": limit}
        return gathered(await self._transaction.scan(_RESULTS, values))

    async def left(self, batch_id: BatchId, *, limit: int) -> Sequence[Generation]:
        """Walk the batch by its own index, from its end."""
        return gathered(await self._transaction.scan(_LEFT, {"batch": batch_id, "rows": limit}))

    async def canceled(self, batch_id: BatchId) -> bool:
        """Look by primary key."""
        return await self._transaction.one(_CANCELED, {"id": batch_id}) is not None

    async def unfinished(self, batch_id: BatchId) -> bool:
        """Walk the batch by its own index, from its end, to the first of them."""
        return await self._transaction.one(_UNFINISHED, {"batch": batch_id}) is not None

    async def ended(self) -> Sequence[BatchId]:
        """Look at those that have no end, which are few."""
        return await self._transaction.scan(_ENDED, {})

    def add(self, batch: Batch) -> None:
        """Insert a row."""
        self._transaction.write(Write(_ADD, batch_values(batch)))

    def update(self, batch: Batch) -> None:
        """Replace what may change as it comes on."""
        self._transaction.write(next_version(_UPDATE, batch_values(batch)))
