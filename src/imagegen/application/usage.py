"""What was used and what it cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from imagegen.domain.errors import Fault, InvalidRequest
from imagegen.domain.ports import Clock, UnitOfWorkFactory
from imagegen.domain.usage import GroupBy, UsageBucket, UsageQuery
from imagegen.domain.users import Principal, Scope

DEFAULT_SPAN: Final = timedelta(days=30)
_FIRST_MOMENT: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadUsage:
    """Images, requests, failures and cost per day, key or model; by default of the last 30 days.

    Only generations that have ended count, on the day they ended, and they count for good: clearing the history
    does not change the usage.
    """

    unit_of_work: UnitOfWorkFactory
    clock: Clock

    async def __call__(
        self, principal: Principal, *, since: datetime | None, until: datetime | None, group_by: GroupBy
    ) -> Sequence[UsageBucket]:
        """Return the buckets; raise `InvalidRequest` when the span ends before it begins."""
        principal.require(Scope.READ)
        until = until or self.clock() + timedelta(seconds=1)
        since = since or until - min(DEFAULT_SPAN, until - _FIRST_MOMENT)
        if since > until:
            raise InvalidRequest(faults=(Fault("/from", "The span ends before it begins."),))
        query = UsageQuery(user_id=principal.user_id, since=since, until=until, group_by=group_by)
        async with self.unit_of_work() as work:
            return await work.usage.report(query)
