"""What every store promises of its clock: it is one for all, and what it says is not due nobody takes for due."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from builders import SettableClock, new_event, new_generation, new_user, new_webhook
from imagegen.adapters.memory import MemoryWebhookSender
from imagegen.adapters.queues.in_process import InProcessEvents
from imagegen.application.delivering import DeliverWebhooks
from imagegen.application.queued import GiveUpOverdue
from imagegen.domain.deliveries import CLAIM, WebhookReply
from imagegen.domain.generations import Status
from imagegen.domain.ports import UnitOfWorkFactory
from imagegen.domain.signatures import WebhookMessage, WebhookSigner
from stores import remember

USER = new_user()
ENDPOINT = new_webhook(USER)
SKEWS = [timedelta(days=-1), timedelta(days=1)]
MOMENT = timedelta(milliseconds=1)
"""What a store's clock may be short of, which has no finer hand."""


async def now(unit_of_work: UnitOfWorkFactory) -> datetime:
    """The moment."""
    async with unit_of_work() as work:
        return await work.now()


async def test_all_read_the_same_moment(unit_of_work: UnitOfWorkFactory) -> None:
    """It is in UTC, and whoever looks later finds it later, or not moved on yet."""
    moments = [await now(unit_of_work) for _ in range(5)]
    assert moments == sorted(moments)
    assert {moment.tzinfo for moment in moments} == {UTC}
    together = await asyncio.gather(*(now(unit_of_work) for _ in range(5)))
    assert min(together) >= moments[-1]


@pytest.mark.parametrize("skew", SKEWS, ids=["behind", "ahead"])
async def test_a_wrong_clock_gives_nothing_up(unit_of_work: UnitOfWorkFactory, skew: timedelta) -> None:
    """What was to start a moment ago is given up, what may start for an hour is not, whatever the machine's clock."""
    shared = await now(unit_of_work)
    late, early = (
        replace(new_generation(USER, now=shared), start_by=shared + span) for span in (-MOMENT, timedelta(hours=1))
    )
    await remember(unit_of_work, USER, late, early)
    events, clock = InProcessEvents(), SettableClock(shared + skew)
    await GiveUpOverdue(unit_of_work=unit_of_work, events=events, clock=clock)()
    async with unit_of_work() as work:
        found = [await work.generations.find(generation.id) for generation in (late, early)]
    assert [one and one.status for one in found] == [Status.FAILED, Status.QUEUED]


@pytest.mark.parametrize("skew", SKEWS, ids=["behind", "ahead"])
async def test_what_is_announced_is_due_at_once(unit_of_work: UnitOfWorkFactory, skew: timedelta) -> None:
    """Also where the clock of who announces it is ahead of the one that tells what is due."""
    await remember(unit_of_work, USER, ENDPOINT, new_event(USER, now=await now(unit_of_work) + skew))
    async with unit_of_work() as work:
        moment = await work.now()
        assert await work.webhook_endpoints.with_due(moment, prompt=False) == [ENDPOINT]
        assert len(await work.webhook_deliveries.due(ENDPOINT.id, moment, 8)) == 1


def deliverer(unit_of_work: UnitOfWorkFactory, sender: MemoryWebhookSender, now: datetime) -> DeliverWebhooks:
    """One of several who send what is due, on a machine whose clock shows that moment."""
    signer, clock = WebhookSigner(key=b"k" * 32), SettableClock(now)
    return DeliverWebhooks(unit_of_work=unit_of_work, sender=sender, signer=signer, clock=clock)


@pytest.mark.parametrize("skew", SKEWS, ids=["behind", "ahead"])
async def test_what_is_claimed_is_due_for_nobody_else(unit_of_work: UnitOfWorkFactory, skew: timedelta) -> None:
    """While one sends a message, or was just refused, another finds nothing to send, whatever their clocks."""
    sending, may_end = asyncio.Event(), asyncio.Event()

    async def slow(_: WebhookMessage) -> WebhookReply:
        sending.set()
        await may_end.wait()
        return WebhookReply(status=500)

    first, second = MemoryWebhookSender(slow), MemoryWebhookSender()
    shared = await now(unit_of_work)
    await remember(unit_of_work, USER, ENDPOINT, event := new_event(USER, now=shared - MOMENT))
    delivering = asyncio.create_task(deliverer(unit_of_work, first, shared - skew)())
    await sending.wait()
    await deliverer(unit_of_work, second, shared + skew)()
    async with unit_of_work() as work:
        claimed = await work.webhook_deliveries.get(event.id, ENDPOINT.id, USER.id)
    may_end.set()
    await delivering
    await deliverer(unit_of_work, second, shared + skew)()
    async with unit_of_work() as work:
        settled = await work.webhook_deliveries.get(event.id, ENDPOINT.id, USER.id)
    assert (len(first.sent), len(second.sent)) == (1, 0)
    assert claimed is not None
    assert settled is not None
    within = _between(shared, await now(unit_of_work))
    assert claimed.next_try_at is not None
    assert within(claimed.next_try_at - CLAIM)
    assert within(claimed.tried_at)
    assert (settled.tries, settled.last_status) == (1, 500)


def _between(first: datetime, last: datetime) -> Callable[[datetime | None], bool]:
    return lambda moment: moment is not None and first <= moment <= last
