"""The worker delivers webhooks, whatever becomes of its drawing, and draws, whatever becomes of its delivering."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from builders import new_event, new_user, new_webhook
from generating import ask
from house import House, a_house
from imagegen.adapters.memory import MemoryDatabase, MemoryWebhookSender
from imagegen.application.delivering import LOOK_SECONDS
from imagegen.domain.deliveries import WebhookReply
from imagegen.domain.errors import DatabaseUnavailable
from imagegen.domain.generations import Status
from imagegen.domain.ports import UnitOfWork
from imagegen.domain.signatures import WebhookMessage
from imagegen.domain.webhooks import WebhookEndpoint
from no_time import in_no_time, loop_time
from stores import remember


class Mute(MemoryDatabase):
    """A database that does not say what is due while `failure` is set."""

    failure: Exception | None = None

    def unit_of_work(self) -> UnitOfWork:
        """A unit of work that fails to list what is due."""
        work = super().unit_of_work()
        with_due = work.webhook_endpoints.with_due

        async def reluctant(now: datetime, *, prompt: bool) -> Sequence[WebhookEndpoint]:
            if self.failure is not None:
                raise self.failure
            return await with_due(now, prompt=prompt)

        work.webhook_endpoints.with_due = reluctant  # type: ignore[method-assign]  # the fault that is played
        return work


class Listener:
    """Takes every message, and says when."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[float] = asyncio.Queue()

    async def __call__(self, _: WebhookMessage) -> WebhookReply:
        """Take it."""
        self.heard.put_nowait(loop_time())
        return WebhookReply(status=204)


async def announce(house: House) -> None:
    """Let something happen that somebody's webhook wants to hear of."""
    user = new_user()
    await remember(house.database.unit_of_work, user, new_webhook(user))
    await remember(house.database.unit_of_work, new_event(user))


@in_no_time
async def test_what_happens_is_told_within_a_second() -> None:
    """What was due before the start is told at once, and later things at the next look."""
    listener = Listener()
    house = a_house(webhook_sender=MemoryWebhookSender(listener))
    await announce(house)
    async with house.working():
        assert await listener.heard.get() == 0
        await asyncio.sleep(10)
        await announce(house)
        assert await listener.heard.get() <= 10 + LOOK_SECONDS


@pytest.mark.parametrize("failure", [DatabaseUnavailable(), ValueError("a defect")], ids=repr)
@in_no_time
async def test_delivering_that_fails_keeps_nobody_from_drawing(failure: Exception) -> None:
    """While nobody can tell what is due pictures are drawn; once somebody can, it is told."""
    listener, database = Listener(), Mute()
    house = a_house(database=database, webhook_sender=MemoryWebhookSender(listener))
    database.failure = failure
    await announce(house)
    async with house.working():
        await asyncio.sleep(60)
        assert (await ask(house, await house.owner(), wait=60)).status is Status.SUCCEEDED
        assert listener.heard.empty()
        database.failure = None
        await listener.heard.get()


@in_no_time
async def test_a_worker_that_stops_waits_for_what_is_being_sent() -> None:
    """A receiver that thinks for a while is waited for, so that its answer counts."""

    async def slow(_: WebhookMessage) -> WebhookReply:
        sending.set()
        await asyncio.sleep(10)
        return WebhookReply(status=204)

    sending = asyncio.Event()
    house = a_house(webhook_sender=MemoryWebhookSender(slow))
    await announce(house)
    async with house.working():
        await sending.wait()
    assert loop_time() == 10
    async with house.database.unit_of_work() as work:
        assert await work.webhook_endpoints.with_due(house.clock() + timedelta(days=9), prompt=False) == []
