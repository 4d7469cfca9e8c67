"""Webhooks take turns: receivers that hang wait for each other, and nobody for them whose receiver answers."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta

import pytest

from builders import NOW, new_event, new_user, new_webhook
from imagegen.adapters.memory import MemoryDatabase, MemoryWebhookSender
from imagegen.application.delivering import (
    AT_ONCE,
    LANES,
    LANES_OF_USER,
    LOOK_SECONDS,
    PROMPT_SECONDS,
    REST_SECONDS,
    DeliverWebhooks,
)
from imagegen.domain.deliveries import DeliveryError, WebhookReply
from imagegen.domain.ports import UnitOfWork
from imagegen.domain.signatures import WebhookMessage, WebhookSigner
from imagegen.domain.users import User
from imagegen.domain.webhooks import MOST_WEBHOOKS, WebhookEndpoint
from no_time import in_no_time, loop_time
from stores import remember

TIMEOUT = 15.0
USERS = LANES // LANES_OF_USER + 1
"""So many have more webhooks that hang than there are lanes."""
BACKLOG = AT_ONCE + 2
HANGS = "https://hangs.example.com/"
ANSWERS = "https://answers.example.com/"
BUSY = "https://busy.example.com/"
"""Answers as late as one may who is prompt."""
TAKEN = WebhookReply(status=204)


def clock() -> datetime:
    """The moment on the loop on which nobody waits."""
    return NOW + timedelta(seconds=loop_time())


class Watched(MemoryDatabase):
    """A database that knows when it was asked for what is due to those that were prompt."""

    def __init__(self) -> None:
        super().__init__(clock)
        self.asked: list[float] = []

    def unit_of_work(self) -> UnitOfWork:
        """A unit of work that notes down when it is asked."""
        work = super().unit_of_work()
        with_due = work.webhook_endpoints.with_due

        async def noted(now: datetime, *, prompt: bool) -> Sequence[WebhookEndpoint]:
            self.asked += [loop_time()] if prompt else []
            return await with_due(now, prompt=prompt)

        work.webhook_endpoints.with_due = noted  # type: ignore[method-assign]  # it is listened to
        return work


class Town:
    """Receivers of which some hang, and deliverers that send what is due until it is left."""

    def __init__(self) -> None:
        self.database = Watched()
        self.heard: list[float] = []
        """When those that answer were told something."""
        self.thinking = 0.0
        """How long they take to answer."""
        self.hanging = self.most_hanging = 0
        """Messages to those that hang: now, and at most."""
        self.sender = MemoryWebhookSender(self._reply)

    async def _reply(self, message: WebhookMessage) -> WebhookReply:
        if message.url == HANGS:
            self.hanging += 1
            self.most_hanging = max(self.most_hanging, self.hanging)
            await asyncio.sleep(TIMEOUT)
            self.hanging -= 1
            return WebhookReply(error=DeliveryError.TIMEOUT)
        if message.url == BUSY:
            await asyncio.sleep(PROMPT_SECONDS - 0.1)
            return TAKEN
        self.heard.append(loop_time())
        await asyncio.sleep(self.thinking)
        return TAKEN

    async def listen(self, url: str, count: int = 1) -> tuple[User, Sequence[WebhookEndpoint]]:
        """A new user with some webhooks."""
        user = new_user()
        endpoints = [new_webhook(user, url=url) for _ in range(count)]
        await remember(self.database.unit_of_work, user, *endpoints)
        return user, endpoints

    async def happen(self, user: User, count: int = 1) -> None:
        """Let something happen now that all webhooks of a user are told of."""
        await remember(self.database.unit_of_work, *(new_event(user, now=clock()) for _ in range(count)))

    async def told(self, user: User, *, within: float = LOOK_SECONDS) -> bool:
        """Let something happen and say whether the user's one receiver hears of it in time."""
        self.heard.clear()
        happened = loop_time()
        await self.happen(user)
        await asyncio.sleep(within + 0.1)
        return len(self.heard) == 1 and self.heard[0] <= happened + within

    async def crowd(self, users: int) -> None:
        """Users with as many webhooks as they may have, all of which hang, and much to tell to each."""
        for _ in range(users):
            user, _ = await self.listen(HANGS, MOST_WEBHOOKS)
            await self.happen(user, BACKLOG)

    async def current(self, endpoint: WebhookEndpoint) -> WebhookEndpoint:
        """The webhook as it is now."""
        async with self.database.unit_of_work() as work:
            found = await work.webhook_endpoints.get(endpoint.id, endpoint.user_id)
        assert found is not None
        return found

    @asynccontextmanager
    async def delivering(self, processes: int = 1) -> AsyncIterator[None]:
        """Deliver in some processes meanwhile, each of which begins anew when there was nothing to do."""
        deliver = DeliverWebhooks(
            unit_of_work=self.database.unit_of_work,
            sender=self.sender,
            signer=WebhookSigner(key=b"k" * 32),
            clock=clock,
            grace=0.0,
        )

        async def work() -> None:
            while True:
                await deliver()
                await asyncio.sleep(LOOK_SECONDS)

        working = [asyncio.create_task(work()) for _ in range(processes)]
        try:
            yield
        finally:
            for task in working:
                task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(*working)


async def known(town: Town) -> User:
    """A user whose receiver has answered before."""
    user, (endpoint,) = await town.listen(ANSWERS)
    await town.happen(user)
    async with town.delivering():
        await asyncio.sleep(LOOK_SECONDS)
    assert (await town.current(endpoint)).prompt
    return user


@pytest.mark.parametrize("processes", [1, 3])
@in_no_time
async def test_who_answers_waits_for_nobody_who_hangs(processes: int) -> None:
    """However many hang with however much to tell them, the others are told at the next look, minute after minute."""
    town = Town()
    user = await known(town)
    await town.crowd(USERS)
    async with town.delivering(processes):
        for _ in range(20):
            assert await town.told(user)
            await asyncio.sleep(6.1)
    assert town.most_hanging == processes * LANES * AT_ONCE


@in_no_time
async def test_who_hangs_for_the_first_time_holds_up_others_once() -> None:
    """Receivers that answered so far and then hang are waited for once, and from then on by themselves."""
    town = Town()
    user = await known(town)
    crowd = [await town.listen(ANSWERS, MOST_WEBHOOKS) for _ in range(LANES // LANES_OF_USER)]
    async with town.delivering():
        for other, _ in crowd:
            await town.happen(other)
        await asyncio.sleep(10)
        assert all([(await town.current(endpoint)).prompt for _, endpoints in crowd for endpoint in endpoints])
        for other, endpoints in crowd:
            for endpoint in endpoints:
                await move(town, endpoint)
            await town.happen(other, BACKLOG)
        await asyncio.sleep((TIMEOUT + 2 * LOOK_SECONDS) * MOST_WEBHOOKS / LANES_OF_USER)
        assert not any([(await town.current(endpoint)).prompt for _, endpoints in crowd for endpoint in endpoints])
        assert await town.told(user)


async def move(town: Town, endpoint: WebhookEndpoint) -> None:
    """Let a webhook lead to a receiver that hangs."""
    endpoint = await town.current(endpoint)
    moved = endpoint.change(
        url=HANGS, description=None, events=endpoint.events, enabled=True, rotate=False, now=clock()
    )
    async with town.database.unit_of_work() as work:
        work.webhook_endpoints.update(moved)
        await work.commit()


@in_no_time
async def test_a_user_whose_receivers_hang_holds_up_that_user_alone() -> None:
    """Somebody new is told at once beside one whose twenty hang: these have a few lanes and never all."""
    town = Town()
    await town.crowd(1)
    async with town.delivering():
        await asyncio.sleep(5)
        user, _ = await town.listen(ANSWERS)
        assert await town.told(user)
    assert town.most_hanging == LANES_OF_USER * AT_ONCE


@in_no_time
async def test_somebody_new_is_next() -> None:
    """Where all lanes for those that have yet to answer hang, who was never served has the next one that is free."""
    town = Town()
    await town.crowd(USERS)
    async with town.delivering():
        await asyncio.sleep(5 * TIMEOUT * MOST_WEBHOOKS / LANES_OF_USER)
        user, _ = await town.listen(ANSWERS)
        assert await town.told(user, within=TIMEOUT + 2 * LOOK_SECONDS)


@in_no_time
async def test_who_is_prompt_holds_up_nobody_new() -> None:
    """However many with something due were prompt, who has yet to answer is told at the next look."""
    town = Town()
    for _ in range(60):
        busy, endpoints = await town.listen(BUSY, MOST_WEBHOOKS)
        async with town.database.unit_of_work() as work:
            for endpoint in endpoints:
                work.webhook_endpoints.served(endpoint.id, NOW, prompt=True)
            await work.commit()
        await town.happen(busy)
    user, _ = await town.listen(ANSWERS)
    async with town.delivering():
        assert await town.told(user)


@in_no_time
async def test_everybody_who_hangs_has_a_turn() -> None:
    """Their messages are tried, too, a few of each before anybody's next ones."""
    town = Town()
    crowd = [await town.listen(HANGS, 3) for _ in range(LANES)]
    for user, _ in crowd:
        await town.happen(user, BACKLOG)
    async with town.delivering():
        await asyncio.sleep(3 * (TIMEOUT + LOOK_SECONDS) - 1)
    async with town.database.unit_of_work() as work:
        for _, endpoints in crowd:
            for endpoint in endpoints:
                due = await work.webhook_deliveries.due(endpoint.id, clock() + timedelta(days=1), 1000)
                assert sum(delivery.tries > 0 for delivery in due) == AT_ONCE


@in_no_time
async def test_lanes_that_come_free_are_filled_from_one_look() -> None:
    """Who was found waiting is served in turn without asking again, and who has more waits for the next look."""
    town = Town()
    town.thinking = REST_SECONDS / 5
    crowd = [await town.listen(ANSWERS) for _ in range(4 * LANES)]
    for user, _ in crowd[:-1]:
        await town.happen(user)
    await town.happen(crowd[-1][0], 3 * AT_ONCE)
    async with town.delivering():
        await asyncio.sleep(LOOK_SECONDS / 2)
    assert len(town.heard) == len(crowd) - 1 + 3 * AT_ONCE
    assert sum(heard < REST_SECONDS for heard in town.heard) == len(crowd) - 1 + AT_ONCE
    assert town.database.asked == pytest.approx([REST_SECONDS * look for look in range(4)])


@in_no_time
async def test_who_came_too_late_has_its_lane_back() -> None:
    """Several processes that find the same webhooks waiting share them: where another was quicker, the next is served.

    And nobody who was served promptly meanwhile is taken for what they were before.
    """
    town = Town()
    town.thinking = REST_SECONDS / 5
    crowd = [await town.listen(ANSWERS) for _ in range(6 * LANES)]
    for user, _ in crowd:
        await town.happen(user)
    async with town.delivering(3):
        await asyncio.sleep(LOOK_SECONDS / 2)
    assert len(town.heard) == len(crowd)
    assert max(town.heard) <= 3 * town.thinking
    assert all([(await town.current(endpoint)).prompt for _, (endpoint,) in crowd])


@pytest.mark.parametrize(("thinking", "prompt"), [(0.0, True), (PROMPT_SECONDS - 0.1, True), (PROMPT_SECONDS, False)])
@in_no_time
async def test_how_it_answered_last_decides(thinking: float, prompt: bool) -> None:
    """A receiver that recovers is prompt again, and one that becomes slow is not any more; the answer is no matter."""
    town = Town()
    user, (endpoint,) = await town.listen(ANSWERS)
    async with town.delivering():
        for seconds, expected in ((PROMPT_SECONDS, False), (0.0, True), (thinking, prompt)):
            town.thinking = seconds
            await town.happen(user)
            await asyncio.sleep(10)
            assert (await town.current(endpoint)).prompt is expected
