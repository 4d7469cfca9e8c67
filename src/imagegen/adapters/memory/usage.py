"""The records of use in memory."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date

from imagegen.adapters.memory.rows import Rows, insert, require
from imagegen.adapters.memory.transaction import Repository
from imagegen.domain.identifiers import ApiKeyId
from imagegen.domain.ports import Usage
from imagegen.domain.usage import GroupBy, UsageBucket, UsageQuery, UsageRecord

_Bucket = date | ApiKeyId | str | None


class MemoryUsage(Repository, Usage):
    """The records of what was used."""

    async def report(self, query: UsageQuery) -> Sequence[UsageBucket]:
        """The sums per bucket."""
        groups: defaultdict[_Bucket, list[UsageRecord]] = defaultdict(list)
        for record in (await self._read()).usage_records.values():
            if record.user_id == query.user_id and query.since <= record.finished_at < query.until:
                groups[_bucket(record, query.group_by)].append(record)
        buckets = sorted((_sum(bucket, records) for bucket, records in groups.items()), key=lambda b: str(b.bucket))
        if query.group_by is GroupBy.DAY:
            return buckets
        return sorted(buckets, key=lambda bucket: bucket.cost_micros, reverse=True)

    def add(self, record: UsageRecord) -> None:
        """Add the one record of a generation, for a user who is there."""

        def add(rows: Rows) -> None:
            require(rows.users, record.user_id)
            insert(rows.usage_records, record.generation_id, record, "usage_records.generation_id")

        self._write(add)


def _bucket(record: UsageRecord, group_by: GroupBy) -> _Bucket:
    match group_by:
        case GroupBy.DAY:
            return record.finished_at.astimezone(UTC).date()
        case GroupBy.KEY:
            return record.api_key_id
        case GroupBy.MODEL:
            return record.model


def _sum(bucket: _Bucket, records: Sequence[UsageRecord]) -> UsageBucket:
    costs = [record.cost_micros for record in records if record.cost_micros is not None]
    return UsageBucket(
        bucket=bucket,
        requests=len(records),
        images=sum(record.images for record in records),
        failures=sum(record.failed for record in records),
        cost_micros=sum(costs),
        unknown_costs=len(records) - len(costs),
    )
