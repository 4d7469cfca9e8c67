"""Delivering webhooks: once where all goes well, again where it does not, and never lost."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

import pytest

from builders import NOW, SettableClock, new_event, new_user, new_webhook
from imagegen.adapters.memory import MemoryDatabase, MemoryWebhookSender
from imagegen.adapters.memory.webhooks import Answer
from imagegen.application.delivering import AT_ONCE, LANES, LANES_OF_USER, DeliverWebhooks
from imagegen.domain.deliveries import CLAIM, SCHEDULE, DeliveryStatus, WebhookDelivery, WebhookReply
from imagegen.domain.errors import DatabaseUnavailable
from imagegen.domain.identifiers import EventId
from imagegen.domain.ports import UnitOfWork
from imagegen.domain.signatures import WebhookMessage, WebhookSigner
from imagegen.domain.users import User
from imagegen.domain.webhooks import DisabledBy, WebhookEndpoint
from stores import remember

TAKEN = WebhookReply(status=204)
BROKEN = WebhookReply(status=500)
GONE = WebhookReply(status=410)
USER = new_user()
URL = new_webhook(USER).url
SIGNER = WebhookSigner(key=b"k" * 32)


class PostOffice:
    """A database with one user and their webhooks, and a deliverer whose receivers answer what they are told."""

    def __init__(self, *replies: WebhookReply | Answer) -> None:
        self.clock = SettableClock()
        self.database = MemoryDatabase(self.clock)
        self.sender = MemoryWebhookSender(*replies)
        self.deliver = self.deliverer()
        self.endpoint = new_webhook(USER)

    def deliverer(
        self, work: Callable[[], UnitOfWork] | None = None, *, look_seconds: float = 0.01, grace: float = 30.0
    ) -> DeliverWebhooks:
        """One more that sends what is due."""
        return DeliverWebhooks(
            unit_of_work=work or self.database.unit_of_work,
            sender=self.sender,
            signer=SIGNER,
            clock=self.clock,
            jitter=lambda: 0.0,
            look_seconds=look_seconds,
            grace=grace,
        )

    async def announce(self, count: int = 1) -> list[EventId]:
        """Let something happen now."""
        events = [new_event(USER, now=self.clock()) for _ in range(count)]
        await remember(self.database.unit_of_work, *events)
        return [event.id for event in events]

    async def delivery(self, event_id: EventId, endpoint: WebhookEndpoint | None = None) -> WebhookDelivery:
        """How the event stands with an endpoint."""
        async with self.database.unit_of_work() as work:
            found = await work.webhook_deliveries.get(event_id, (endpoint or self.endpoint).id, USER.id)
        assert found is not None
        return found

    async def current(self) -> WebhookEndpoint | None:
        """The endpoint as it is now."""
        async with self.database.unit_of_work() as work:
            return await work.webhook_endpoints.get(self.endpoint.id, USER.id)

    def ids(self) -> list[str]:
        """The events that were sent, in the order of their messages."""
        return [message.headers["webhook-id"] for message in self.sender.sent]


async def open_office(*replies: WebhookReply | Answer, more: tuple[User | WebhookEndpoint, ...] = ()) -> PostOffice:
    """A post office with its user, its endpoint and perhaps some more."""
    office = PostOffice(*replies)
    await remember(office.database.unit_of_work, USER, office.endpoint, *more)
    return office


class Gate:
    """Holds the messages to some address until it is opened; the others are taken at once."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.opened = asyncio.Event()
        self.waiting = 0
        self.most = 0

    async def __call__(self, message: WebhookMessage) -> WebhookReply:
        """Take the message, perhaps later."""
        if message.url == self.url:
            self.waiting += 1
            self.most = max(self.most, self.waiting)
            await self.opened.wait()
            self.waiting -= 1
        return TAKEN


async def until(true: Callable[[], bool]) -> None:
    """Let the others go on until something is so; a test that waits in vain is stopped by its runner."""
    while not true():  # noqa: ASYNC110 - what is waited for has no event to set
        await asyncio.sleep(0.001)


async def test_what_is_due_is_sent_and_written_down() -> None:
    """Each event goes once to its endpoint, signed, and is known as delivered."""
    office = await open_office()
    events = await office.announce(3)
    await office.deliver()
    assert sorted(office.ids()) == [f"evt_{event_id}" for event_id in events]
    for event_id in events:
        delivery = await office.delivery(event_id)
        assert (delivery.status, delivery.tries, delivery.last_status) == (DeliveryStatus.DELIVERED, 1, 204)
        assert SIGNER.sign(office.endpoint, delivery, NOW) in office.sender.sent


async def test_nothing_due_is_nothing_sent() -> None:
    """A look that finds nothing ends at once."""
    office = await open_office()
    await office.deliver()
    assert office.sender.sent == []


async def test_a_failure_is_tried_again_when_its_time_comes_and_given_up_in_the_end() -> None:
    """The pauses are those of the schedule, the event is the same each time, and after ten tries nobody asks again."""
    office = await open_office(BROKEN)
    (event_id,) = await office.announce()
    for tries, pause in enumerate(SCHEDULE, start=1):
        office.clock.now += pause - timedelta(microseconds=1)
        if pause:
            await office.deliver()
            assert len(office.sender.sent) == tries - 1
        office.clock.now += timedelta(microseconds=1)
        await office.deliver()
        assert len(office.sender.sent) == tries
    office.clock.advance(days=30)
    await office.deliver()
    assert office.ids() == [f"evt_{event_id}"] * 10
    assert (await office.delivery(event_id)).status is DeliveryStatus.FAILED


async def test_gone_switches_the_webhook_off() -> None:
    """Nothing more is sent there, what happens then is not announced there, and its owner can see why."""
    office = await open_office(GONE)
    (event_id,) = await office.announce()
    await office.deliver()
    endpoint = await office.current()
    assert endpoint is not None
    assert (endpoint.enabled, endpoint.disabled_by) == (False, DisabledBy.RECEIVER)
    assert (await office.delivery(event_id)).status is DeliveryStatus.FAILED
    await office.announce()
    office.clock.advance(days=1)
    await office.deliver()
    assert len(office.sender.sent) == 1


async def test_gone_says_nothing_of_another_address() -> None:
    """A webhook that was moved while its old address was asked stays on."""

    async def moved(_: WebhookMessage) -> WebhookReply:
        endpoint = office.endpoint
        async with office.database.unit_of_work() as work:
            work.webhook_endpoints.update(
                endpoint.change(
                    url="https://example.com/new",
                    description=None,
                    events=endpoint.events,
                    enabled=True,
                    rotate=False,
                    now=NOW,
                )
            )
            await work.commit()
        return GONE

    office = await open_office(moved)
    (event_id,) = await office.announce()
    await office.deliver()
    endpoint = await office.current()
    assert endpoint is not None
    assert endpoint.enabled
    assert (await office.delivery(event_id)).status is DeliveryStatus.FAILED


async def test_several_deliverers_make_each_try_once() -> None:
    """However many look at the same moment, each event is sent by one of them."""
    office = await open_office(more=(other := new_webhook(USER),))
    events = await office.announce(40)
    await asyncio.gather(*(office.deliverer()() for _ in range(4)))
    assert Counter(office.ids()) == {f"evt_{event_id}": 2 for event_id in events}
    for event_id in events:
        assert (await office.delivery(event_id, other)).tries == 1


async def test_a_try_that_was_cut_short_is_made_again() -> None:
    """A process that dies while it sends leaves a claim, and when that is over the event is sent by somebody else."""
    office = await open_office(gate := Gate(URL))
    (event_id,) = await office.announce()
    dying = asyncio.create_task(office.deliverer(grace=0.0)())
    await until(lambda: gate.waiting == 1)
    dying.cancel()
    with suppress(asyncio.CancelledError):
        await dying
    gate.opened.set()
    office.clock.now += CLAIM - timedelta(microseconds=1)
    await office.deliver()
    assert len(office.sender.sent) == 1
    office.clock.now += timedelta(microseconds=1)
    await office.deliver()
    assert office.ids() == [f"evt_{event_id}"] * 2
    assert ((await office.delivery(event_id)).status, (await office.delivery(event_id)).tries) == ("delivered", 2)


async def test_stopping_lets_what_is_being_sent_end() -> None:
    """It is written down too, and nothing else is begun."""
    office = await open_office(gate := Gate(URL))
    events = await office.announce(AT_ONCE + 1)
    stopping = asyncio.create_task(office.deliver())
    await until(lambda: gate.waiting == AT_ONCE)
    stopping.cancel()
    await asyncio.sleep(0)
    gate.opened.set()
    with pytest.raises(asyncio.CancelledError):
        await stopping
    statuses = [(await office.delivery(event_id)).status for event_id in events]
    assert statuses == [DeliveryStatus.DELIVERED] * AT_ONCE + [DeliveryStatus.PENDING]
    assert len(office.sender.sent) == AT_ONCE


async def test_a_receiver_that_hangs_holds_up_nobody_else() -> None:
    """It has a few messages at once and no more, and whoever takes theirs gets the next ones without a pause."""
    hanging = new_webhook(USER, url="https://hangs.example.com/")
    office = await open_office(gate := Gate(hanging.url), more=(hanging,))
    await office.announce(100)
    delivering = asyncio.create_task(office.deliverer(look_seconds=3600)())
    await until(lambda: len(office.sender.sent) == 100 + AT_ONCE)
    assert gate.waiting == AT_ONCE
    gate.opened.set()
    await delivering
    assert gate.most == AT_ONCE
    assert len(office.sender.sent) == 2 * 100


async def test_what_happens_while_a_receiver_hangs_is_sent_too() -> None:
    """There is another look now and then."""
    hanging = new_webhook(USER, url="https://hangs.example.com/")
    office = await open_office(gate := Gate(hanging.url), more=(hanging,))
    await office.announce()
    delivering = asyncio.create_task(office.deliver())
    await until(lambda: len(office.sender.sent) == 2)
    (late,) = await office.announce()
    await until(lambda: f"evt_{late}" in office.ids())
    assert gate.waiting == 1
    gate.opened.set()
    await delivering
    assert (await office.delivery(late, hanging)).status is DeliveryStatus.DELIVERED


async def test_only_so_many_are_served_at_the_same_time() -> None:
    """Of one user as well as of all together; the others get their turn when one is done."""
    others = [new_user() for _ in range(LANES // LANES_OF_USER)]
    endpoints = [new_webhook(user) for user in (USER, *others) for _ in range(LANES_OF_USER + 1)]
    office = await open_office(gate := Gate(URL), more=(*others, *endpoints))
    await office.announce()
    delivering = asyncio.create_task(office.deliver())
    await until(lambda: gate.waiting == LANES_OF_USER)
    await asyncio.sleep(0.05)
    assert gate.waiting == LANES_OF_USER
    await remember(office.database.unit_of_work, *(new_event(user) for user in others))
    await until(lambda: gate.waiting == LANES)
    await asyncio.sleep(0.05)
    assert gate.waiting == LANES
    gate.opened.set()
    await delivering
    assert len(office.sender.sent) == len(endpoints) + 1


async def interfering(change: Callable[[PostOffice, WebhookDelivery], Awaitable[None]]) -> PostOffice:
    """A post office where something happens to a delivery while it is being sent."""

    async def meanwhile(_: WebhookMessage) -> WebhookReply:
        if len(office.sender.sent) == 1:
            await change(office, await office.delivery(event_id))
        return TAKEN

    office = await open_office(meanwhile)
    (event_id,) = await office.announce()
    await office.deliver()
    return office


async def test_what_is_sent_anew_meanwhile_is_sent_anew() -> None:
    """The end of the first try does not count for the second."""

    async def redeliver(office: PostOffice, delivery: WebhookDelivery) -> None:
        async with office.database.unit_of_work() as work:
            work.webhook_deliveries.update(delivery.redeliver(NOW))
            await work.commit()

    office = await interfering(redeliver)
    assert len(office.sender.sent) == 2


async def test_what_is_removed_meanwhile_is_no_matter(caplog: pytest.LogCaptureFixture) -> None:
    """The end of a delivery that is gone is forgotten in silence."""

    async def remove(office: PostOffice, _: WebhookDelivery) -> None:
        async with office.database.unit_of_work() as work:
            work.webhook_endpoints.remove(office.endpoint.id, USER.id)
            await work.commit()

    office = await interfering(remove)
    assert len(office.sender.sent) == 1
    assert caplog.records == []


async def test_a_database_that_cannot_be_asked_is_said() -> None:
    """Whoever called may try again."""

    def away() -> UnitOfWork:
        raise DatabaseUnavailable

    office = await open_office()
    with pytest.raises(DatabaseUnavailable):
        await office.deliverer(away)()


async def test_an_end_that_cannot_be_written_down_means_another_try(caplog: pytest.LogCaptureFixture) -> None:
    """The receiver may get it twice, and knows it by its identifier; the others are not held up."""
    broken = asyncio.Event()

    def work() -> UnitOfWork:
        if broken.is_set() and len(office.sender.sent) == 1:
            broken.clear()
            raise DatabaseUnavailable
        return office.database.unit_of_work()

    async def breaking(_: WebhookMessage) -> WebhookReply:
        broken.set()
        return TAKEN

    office = await open_office(breaking)
    (event_id,) = await office.announce()
    await office.deliverer(work)()
    assert (await office.delivery(event_id)).status is DeliveryStatus.PENDING
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    office.clock.now += CLAIM
    await office.deliver()
    assert office.ids() == [f"evt_{event_id}"] * 2
    assert (await office.delivery(event_id)).status is DeliveryStatus.DELIVERED


async def test_a_defect_keeps_nothing_else_from_being_delivered(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged without what it says, and what it hit is due again when its claim is over."""

    async def defect(message: WebhookMessage) -> WebhookReply:
        if message.url == "https://broken.example.com/":
            raise RuntimeError(message.url)
        return TAKEN

    office = await open_office(defect, more=(bad := new_webhook(USER, url="https://broken.example.com/"),))
    (event_id,) = await office.announce()
    await office.deliver()
    assert (await office.delivery(event_id)).status is DeliveryStatus.DELIVERED
    assert (await office.delivery(event_id, bad)).next_try_at == NOW + CLAIM
    assert "broken.example.com" not in caplog.text
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


async def test_logs_name_no_address(caplog: pytest.LogCaptureFixture) -> None:
    """An address may hold what only its receiver should know."""
    caplog.set_level(logging.DEBUG, logger="imagegen")
    office = await open_office(BROKEN, GONE)
    await office.announce(2)
    await office.deliver()
    assert "hooks.example.com" not in caplog.text
