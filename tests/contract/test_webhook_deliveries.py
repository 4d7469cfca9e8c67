"""What every store promises of deliveries."""

from dataclasses import replace
from datetime import timedelta

import pytest

from builders import NOW, new_event, new_id, new_user, new_webhook
from imagegen.domain.deliveries import DeliveryError, WebhookDelivery, WebhookReply
from imagegen.domain.errors import AlreadyExists, StaleWrite
from imagegen.domain.identifiers import EventId
from imagegen.domain.pages import PageRequest
from imagegen.domain.ports import UnitOfWorkFactory
from imagegen.domain.webhooks import EventType, WebhookEndpoint, WebhookEvent
from stores import exact, remember

USER, OTHER = new_user(), new_user()
ENDPOINT = new_webhook(USER)
LATER = NOW + timedelta(seconds=1, microseconds=1)


@pytest.fixture
async def announced(unit_of_work: UnitOfWorkFactory) -> WebhookDelivery:
    """A delivery to the user's only endpoint, as it was announced."""
    event = new_event(USER)
    await remember(unit_of_work, USER, OTHER, ENDPOINT)
    await remember(unit_of_work, event)
    return WebhookDelivery.of(event, ENDPOINT.id)


async def read(unit_of_work: UnitOfWorkFactory, event: EventId, endpoint: WebhookEndpoint) -> WebhookDelivery | None:
    """The delivery as it is remembered."""
    async with unit_of_work() as work:
        return await work.webhook_deliveries.get(event, endpoint.id, endpoint.user_id)


async def update(unit_of_work: UnitOfWorkFactory, delivery: WebhookDelivery) -> None:
    """Remember the delivery as it is now."""
    async with unit_of_work() as work:
        work.webhook_deliveries.update(delivery)
        await work.commit()


async def test_an_event_reaches_every_endpoint_that_wants_it(unit_of_work: UnitOfWorkFactory) -> None:
    """One write makes a delivery for each enabled endpoint of the event's user that is told of its type."""
    failures = frozenset({EventType.GENERATION_FAILED})
    wanted = [new_webhook(USER), new_webhook(USER, events=failures)]
    off = replace(new_webhook(USER), disabled_at=NOW)
    unwanted = [off, new_webhook(USER, events=frozenset(EventType) - failures), new_webhook(OTHER)]
    await remember(unit_of_work, USER, OTHER, *wanted, *unwanted)
    event = new_event(USER, type=EventType.GENERATION_FAILED, now=LATER)
    await remember(unit_of_work, event)
    for endpoint in wanted:
        delivery = await read(unit_of_work, event.id, endpoint)
        assert exact(delivery) == exact(WebhookDelivery.of(event, endpoint.id))
    for endpoint in unwanted:
        assert await read(unit_of_work, event.id, endpoint) is None


@pytest.mark.parametrize("type", EventType)
async def test_every_type_is_told_from_the_others(unit_of_work: UnitOfWorkFactory, type: EventType) -> None:
    """An endpoint for one type is told of that one and of no other."""
    only, others = new_webhook(USER, events=frozenset({type})), new_webhook(USER, events=frozenset(EventType) - {type})
    await remember(unit_of_work, USER, only, others)
    events = [new_event(USER, type=each) for each in EventType]
    await remember(unit_of_work, *events)
    async with unit_of_work() as work:
        told = [{d.type for d in await work.webhook_deliveries.due(e.id, NOW, 9)} for e in (only, others)]
    assert told == [{type}, {*EventType} - {type}]


async def test_an_event_nobody_wants_is_no_matter(unit_of_work: UnitOfWorkFactory) -> None:
    """Most users have no webhook."""
    await remember(unit_of_work, USER)
    await remember(unit_of_work, new_event(USER), new_event(new_user()))
    async with unit_of_work() as work:
        assert await work.webhook_endpoints.with_due(LATER, prompt=False) == []


async def test_an_event_is_announced_with_what_it_is_about(unit_of_work: UnitOfWorkFactory) -> None:
    """A unit of work that fails announces nothing."""
    await remember(unit_of_work, USER, ENDPOINT)
    event = new_event(USER)
    async with unit_of_work() as work:
        work.users.update(USER)  # whose version is not the next one
        work.webhook_deliveries.announce(event)
        with pytest.raises(StaleWrite):
            await work.commit()
    assert await read(unit_of_work, event.id, ENDPOINT) is None


async def test_an_event_is_announced_once(unit_of_work: UnitOfWorkFactory, announced: WebhookDelivery) -> None:
    """The same again is refused, whatever became of the first."""
    await update(unit_of_work, announced.claim(NOW))
    event = WebhookEvent(
        id=announced.id, user_id=USER.id, type=announced.type, occurred_at=NOW, payload=announced.payload
    )
    with pytest.raises(AlreadyExists) as refusal:
        await remember(unit_of_work, event)
    assert refusal.value.what == "webhook_deliveries.webhook_id"
    assert await read(unit_of_work, announced.id, ENDPOINT) == announced.claim(NOW)


async def test_a_change_comes_back_whole(unit_of_work: UnitOfWorkFactory, announced: WebhookDelivery) -> None:
    """A delivery is read as it was settled last, in every state of its life, and its neighbors stay as they are."""
    await remember(unit_of_work, second := new_webhook(USER), event := new_event(USER))

    async def remembered(version: WebhookDelivery) -> WebhookDelivery:
        await update(unit_of_work, version)
        assert exact(await read(unit_of_work, announced.id, ENDPOINT)) == exact(version)
        return version

    version = announced
    for reply in (
        WebhookReply(error=DeliveryError.NO_ADDRESS),
        WebhookReply(status=503, retry_after=7.5),
        WebhookReply(status=204),
        WebhookReply(status=410),
    ):
        claimed = await remembered(version.claim(LATER))
        version = await remembered(claimed.settle(reply, now=LATER, jitter=0.5))
        if version.next_try_at is None:
            version = await remembered(version.redeliver(LATER))
    for endpoint in (ENDPOINT, second):
        assert await read(unit_of_work, event.id, endpoint) == WebhookDelivery.of(event, endpoint.id)


async def test_of_two_claims_one_counts(unit_of_work: UnitOfWorkFactory, announced: WebhookDelivery) -> None:
    """Two workers that begin the same try: one does, and the other is told that it is stale."""
    await update(unit_of_work, announced.claim(NOW))
    with pytest.raises(StaleWrite):
        await update(unit_of_work, announced.claim(LATER))
    assert await read(unit_of_work, announced.id, ENDPOINT) == announced.claim(NOW)


async def test_what_was_never_announced_cannot_change(
    unit_of_work: UnitOfWorkFactory, announced: WebhookDelivery
) -> None:
    """Neither the same event to another endpoint nor another event to the same one."""
    for stranger in (
        replace(announced, webhook_id=new_webhook(USER).id),
        replace(announced, id=EventId(new_id())),
    ):
        with pytest.raises(StaleWrite):
            await update(unit_of_work, stranger.claim(NOW))


async def test_no_delivery_is_none(unit_of_work: UnitOfWorkFactory, announced: WebhookDelivery) -> None:
    """What was never told is `None`, and so is what somebody else was told."""
    async with unit_of_work() as work:
        deliveries = work.webhook_deliveries
        assert await deliveries.get(EventId(new_id()), ENDPOINT.id, USER.id) is None
        assert await deliveries.get(announced.id, new_webhook(USER).id, USER.id) is None
        assert await deliveries.get(announced.id, ENDPOINT.id, OTHER.id) is None
        assert list((await deliveries.page(ENDPOINT.id, OTHER.id, PageRequest())).items) == []


async def test_pages_are_in_the_order_of_events(unit_of_work: UnitOfWorkFactory) -> None:
    """Page after page the list comes whole, without what other endpoints were told."""
    other = new_webhook(USER)
    await remember(unit_of_work, USER, ENDPOINT, other)
    events = [new_event(USER) for _ in range(5)]
    await remember(unit_of_work, *events)
    expected = [WebhookDelivery.of(event, ENDPOINT.id) for event in events]
    for oldest_first, order in ((False, expected[::-1]), (True, expected)):
        seen: list[WebhookDelivery] = []
        wanted: PageRequest | None = PageRequest(limit=2, oldest_first=oldest_first)
        while wanted is not None:
            async with unit_of_work() as work:
                page = await work.webhook_deliveries.page(ENDPOINT.id, USER.id, wanted)
            seen += page.items
            wanted = replace(wanted, after=page.next) if page.next else None
        assert exact(seen) == exact(order)


async def test_what_has_been_due_longest_comes_first(unit_of_work: UnitOfWorkFactory) -> None:
    """The due ones of one endpoint come in the order of their time, as many as were asked for."""
    await remember(unit_of_work, USER, ENDPOINT, new_webhook(USER))
    events = [new_event(USER, now=NOW + timedelta(seconds=s)) for s in (3, 1, 2, 9)]
    await remember(unit_of_work, *events)
    async with unit_of_work() as work:
        due = [
            [d.id for d in await work.webhook_deliveries.due(ENDPOINT.id, NOW + timedelta(seconds=seconds), limit)]
            for seconds, limit in ((0.5, 9), (3, 9), (3, 2), (9, 9))
        ]
    assert due == [[], *([events[i].id for i in order] for order in ((1, 2, 0), (1, 2), (1, 2, 0, 3)))]


async def test_deliveries_go_with_their_endpoint(unit_of_work: UnitOfWorkFactory, announced: WebhookDelivery) -> None:
    """What was on its way is claimed by nobody, and its log is gone; what others are told stays."""
    await remember(unit_of_work, second := new_webhook(USER), event := new_event(USER))
    async with unit_of_work() as work:
        work.webhook_endpoints.remove(ENDPOINT.id, USER.id)
        await work.commit()
    assert await read(unit_of_work, announced.id, ENDPOINT) is None
    with pytest.raises(StaleWrite):
        await update(unit_of_work, announced.claim(NOW))
    assert await read(unit_of_work, event.id, second) is not None


async def test_what_is_over_expires(unit_of_work: UnitOfWorkFactory) -> None:
    """Anybody's deliveries that were taken or given up, and tried last before a moment, are forgotten.

    Those of that moment, and younger ones, are not, nor is any that is still to be tried, however old it is.
    """
    others = new_webhook(OTHER)
    await remember(unit_of_work, USER, OTHER, ENDPOINT, others)
    kept: list[tuple[EventId, WebhookEndpoint]] = []
    gone: list[tuple[EventId, WebhookEndpoint]] = []
    for endpoint, user in ((ENDPOINT, USER), (others, OTHER)):
        for status in (204, 410, 503):
            for away in (-1, 0, 1):
                event = new_event(user, now=NOW - timedelta(days=1))
                await remember(unit_of_work, event)
                tried_at = NOW + timedelta(microseconds=away)
                claimed = WebhookDelivery.of(event, endpoint.id).claim(tried_at)
                await update(unit_of_work, claimed)
                await update(unit_of_work, claimed.settle(WebhookReply(status=status), now=LATER, jitter=0.0))
                (gone if away < 0 and status != 503 else kept).append((event.id, endpoint))
        await remember(unit_of_work, waiting := new_event(user, now=NOW - timedelta(days=1)))
        kept.append((waiting.id, endpoint))
    async with unit_of_work() as work:
        work.webhook_deliveries.expire(NOW)
        await work.commit()
    assert {await read(unit_of_work, *one) for one in gone} == {None}
    assert None not in [await read(unit_of_work, *one) for one in kept]
