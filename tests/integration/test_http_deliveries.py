"""Webhooks as their receivers meet them: real messages to real sockets, whatever the store."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest

from generating import Held
from house import ANSWER, House, a_house
from imagegen.adapters.memory.provider import Draw
from imagegen.adapters.webhooks import HttpWebhookSender
from imagegen.domain.errors import NoImage, ProviderError
from imagegen.domain.pages import PageRequest
from imagegen.domain.ports import ProviderAnswer, UnitOfWorkFactory
from imagegen.domain.users import Email
from visitors import Visitor, assert_problem, generate, listen, register
from wire.server import Reply, Request
from wire.webhooks import Forged, Message, Receiver, believed

BROKEN = Reply(status=500)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """Somebody's webhook, and what they see of it."""

    house: House
    client: httpx.AsyncClient
    visitor: Visitor
    id: str
    secret: str

    @property
    def path(self) -> str:
        """Where it is managed."""
        return f"/v1/webhooks/{self.id}"

    def believe(self, request: Request) -> Message:
        """The message of a request, which must be genuine."""
        return believed(request, self.secret, self.house.clock())

    async def seen(self) -> dict[str, Any]:
        """The webhook as it stands."""
        return dict((await self.client.get(self.path, headers=self.visitor.key)).json())

    async def change(self, **body: Any) -> dict[str, Any]:
        """The webhook after a change."""
        return dict((await self.client.patch(self.path, json=body, headers=self.visitor.key)).json())

    async def deliveries(self) -> list[dict[str, Any]]:
        """What it was told, newest first."""
        answer = await self.client.get(f"{self.path}/deliveries", params={"limit": 100}, headers=self.visitor.key)
        return list(answer.json()["data"])

    async def until(
        self, done: Callable[[dict[str, Any]], bool], *, of: Callable[[Iterable[bool]], bool] = all
    ) -> list[dict[str, Any]]:
        """What it was told, once that is so of all, or of any."""
        async with asyncio.timeout(60):
            while True:
                found = await self.deliveries()
                if of(map(done, found)):
                    return found
                await asyncio.sleep(0.01)


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Somebody at the door of a house whose worker is at work."""

    house: House
    client: httpx.AsyncClient
    visitor: Visitor

    async def hook(self, url: str, **body: Any) -> Hook:
        """A new webhook of theirs."""
        made = await listen(self.client, self.visitor, url=url, **body)
        return Hook(house=self.house, client=self.client, visitor=self.visitor, id=made["id"], secret=made["secret"])

    async def generate(self, **body: Any) -> dict[str, Any]:
        """A generation that succeeded."""
        return await generate(self.client, self.visitor, **body)


@asynccontextmanager
async def owning(
    unit_of_work: UnitOfWorkFactory, *answers: ProviderAnswer | ProviderError | Draw, allow_private: bool = True
) -> AsyncIterator[Owner]:
    """A house on that store, and an owner; what its provider answers is told, and no receiver is waited for long."""
    sender = HttpWebhookSender(allow_private=allow_private, total_seconds=2.0)
    house = a_house(*answers, unit_of_work=unit_of_work, webhook_sender=sender)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(sender.close)
        client = await stack.enter_async_context(house.client())
        yield Owner(house=house, client=client, visitor=await register(client))


def delivered(delivery: dict[str, Any]) -> bool:
    """Whether it was taken."""
    return bool(delivery["status"] == "delivered")


def tried(delivery: dict[str, Any]) -> bool:
    """Whether a try has ended."""
    return delivery["last_status"] is not None or delivery["last_error"] is not None


async def hurry(unit_of_work: UnitOfWorkFactory, visitor: Visitor) -> None:
    """Let the time of the next try of their only delivery come, which the store's own clock tells."""
    async with unit_of_work() as work:
        user = await work.users.by_email(Email(visitor.email))
        assert user is not None
        (endpoint,) = (await work.webhook_endpoints.page(user.id, PageRequest())).items
        (delivery,) = (await work.webhook_deliveries.page(endpoint.id, user.id, PageRequest())).items
        work.webhook_deliveries.update(replace(delivery, next_try_at=await work.now(), version=delivery.version + 1))
        await work.commit()


async def test_every_end_is_told(unit_of_work: UnitOfWorkFactory) -> None:
    """Succeeded, failed, canceled: each is one genuine message with what it cost, and nothing of the prompt."""
    held = Held()
    async with owning(unit_of_work, ANSWER, NoImage(), held) as owner:
        with Receiver() as receiver:
            hook = await owner.hook(receiver.url)
            drawn = (await owner.generate(external_id="order-42"))["id"]
            client, key = owner.client, owner.visitor.key
            body = {"prompt": "A cute banana"}
            failed = (await client.post("/v1/generate", json=body, headers=key)).json()["generation_id"]
            canceled = (await client.post("/v1/generations", json=body, headers=key)).json()["id"]
            await held.begun.acquire()
            await client.post(f"/v1/generations/{canceled}/cancel", headers=key)
            messages = [hook.believe(request) for request in await receiver.arrived(3)]
            await hook.until(delivered)
    assert b"banana" not in b"".join(request.body for request in receiver.requests)
    assert {message.data["id"].replace("gen_", "evt_") for message in messages} == {one.id for one in messages}
    told = {message.type: message.data for message in messages}
    assert told["generation.succeeded"] == {
        "id": drawn,
        "status": "succeeded",
        "external_id": "order-42",
        "cost_usd": "0",
        "error": None,
    }
    for status, generation, code in (("failed", failed, "no_image"), ("canceled", canceled, "canceled")):
        assert told[f"generation.{status}"] == {
            "id": generation,
            "status": status,
            "external_id": None,
            "cost_usd": None,
            "error": {"code": code, "billed": "unknown"},
        }


async def test_only_what_is_wanted_is_told(unit_of_work: UnitOfWorkFactory) -> None:
    """A webhook for failures hears of no success, and one that is off of nothing, not even later."""
    async with owning(unit_of_work, NoImage(), ANSWER) as owner:
        with Receiver() as receiver:
            failures = await owner.hook(receiver.url, events=["generation.failed"])
            off = await owner.hook(receiver.url)
            await off.change(enabled=False)
            await owner.client.post("/v1/generate", json={"prompt": "fox"}, headers=owner.visitor.key)
            await owner.generate()
            await off.change(enabled=True)
            await receiver.arrived(1)
            assert [one["type"] for one in await failures.until(delivered)] == ["generation.failed"]
            assert await off.deliveries() == []
    assert len(receiver.requests) == 1


async def test_what_was_not_taken_is_tried_again(unit_of_work: UnitOfWorkFactory) -> None:
    """After 500 the same message comes again some seconds later, signed anew; taken, it comes no more."""
    async with owning(unit_of_work) as owner:
        with Receiver(BROKEN) as receiver:
            hook = await owner.hook(receiver.url)
            await owner.generate()
            (pending,) = await hook.until(tried)
            assert (pending["status"], pending["tries"], pending["last_status"]) == ("pending", 1, 500)
            owner.house.clock.advance(seconds=6)
            await hurry(unit_of_work, hook.visitor)
            first, second = await receiver.arrived(2)
            (done,) = await hook.until(delivered)
            await owner.house.application.deliver_webhooks()
    assert (done["tries"], done["last_status"], done["next_try_at"]) == (2, 204, None)
    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]
    assert len(receiver.requests) == 2


async def test_whoever_is_gone_is_left_alone(unit_of_work: UnitOfWorkFactory) -> None:
    """410 switches the webhook off; switched on again it is told of what happens from then on."""
    async with owning(unit_of_work) as owner:
        with Receiver(Reply(status=410)) as receiver:
            hook = await owner.hook(receiver.url)
            await owner.generate()
            await hook.until(lambda delivery: bool(delivery["status"] == "failed"))
            off = await hook.seen()
            await owner.generate()
            await hook.change(enabled=True)
            later = (await owner.generate())["id"]
            messages = await receiver.arrived(2)
    assert (off["enabled"], off["disabled_by"]) == (False, "receiver")
    assert hook.believe(messages[1]).data["id"] == later


async def test_no_redirect_leads_within(unit_of_work: UnitOfWorkFactory) -> None:
    """Wherever a receiver points to, nobody goes there: a redirect is an answer like any other that takes nothing."""
    async with owning(unit_of_work) as owner:
        with Receiver() as within, Receiver(Reply(status=307, headers={"location": within.url})) as receiver:
            hook = await owner.hook(receiver.url)
            await owner.generate()
            (pending,) = await hook.until(tried)
    assert (pending["status"], pending["last_status"]) == ("pending", 307)
    assert within.requests == []


async def test_a_receiver_that_hangs_holds_up_nobody_else(unit_of_work: UnitOfWorkFactory) -> None:
    """Others are told meanwhile; who does not answer in time is tried again later."""
    async with owning(unit_of_work) as owner:
        with Receiver(held=True) as hanging, Receiver() as prompt:
            slow, quick = await owner.hook(hanging.url), await owner.hook(prompt.url)
            for _ in range(12):
                await owner.generate()
            await hanging.arrived(8)
            await prompt.arrived(12)
            await quick.until(delivered)
            assert all(one["status"] == "pending" for one in await slow.deliveries())
            await slow.until(lambda delivery: bool(delivery["last_error"] == "timeout"), of=any)


async def test_an_event_comes_again_when_its_owner_wishes(unit_of_work: UnitOfWorkFactory) -> None:
    """The very same message, although it was taken before: the receiver knows it by its id."""
    async with owning(unit_of_work) as owner:
        with Receiver() as receiver:
            hook = await owner.hook(receiver.url)
            await owner.generate()
            (delivery,) = await hook.until(delivered)
            path = f"{hook.path}/deliveries/{delivery['id']}/redeliver"
            assert (await owner.client.post(path, headers=owner.visitor.key)).status_code == 202
            first, second = await receiver.arrived(2)
            await hook.until(delivered)
    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)


async def test_a_rotation_lets_receivers_follow(unit_of_work: UnitOfWorkFactory) -> None:
    """For a day the old secret is as good as the new one, and afterwards no more."""
    async with owning(unit_of_work) as owner:
        with Receiver() as receiver:
            hook = await owner.hook(receiver.url)
            new = (await hook.change(rotate_secret=True))["secret"]
            await owner.generate()
            (overlapping,) = await receiver.arrived(1)
            for secret in (hook.secret, new):
                believed(overlapping, secret, owner.house.clock())
            await hook.until(delivered)
            owner.house.clock.advance(hours=24)
            await owner.generate()
            _, alone = await receiver.arrived(2)
    believed(alone, new, owner.house.clock())
    with pytest.raises(Forged):
        hook.believe(alone)


async def test_machines_within_need_the_operators_word(unit_of_work: UnitOfWorkFactory) -> None:
    """Without it no such webhook is made, and one from before is told nothing and sees why."""
    with Receiver() as receiver:
        async with owning(unit_of_work) as owner:
            hook = await owner.hook(receiver.url)
        async with owning(unit_of_work, allow_private=False) as stranger:
            client, key = stranger.client, stranger.visitor.key
            for url in (receiver.url, receiver.url.replace("http:", "https:"), "https://localhost:8443/"):
                refused = await client.post(
                    "/v1/webhooks", json={"url": url, "events": ["batch.finished"]}, headers=key
                )
                assert assert_problem(refused, 422, "invalid_request")["errors"][0]["pointer"] == "/url"
            await client.post("/v1/generate", json={"prompt": "fox"}, headers=owner.visitor.key)
            before = Hook(house=stranger.house, client=client, visitor=owner.visitor, id=hook.id, secret=hook.secret)
            (pending,) = await before.until(tried)
    assert (pending["status"], pending["last_error"], pending["last_status"]) == ("pending", "no_address", None)
    assert receiver.requests == []


async def test_everybody_is_told_once_however_many_there_are(unit_of_work: UnitOfWorkFactory) -> None:
    """Three users with twenty webhooks each, and three who deliver at once: every event comes once to each of them."""
    async with owning(unit_of_work) as first:
        owners = [first]
        owners += [Owner(house=first.house, client=first.client, visitor=await register(first.client)) for _ in "23"]
        others = [a_house(unit_of_work=unit_of_work, webhook_sender=first.house.webhook_sender) for _ in "12"]
        with Receiver() as receiver:
            hooks = [
                (owner, [await owner.hook(f"{receiver.url}/{i}/{n}") for n in range(20)])
                for i, owner in enumerate(owners)
            ]
            made = [await asyncio.gather(*(owner.generate() for _ in range(2))) for owner in owners]
            await asyncio.gather(*(other.application.deliver_webhooks() for other in others))
            for _, own in hooks:
                for hook in own:
                    await hook.until(delivered)
    told = Counter((request.path, request.headers["webhook-id"]) for request in receiver.requests)
    assert told == Counter(
        (f"/hook/{i}/{n}", generation["id"].replace("gen_", "evt_"))
        for i, generations in enumerate(made)
        for n in range(20)
        for generation in generations
    )
