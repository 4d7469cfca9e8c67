"""Receivers that hang, on real sockets and every store: whoever answers is told as if there were none of them."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import pytest

from builders import new_event, new_user, new_webhook
from imagegen.adapters.webhooks import HttpWebhookSender
from imagegen.application.delivering import LANES, LANES_OF_USER, DeliverWebhooks
from imagegen.domain.ports import UnitOfWorkFactory
from imagegen.domain.signatures import WebhookSigner
from imagegen.domain.users import User
from imagegen.domain.webhooks import MOST_WEBHOOKS, WebhookEndpoint
from stores import remember
from wire.webhooks import Receiver

LONG = 3600.0
"""Seconds after which a receiver that hangs is given up: later than any test ends."""


def clock() -> datetime:
    """The clock of this machine."""
    return datetime.now(UTC)


@pytest.fixture
def hole() -> Iterator[str]:
    """The url of a socket that takes connections and whatever is sent, and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=1000) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


@asynccontextmanager
async def delivering(unit_of_work: UnitOfWorkFactory) -> AsyncIterator[None]:
    """Deliver meanwhile, over HTTP."""
    sender = HttpWebhookSender(allow_private=True, total_seconds=LONG)
    signer = WebhookSigner(key=b"k" * 32)
    deliver = DeliverWebhooks(
        unit_of_work=unit_of_work, sender=sender, signer=signer, clock=clock, look_seconds=0.05, grace=0.0
    )

    async def work() -> None:
        while True:
            await deliver()
            await asyncio.sleep(0.05)

    working = asyncio.create_task(work())
    try:
        yield
    finally:
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working
        await sender.close()


async def until_known(unit_of_work: UnitOfWorkFactory, user: User, endpoint: WebhookEndpoint) -> None:
    """Let something happen, and wait until it is known that the receiver answers promptly."""
    await happen(unit_of_work, user)
    while not (await read(unit_of_work, endpoint)).prompt:  # noqa: ASYNC110 - a row has no event to set
        await asyncio.sleep(0.01)


async def read(unit_of_work: UnitOfWorkFactory, endpoint: WebhookEndpoint) -> WebhookEndpoint:
    """The endpoint as it is remembered."""
    async with unit_of_work() as work:
        found = await work.webhook_endpoints.get(endpoint.id, endpoint.user_id)
    assert found is not None
    return found


async def happen(unit_of_work: UnitOfWorkFactory, user: User, count: int = 1) -> None:
    """Let something happen."""
    await remember(unit_of_work, *(new_event(user, now=clock()) for _ in range(count)))


async def test_who_answers_is_told_while_others_hang(unit_of_work: UnitOfWorkFactory, hole: str) -> None:
    """With more webhooks that hang than there are lanes, and much for each, who answers is told of all that happens."""
    user, *others = [new_user() for _ in range(LANES // LANES_OF_USER + 2)]
    hanging = [new_webhook(other, url=hole) for other in others for _ in range(MOST_WEBHOOKS)]
    with Receiver() as receiver:
        answering = new_webhook(user, url=receiver.url)
        await remember(unit_of_work, user, answering, *others, *hanging)
        async with delivering(unit_of_work):
            await until_known(unit_of_work, user, answering)
            for other in others:
                await happen(unit_of_work, other, 20)
            while sum([(await read(unit_of_work, one)).served_at is not None for one in hanging]) < LANES:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)
            for count in range(2, 10):
                await happen(unit_of_work, user)
                assert len(await receiver.arrived(count)) == count
