"""What is read, and a last look at everything."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import rule

from builders import NOW
from imagegen.domain.attempts import Attempt
from imagegen.domain.generations import Priority, Status
from imagegen.domain.images import Image
from imagegen.domain.pages import PageRequest
from imagegen.domain.ports import GenerationFilter, UnitOfWork
from imagegen.domain.usage import GroupBy, UsageBucket, UsageQuery
from imagegen.domain.users import User
from operations.accounts import AccountOperations
from operations.batches import BatchOperations
from operations.history import MODELS, TAGS, WORKERS
from operations.machine import TEXT, Act
from operations.webhooks import WebhookOperations
from operations.work import NAMES

EVERYTHING: Final = PageRequest(limit=100)
FILTERS = st.builds(
    GenerationFilter,
    status=st.none() | st.sampled_from(Status),
    model=st.none() | MODELS,
    tag=st.none() | st.sampled_from(TAGS),
    favorite=st.none() | st.booleans(),
    words=st.lists(TEXT.map(lambda text: "".join(text.split())[:2]).filter(bool), max_size=1).map(tuple),
)


class Operations(BatchOperations, WebhookOperations):
    """Everything that is done to a store; in the end all that is left is compared and removed."""

    @rule(user=AccountOperations.users, matching=FILTERS, limit=st.integers(1, 5), oldest_first=st.booleans())
    def search(self, user: User, matching: GenerationFilter, limit: int, oldest_first: bool) -> None:
        """Read a filtered list page by page."""

        async def search(work: UnitOfWork) -> object:
            pages = []
            wanted: PageRequest | None = PageRequest(limit=limit, oldest_first=oldest_first)
            while wanted:
                page = await work.generations.page(user.id, matching, wanted)
                pages.append(list(page.items))
                wanted = replace(wanted, after=page.next) if page.next else None
            return pages

        self.stores.agree(search)

    @rule(user=AccountOperations.users)
    def look(self, user: User) -> None:
        """Read everything of a user's."""
        self.stores.agree(everything_of(user, self.clock()))

    @rule(attempt=WebhookOperations.attempts, image=WebhookOperations.images)
    def look_for_bytes(self, attempt: Attempt, image: Image) -> None:
        """Ask whether an image lies where a call may have put one, and how that call ended."""
        self.stores.agree(lambda work: work.images.stored_at(image.location, attempt.id))
        self.stores.agree(lambda work: work.attempts.get(attempt.id))

    def teardown(self) -> None:
        """Compare all that is left, and remove it: the next sequence begins with nothing."""
        self.commit()
        for user in self.everybody:
            self.look(user)
            self.remove(user)
        self.write(forget_workers)
        for user in self.everybody:
            self.look(user)


def forget_workers(work: UnitOfWork) -> None:
    """End every lease."""
    for worker_id in WORKERS:
        work.workers.remove(worker_id)


def everything_of(user: User, now: datetime) -> Act:
    """Read all that belongs to a user, who is at work, and what waits for anybody."""

    async def read(work: UnitOfWork) -> object:
        generations = (await work.generations.page(user.id, GenerationFilter(), EVERYTHING)).items
        webhooks = (await work.webhook_endpoints.page(user.id, EVERYTHING)).items
        queries = (UsageQuery(user_id=user.id, since=NOW, until=now, group_by=group_by) for group_by in GroupBy)
        reports = [await work.usage.report(query) for query in queries]
        assert all(costs(report) == sorted(costs(report), reverse=True) for report in reports[1:])
        return [
            await work.users.get(user.id),
            await work.users.by_email(user.email),
            list(await work.sessions.of_user(user.id, now)),
            list((await work.api_keys.page(user.id, EVERYTHING)).items),
            list(generations),
            [list(await work.attempts.of_generation(generation.id)) for generation in generations],
            list((await work.images.page(user.id, EVERYTHING)).items),
            list(await work.forgotten_blobs.of_user(user.id)),
            list(await work.forgotten_blobs.following("")),
            [await work.generations.ahead(generation) for generation in generations],
            [await work.idempotency_keys.get(user.id, name) for name in NAMES],
            list(webhooks),
            [list((await work.webhook_deliveries.page(w.id, user.id, EVERYTHING)).items) for w in webhooks],
            [list(await work.webhook_deliveries.due(w.id, now, 2)) for w in webhooks],
            [
                sorted(w.id for w in await work.webhook_endpoints.with_due(now, prompt=prompt))
                for prompt in (True, False)
            ],
            list((await work.batches.page(user.id, EVERYTHING)).items),
            list(await work.batches.ended()),
            *[list(await work.generations.waiting(batched=batched)) for batched in (False, True)],
            [await work.generations.first_above(p, 2, batched=b) for p in Priority for b in (False, True)],
            sorted(await work.generations.overdue(now)),
            sorted(await work.generations.stranded()),
            [sorted(await work.generations.running_at(worker_id, now)) for worker_id in WORKERS],
            await work.workers.alive(),
            sorted(await work.workers.dead()),
            [list(await work.attempts.latest_of(worker_id)) for worker_id in WORKERS],
            list(reports[0]),
            [sorted(report, key=str) for report in reports[1:]],  # in no order among equal costs
        ]

    return read


def costs(report: Sequence[UsageBucket]) -> list[int]:
    """The costs of the buckets in their order."""
    return [bucket.cost_micros for bucket in report]
