"""Webhooks on every store: many who do the same at once, at two services that share it."""

import asyncio
from collections import Counter

from house import a_house
from imagegen.domain.errors import Conflict
from imagegen.domain.pages import PageRequest
from imagegen.domain.ports import UnitOfWorkFactory
from imagegen.domain.webhooks import MOST_WEBHOOKS, EventType, WebhookEndpoint


async def test_exactly_as_many_are_made_as_there_may_be(unit_of_work: UnitOfWorkFactory) -> None:
    """Of twice as many that are asked for at once each is made or there is no room for it, and nothing else happens."""
    houses = [a_house(unit_of_work=unit_of_work) for _ in range(2)]
    owner = await houses[0].owner()

    async def create(number: int) -> type:
        create_webhook = houses[number % 2].application.create_webhook
        try:
            made, _ = await create_webhook(owner, url="https://example.com/", events=[EventType.BATCH_FINISHED])
        except Conflict as refusal:
            return type(refusal)
        return type(made)

    outcomes = Counter(await asyncio.gather(*map(create, range(2 * MOST_WEBHOOKS))))
    assert outcomes == {WebhookEndpoint: MOST_WEBHOOKS, Conflict: MOST_WEBHOOKS}
    page = await houses[0].application.list_webhooks(owner, PageRequest(limit=100))
    assert len(page.items) == MOST_WEBHOOKS
