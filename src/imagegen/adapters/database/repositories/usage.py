"""The records of what was used."""

from collections.abc import Sequence
from dataclasses import fields
from functools import cache

from sqlalchemy import BigInteger, bindparam, case, cast, func, insert, select

from imagegen.adapters.database.rows import usage_record_values
from imagegen.adapters.database.statements import Query, Row, Write
from imagegen.adapters.database.tables import usage_records
from imagegen.adapters.database.transaction import Repository
from imagegen.domain.ports import Usage
from imagegen.domain.usage import GroupBy, UsageBucket, UsageQuery, UsageRecord

_ADD = insert(usage_records)
_SUMS = [field.name for field in fields(UsageBucket)]
_BUCKETS = {
    GroupBy.DAY: usage_records.c.day,
    GroupBy.KEY: usage_records.c.api_key_id,
    GroupBy.MODEL: usage_records.c.model,
}


@cache
def _report(group_by: GroupBy) -> Query[UsageBucket]:
    table, bucket = usage_records.c, _BUCKETS[group_by]
    sums = {
        "bucket": bucket,
        "requests": func.count(),
        "images": func.sum(table.images),
        "failures": func.sum(case((table.failed, 1), else_=0)),
        # Postgres sums BIGINT as NUMERIC.
        "cost_micros": cast(func.coalesce(func.sum(table.cost_micros), 0), BigInteger),
        "unknown_costs": func.sum(case((table.cost_micros.is_(None), 1), else_=0)),
    }
    report = (
        select(*(sums[name] for name in _SUMS))
        .where(
            table.user_id == bindparam("user_id"),
            table.finished_at >= bindparam("since"),
            table.finished_at < bindparam("until"),
        )
        .group_by(bucket)
    )
    return Query(report, _bucket_of)


def _bucket_of(row: Row) -> UsageBucket:
    return UsageBucket(**dict(zip(_SUMS, row, strict=True)))


class SqlUsage(Repository, Usage):
    """The records of what was used."""

    async def report(self, query: UsageQuery) -> Sequence[UsageBucket]:
        """Sum the records in the database; order the buckets here, where both dialects agree about `None`."""
        values = {"user_id": query.user_id, "since": query.since, "until": query.until}
        summed = await self._transaction.scan(_report(query.group_by), values)
        buckets = sorted(summed, key=lambda bucket: str(bucket.bucket))
        if query.group_by is GroupBy.DAY:
            return buckets
        return sorted(buckets, key=lambda bucket: bucket.cost_micros, reverse=True)

    def add(self, record: UsageRecord) -> None:
        """Insert a row."""
        self._transaction.write(Write(_ADD, usage_record_values(record)))
