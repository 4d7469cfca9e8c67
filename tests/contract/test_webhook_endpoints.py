"""What every store promises of webhooks."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from builders import NOW, new_event, new_id, new_user, new_webhook
from imagegen.domain.deliveries import WebhookReply
from imagegen.domain.errors import AlreadyExists, StaleWrite
from imagegen.domain.identifiers import WebhookId
from imagegen.domain.pages import Cursor, PageRequest
from imagegen.domain.ports import UnitOfWorkFactory
from imagegen.domain.users import User
from imagegen.domain.webhooks import DisabledBy, EventType, RetiredSecret, WebhookEndpoint
from stores import exact, remember

USER, OTHER = new_user(), new_user()
PLAIN = new_webhook(USER)
LATER = NOW + timedelta(seconds=1, microseconds=1)
ENDPOINTS = {
    "plain": PLAIN,
    "full": replace(
        new_webhook(USER, url=f"https://example.com/{'x' * 2000}?a=%26&b='", now=NOW + timedelta(microseconds=1)),
        description="Schlüssel 🔑 'für' \\ alles",
        events=frozenset({EventType.BATCH_FINISHED, EventType.GENERATION_CANCELED}),
        secret_number=3,
        retired=(RetiredSecret(2, NOW + timedelta(hours=24)), RetiredSecret(1, NOW + timedelta(microseconds=7))),
        disabled_at=NOW,
        disabled_by=DisabledBy.RECEIVER,
        served_at=NOW - timedelta(microseconds=3),
        prompt=True,
    ),
}


async def read(unit_of_work: UnitOfWorkFactory, endpoint: WebhookEndpoint) -> WebhookEndpoint | None:
    """The endpoint as it is remembered."""
    async with unit_of_work() as work:
        return await work.webhook_endpoints.get(endpoint.id, endpoint.user_id)


async def update(unit_of_work: UnitOfWorkFactory, endpoint: WebhookEndpoint) -> None:
    """Remember the endpoint as it is now."""
    async with unit_of_work() as work:
        work.webhook_endpoints.update(endpoint)
        await work.commit()


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=ENDPOINTS)
async def test_a_webhook_comes_back_whole(unit_of_work: UnitOfWorkFactory, endpoint: WebhookEndpoint) -> None:
    """It is read as it was added, by its owner, and in a list."""
    await remember(unit_of_work, USER, endpoint)
    async with unit_of_work() as work:
        assert exact(await work.webhook_endpoints.get(endpoint.id, USER.id)) == exact(endpoint)
        page = await work.webhook_endpoints.page(USER.id, PageRequest())
        assert exact(list(page.items)) == exact([endpoint])


async def test_a_change_comes_back_whole(unit_of_work: UnitOfWorkFactory) -> None:
    """It is read as it was changed last, with a new secret, switched off and on, and no other has changed."""
    other = new_webhook(USER)
    await remember(unit_of_work, USER, PLAIN, other)
    events = frozenset({EventType.GENERATION_FAILED})
    version = PLAIN
    for enabled, description in ((False, "one"), (True, None), (True, "two")):
        version = version.change(
            url="https://example.com/", description=description, events=events, enabled=enabled, rotate=True, now=NOW
        )
        await update(unit_of_work, version)
        assert exact(await read(unit_of_work, PLAIN)) == exact(version)
    await update(unit_of_work, gone := version.gone(NOW))
    assert exact(await read(unit_of_work, PLAIN)) == exact(gone)
    assert await read(unit_of_work, other) == other


async def test_a_change_of_what_has_changed_is_stale(unit_of_work: UnitOfWorkFactory) -> None:
    """Of two changes of the same version the first counts; what is not there cannot be changed."""
    await remember(unit_of_work, USER, PLAIN)
    await update(unit_of_work, first := PLAIN.gone(NOW))
    for late in (PLAIN.gone(NOW + timedelta(hours=1)), new_webhook(USER).gone(NOW)):
        with pytest.raises(StaleWrite):
            await update(unit_of_work, late)
    assert await read(unit_of_work, PLAIN) == first


async def test_no_webhook_is_none(unit_of_work: UnitOfWorkFactory) -> None:
    """What was never made is `None`, and so is somebody else's."""
    await remember(unit_of_work, USER, OTHER, PLAIN)
    async with unit_of_work() as work:
        assert await work.webhook_endpoints.get(WebhookId(new_id()), USER.id) is None
        assert await work.webhook_endpoints.get(PLAIN.id, OTHER.id) is None
        assert list((await work.webhook_endpoints.page(OTHER.id, PageRequest())).items) == []


async def test_a_webhook_is_added_once(unit_of_work: UnitOfWorkFactory) -> None:
    """A second one of the same identifier is refused."""
    await remember(unit_of_work, USER, PLAIN)
    with pytest.raises(AlreadyExists):
        await remember(unit_of_work, PLAIN)


async def test_pages_are_newest_first(unit_of_work: UnitOfWorkFactory) -> None:
    """Page after page the list comes whole, without those of others."""
    pairs = [(new_webhook(USER), new_webhook(OTHER)) for _ in range(3)]
    endpoints = [own for own, _ in pairs]
    await remember(unit_of_work, USER, OTHER, *(endpoint for pair in pairs for endpoint in pair))
    async with unit_of_work() as work:
        first = await work.webhook_endpoints.page(USER.id, PageRequest(limit=2))
        second = await work.webhook_endpoints.page(USER.id, PageRequest(limit=2, after=first.next))
    assert (list(first.items), first.next) == (endpoints[:0:-1], Cursor(endpoints[1].id))
    assert (list(second.items), second.next) == (endpoints[:1], None)


async def test_only_the_owner_forgets(unit_of_work: UnitOfWorkFactory) -> None:
    """Removing somebody else's is stale and removes nothing; so is removing one's own twice."""
    await remember(unit_of_work, USER, OTHER, PLAIN)

    async def remove(owner: User) -> None:
        async with unit_of_work() as work:
            work.webhook_endpoints.remove(PLAIN.id, owner.id)
            await work.commit()

    with pytest.raises(StaleWrite):
        await remove(OTHER)
    assert await read(unit_of_work, PLAIN) == PLAIN
    await remove(USER)
    assert await read(unit_of_work, PLAIN) is None
    with pytest.raises(StaleWrite):
        await remove(USER)


async def test_webhooks_go_with_their_user(unit_of_work: UnitOfWorkFactory) -> None:
    """A user who is gone is told of nothing, and nothing of theirs stays."""
    await remember(unit_of_work, USER, OTHER, PLAIN, theirs := new_webhook(OTHER))
    await remember(unit_of_work, new_event(USER), new_event(OTHER))
    async with unit_of_work() as work:
        work.users.remove(USER.id)
        await work.commit()
    assert await read(unit_of_work, PLAIN) is None
    async with unit_of_work() as work:
        assert await work.webhook_endpoints.with_due(NOW, prompt=False) == [theirs]


async def test_nobody_makes_a_webhook_for_a_user_who_is_gone(unit_of_work: UnitOfWorkFactory) -> None:
    """The account was deleted meanwhile."""
    with pytest.raises(StaleWrite):
        await remember(unit_of_work, PLAIN)


async def test_only_who_has_something_due_is_to_be_served(unit_of_work: UnitOfWorkFactory) -> None:
    """Anybody's endpoints with something due are told, each once; of those never served that first that has waited."""
    late, early = new_webhook(USER), new_webhook(OTHER)
    await remember(unit_of_work, USER, OTHER, late, early)
    events = [new_event(USER, now=NOW + timedelta(seconds=s)) for s in (2, 3, 9)]
    events.append(new_event(OTHER, now=NOW + timedelta(seconds=1)))
    await remember(unit_of_work, *events)
    for seconds, expected in ((0.5, []), (1, [early]), (3, [early, late])):
        async with unit_of_work() as work:
            found = await work.webhook_endpoints.with_due(NOW + timedelta(seconds=seconds), prompt=False)
        assert exact(list(found)) == exact(expected)


async def serve(unit_of_work: UnitOfWorkFactory, endpoint: WebhookEndpoint, now: datetime, *, prompt: bool) -> None:
    """Remember that an endpoint was served."""
    async with unit_of_work() as work:
        work.webhook_endpoints.served(endpoint.id, now, prompt=prompt)
        await work.commit()


async def test_endpoints_take_turns(unit_of_work: UnitOfWorkFactory) -> None:
    """Of those that were prompt, as of the others, that one is first that was served longest ago, or never.

    How long something has been due is no matter then: who has much to be told waits like everybody else.
    """
    endpoints = [new_webhook(user) for user in (USER, OTHER) for _ in range(3)]
    await remember(unit_of_work, USER, OTHER, *endpoints, new_event(OTHER, now=NOW - timedelta(hours=1)))
    await remember(unit_of_work, new_event(USER), new_event(USER), new_event(OTHER))
    turns = ((0, 9, False), (3, 7, False), (1, 8, True), (4, 6, True), (5, 8, True), (5, 5, True))
    for number, seconds, prompt in turns:
        await serve(unit_of_work, endpoints[number], NOW + timedelta(seconds=seconds), prompt=prompt)
    async with unit_of_work() as work:
        for prompt, numbers in ((True, (5, 4, 1)), (False, (2, 3, 0))):
            found = await work.webhook_endpoints.with_due(NOW + timedelta(seconds=9), prompt=prompt)
            assert [endpoint.id for endpoint in found] == [endpoints[number].id for number in numbers]


async def test_when_it_was_served_is_not_the_owners_to_change(unit_of_work: UnitOfWorkFactory) -> None:
    """An owner changes a webhook as it was before it was served, and both is remembered; one that is gone stays so."""
    await remember(unit_of_work, USER, PLAIN)
    await serve(unit_of_work, PLAIN, LATER, prompt=True)
    assert exact(await read(unit_of_work, PLAIN)) == exact(replace(PLAIN, served_at=LATER, prompt=True))
    await update(unit_of_work, off := PLAIN.gone(NOW))
    assert exact(await read(unit_of_work, PLAIN)) == exact(replace(off, served_at=LATER, prompt=True))
    await serve(unit_of_work, gone := new_webhook(USER), LATER, prompt=True)
    assert await read(unit_of_work, gone) is None


async def test_what_is_claimed_or_over_is_not_due(unit_of_work: UnitOfWorkFactory) -> None:
    """An endpoint has nothing due while its delivery is being made, and once it was made."""
    await remember(unit_of_work, USER, PLAIN)
    await remember(unit_of_work, new_event(USER))
    async with unit_of_work() as work:
        (delivery,) = await work.webhook_deliveries.due(PLAIN.id, NOW, 8)
    claimed = delivery.claim(NOW)
    done = claimed.settle(WebhookReply(status=200), now=NOW, jitter=0.0)
    for version, later in ((claimed, timedelta(0)), (done, timedelta(days=9))):
        async with unit_of_work() as work:
            work.webhook_deliveries.update(version)
            await work.commit()
        async with unit_of_work() as work:
            assert await work.webhook_endpoints.with_due(NOW + later, prompt=False) == []


async def test_a_webhook_that_is_off_has_nothing_due(unit_of_work: UnitOfWorkFactory) -> None:
    """What was on its way waits until it is switched on again."""
    await remember(unit_of_work, USER, PLAIN)
    await remember(unit_of_work, new_event(USER))
    await update(unit_of_work, off := PLAIN.gone(NOW))
    async with unit_of_work() as work:
        assert await work.webhook_endpoints.with_due(NOW, prompt=False) == []
    on = off.change(url=off.url, description=None, events=off.events, enabled=True, rotate=False, now=NOW)
    await update(unit_of_work, on)
    async with unit_of_work() as work:
        assert await work.webhook_endpoints.with_due(NOW, prompt=False) == [on]
