"""Making webhooks, changing them, and sending anew."""

import asyncio

import pytest

from builders import NOW, SettableClock, new_event, new_id, new_user
from imagegen.adapters.memory import MemoryDatabase, MemoryWebhookSender
from imagegen.application.cleaning import RemoveExpired
from imagegen.application.webhooks import (
    ChangeWebhook,
    CreateWebhook,
    DeleteWebhook,
    ListDeliveries,
    ListWebhooks,
    ReadWebhook,
    Redeliver,
    WebhookChanges,
)
from imagegen.domain.deliveries import KEPT, DeliveryStatus, WebhookReply
from imagegen.domain.errors import Conflict, IllegalTransition, InvalidRequest, NotFound, ScopeMissing
from imagegen.domain.identifiers import EventId, WebhookId
from imagegen.domain.pages import PageRequest
from imagegen.domain.signatures import WebhookSecret, WebhookSigner
from imagegen.domain.users import Principal, Role, Scope, User
from imagegen.domain.webhooks import DisabledBy, EventType, WebhookEndpoint
from stores import remember

URL = "https://hooks.example.com/"
EVENTS = frozenset({EventType.GENERATION_SUCCEEDED})


class Desk:
    """The verbs on memory adapters, with the adapters within reach."""

    def __init__(self) -> None:
        self.clock = clock = SettableClock()
        self.work = work = MemoryDatabase(clock).unit_of_work
        self.sender = sender = MemoryWebhookSender()
        self.signer = signer = WebhookSigner(key=b"k" * 32)
        self.create = CreateWebhook(unit_of_work=work, sender=sender, signer=signer, clock=clock, new_id=new_id)
        self.list = ListWebhooks(unit_of_work=work)
        self.read = ReadWebhook(unit_of_work=work)
        self.change = ChangeWebhook(unit_of_work=work, sender=sender, signer=signer, clock=clock)
        self.delete = DeleteWebhook(unit_of_work=work)
        self.deliveries = ListDeliveries(unit_of_work=work)
        self.redeliver = Redeliver(unit_of_work=work)
        self.remove_expired = RemoveExpired(unit_of_work=work, clock=clock)

    async def created(self, principal: Principal) -> WebhookEndpoint:
        """A webhook of theirs."""
        return (await self.create(principal, url=URL, events=EVENTS))[0]

    async def told(self, user: User, endpoint: WebhookEndpoint, reply: WebhookReply) -> EventId:
        """An event that the endpoint was told of, and answered."""
        await remember(self.work, event := new_event(user))
        async with self.work() as work:
            delivery = await work.webhook_deliveries.get(event.id, endpoint.id, user.id)
            assert delivery is not None
        for version in (claimed := delivery.claim(NOW), claimed.settle(reply, now=NOW, jitter=0.0)):
            async with self.work() as work:
                work.webhook_deliveries.update(version)
                await work.commit()
        return event.id


@pytest.fixture
def desk() -> Desk:
    """The verbs."""
    return Desk()


def speaking_for(user: User, *scopes: Scope) -> Principal:
    """An API key of theirs, with all scopes unless some are named."""
    return Principal(user_id=user.id, role=Role.USER, scopes=frozenset(scopes or Scope))


@pytest.fixture
async def user(desk: Desk) -> User:
    """Somebody who is remembered."""
    await remember(desk.work, user := new_user())
    return user


@pytest.fixture
def owner(user: User) -> Principal:
    """Them, asking."""
    return speaking_for(user)


@pytest.fixture
async def stranger(desk: Desk) -> Principal:
    """Somebody else."""
    await remember(desk.work, other := new_user())
    return speaking_for(other)


async def test_a_webhook_is_made_with_its_secret(desk: Desk, owner: Principal) -> None:
    """It is as it was asked for, and the secret is the one that will sign."""
    endpoint, secret = await desk.create(owner, url=URL, events=[*EVENTS], description="CI")
    assert (endpoint.url, endpoint.events, endpoint.description) == (URL, EVENTS, "CI")
    assert (endpoint.enabled, endpoint.created_at) == (True, NOW)
    assert secret == desk.signer.secret(endpoint)
    assert await desk.read(owner, endpoint.id) == endpoint
    assert list((await desk.list(owner, PageRequest())).items) == [endpoint]


async def test_an_address_is_looked_at_before_it_is_kept(desk: Desk, owner: Principal) -> None:
    """One that may not be called is refused, when a webhook is made and when it is moved."""
    desk.sender.refused.add("https://within.example.com/")
    endpoint = await desk.created(owner)
    with pytest.raises(InvalidRequest):
        await desk.create(owner, url="https://within.example.com/", events=EVENTS)
    with pytest.raises(InvalidRequest):
        await desk.change(owner, endpoint.id, WebhookChanges(url="https://within.example.com/"))
    assert list((await desk.list(owner, PageRequest())).items) == [endpoint]


async def test_what_is_not_moved_is_not_looked_at(desk: Desk, owner: Principal) -> None:
    """A webhook whose name has come to mean something else can still be renamed and switched off."""
    endpoint = await desk.created(owner)
    desk.sender.refused.add(URL)
    changed, _ = await desk.change(owner, endpoint.id, WebhookChanges(enabled=False))
    assert (changed.enabled, changed.disabled_by) == (False, DisabledBy.OWNER)


async def test_a_webhook_needs_an_event(desk: Desk, owner: Principal) -> None:
    """Nothing to tell is refused with a pointer."""
    endpoint = await desk.created(owner)
    with pytest.raises(InvalidRequest) as refused:
        await desk.create(owner, url=URL, events=[])
    assert [fault.pointer for fault in refused.value.faults] == ["/events"]
    with pytest.raises(InvalidRequest):
        await desk.change(owner, endpoint.id, WebhookChanges(events=[]))


async def test_there_are_twenty_at_the_most(desk: Desk, owner: Principal, stranger: Principal) -> None:
    """However many are asked for at the same instant; deleting one makes room, and others have room of their own."""
    asked = [desk.created(owner) for _ in range(60)]
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    made = [outcome for outcome in outcomes if isinstance(outcome, WebhookEndpoint)]
    assert len(made) == 20
    assert {type(outcome) for outcome in outcomes} == {WebhookEndpoint, Conflict}
    await desk.created(stranger)
    await desk.delete(owner, made[0].id)
    await desk.created(owner)


async def test_nothing_is_made_for_who_is_gone(desk: Desk) -> None:
    """The account was deleted after the credential was looked at."""
    with pytest.raises(NotFound):
        await desk.created(speaking_for(new_user()))


async def test_what_is_not_changed_stays(desk: Desk, owner: Principal) -> None:
    """A change touches what it names; a description is taken away only when that is said."""
    endpoint, _ = await desk.create(owner, url=URL, events=EVENTS, description="CI")
    moved, secret = await desk.change(owner, endpoint.id, WebhookChanges(url="https://example.com/"))
    assert (moved.url, moved.events, moved.description, moved.enabled) == ("https://example.com/", EVENTS, "CI", True)
    assert secret is None
    bare, _ = await desk.change(owner, endpoint.id, WebhookChanges(keep_description=False))
    assert (bare.url, bare.description) == ("https://example.com/", None)
    more, _ = await desk.change(owner, endpoint.id, WebhookChanges(events=[*EventType]))
    assert await desk.read(owner, endpoint.id) == more
    assert more.events == frozenset(EventType)


async def test_a_rotation_shows_the_new_secret_once(desk: Desk, owner: Principal) -> None:
    """The new one is in the answer, and the old one goes on to sign for a day."""
    endpoint, old = await desk.create(owner, url=URL, events=EVENTS)
    rotated, new = await desk.change(owner, endpoint.id, WebhookChanges(rotate_secret=True))
    assert isinstance(new, WebhookSecret)
    assert new != old
    assert new == desk.signer.secret(rotated)
    desk.clock.advance(hours=23)
    assert rotated.signing(desk.clock()) == [2, 1]


async def test_changes_at_the_same_instant_all_count(desk: Desk, owner: Principal) -> None:
    """None overwrites another."""
    endpoint = await desk.created(owner)
    await asyncio.gather(
        desk.change(owner, endpoint.id, WebhookChanges(description="CI", keep_description=False)),
        desk.change(owner, endpoint.id, WebhookChanges(enabled=False)),
        desk.change(owner, endpoint.id, WebhookChanges(rotate_secret=True)),
    )
    found = await desk.read(owner, endpoint.id)
    assert (found.description, found.enabled, found.secret_number) == ("CI", False, 2)


@pytest.mark.parametrize("status", [204, 410])
async def test_what_was_told_is_known_for_a_month(desk: Desk, user: User, owner: Principal, status: int) -> None:
    """The log does not grow for ever: what is over is forgotten after 30 days, and not before."""
    endpoint = await desk.created(owner)
    event_id = await desk.told(user, endpoint, WebhookReply(status=status))
    desk.clock.advance(seconds=KEPT.total_seconds())
    await desk.remove_expired()
    assert [d.id for d in (await desk.deliveries(owner, endpoint.id, PageRequest())).items] == [event_id]
    desk.clock.advance(seconds=1)
    await desk.remove_expired()
    assert list((await desk.deliveries(owner, endpoint.id, PageRequest())).items) == []


async def test_a_deleted_webhook_is_gone_with_its_deliveries(desk: Desk, user: User, owner: Principal) -> None:
    """It is told of nothing more, and cannot be deleted twice."""
    endpoint = await desk.created(owner)
    await remember(desk.work, new_event(user))
    await desk.delete(owner, endpoint.id)
    for gone in (desk.delete(owner, endpoint.id), desk.deliveries(owner, endpoint.id, PageRequest())):
        with pytest.raises(NotFound):
            await gone
    async with desk.work() as work:
        assert await work.webhook_endpoints.with_due(NOW, prompt=False) == []


@pytest.mark.parametrize("reply", [WebhookReply(status=200), WebhookReply(status=410), WebhookReply(status=500)])
async def test_an_event_is_sent_anew(desk: Desk, user: User, owner: Principal, reply: WebhookReply) -> None:
    """Whatever became of it, it is due at once, and still the same event."""
    endpoint = await desk.created(owner)
    event_id = await desk.told(user, endpoint, reply)
    desk.clock.advance(hours=1)
    delivery = await desk.redeliver(owner, endpoint.id, event_id)
    assert (delivery.id, delivery.status, delivery.next_try_at) == (event_id, DeliveryStatus.PENDING, desk.clock())
    assert list((await desk.deliveries(owner, endpoint.id, PageRequest())).items) == [delivery]


async def test_nothing_is_sent_anew_to_what_is_off(desk: Desk, user: User, owner: Principal) -> None:
    """It would wait for nobody knows how long."""
    endpoint = await desk.created(owner)
    event_id = await desk.told(user, endpoint, WebhookReply(status=200))
    await desk.change(owner, endpoint.id, WebhookChanges(enabled=False))
    with pytest.raises(IllegalTransition):
        await desk.redeliver(owner, endpoint.id, event_id)


async def test_somebody_elses_webhook_is_not_there(
    desk: Desk, user: User, owner: Principal, stranger: Principal
) -> None:
    """It cannot be read, changed, deleted, or told from one that does not exist; nor can what it was told."""
    endpoint = await desk.created(owner)
    event_id = await desk.told(user, endpoint, WebhookReply(status=500))
    for who, webhook_id in ((stranger, endpoint.id), (owner, WebhookId(new_id()))):
        for asked in (
            desk.read(who, webhook_id),
            desk.change(who, webhook_id, WebhookChanges(enabled=False)),
            desk.delete(who, webhook_id),
            desk.deliveries(who, webhook_id, PageRequest()),
            desk.redeliver(who, webhook_id, event_id),
        ):
            with pytest.raises(NotFound):
                await asked
    with pytest.raises(NotFound):
        await desk.redeliver(owner, endpoint.id, EventId(new_id()))
    assert not (await desk.list(stranger, PageRequest())).items
    assert await desk.read(owner, endpoint.id) == endpoint


async def test_a_key_needs_its_scope(desk: Desk, user: User, owner: Principal) -> None:
    """Reading needs `read`, everything else `write`."""
    endpoint = await desk.created(owner)
    event_id = await desk.told(user, endpoint, WebhookReply(status=200))
    reader, writer = speaking_for(user, Scope.READ), speaking_for(user, Scope.WRITE, Scope.GENERATE)
    for refused in (
        desk.create(reader, url=URL, events=EVENTS),
        desk.change(reader, endpoint.id, WebhookChanges(rotate_secret=True)),
        desk.delete(reader, endpoint.id),
        desk.redeliver(reader, endpoint.id, event_id),
        desk.list(writer, PageRequest()),
        desk.read(writer, endpoint.id),
        desk.deliveries(writer, endpoint.id, PageRequest()),
    ):
        with pytest.raises(ScopeMissing):
            await refused
    await desk.read(reader, endpoint.id)
    await desk.redeliver(writer, endpoint.id, event_id)
