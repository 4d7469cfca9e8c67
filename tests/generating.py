"""Generations in a house: asked for, run, and looked at afterwards."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from house import ANSWER, EASEL, House
from imagegen.domain.attempts import Attempt
from imagegen.domain.blob_keys import is_receipt_key
from imagegen.domain.generations import Generation
from imagegen.domain.identifiers import GenerationId
from imagegen.domain.images import ImageRequest, Labels
from imagegen.domain.pages import PageRequest
from imagegen.domain.ports import GenerationFilter, ProviderAnswer
from imagegen.domain.prices import Price, TokenUsage
from imagegen.domain.usage import GroupBy, UsageBucket
from imagegen.domain.users import Principal

PRICED: Final = replace(EASEL, price=Price(output_image=Decimal(30)))
PAID: Final = replace(ANSWER, usage=TokenUsage(output_image=1_000))
COST: Final = 30_000
"""Micros: 1,000 tokens at 30 dollars a million."""


class Held:
    """A provider's answer that takes its time: `begun` tells that it was asked, and it answers when it `may_end`."""

    def __init__(self, answer: ProviderAnswer = ANSWER) -> None:
        self.begun = asyncio.Semaphore(0)
        self.may_end = asyncio.Event()
        self._answer = answer

    async def __call__(self, _: ImageRequest, count: int) -> ProviderAnswer:
        """Answer in the end."""
        self.begun.release()
        await self.may_end.wait()
        return replace(self._answer, pictures=self._answer.pictures * count)


async def ask(house: House, owner: Principal, *, labels: Labels | None = None, **wishes: Any) -> Generation:
    """What comes of asking for a fox: `wait`, `priority` and the like are the use case's, the rest the request's."""
    hows = {name: wishes.pop(name) for name in ("wait", "priority", "start_within", "once") if name in wishes}
    request = ImageRequest(**{"prompt": "fox", **wishes})
    asked = await house.application.request_generation(owner, request, labels=labels or Labels(), **hows)
    return asked.generation


async def run(house: House, owner: Principal, **wishes: Any) -> tuple[Generation, list[Attempt]]:
    """A generation that has been run, and the calls that were made for it; their receipts are gone."""
    generation = await ask(house, owner, **wishes)
    await house.application.run_generation(generation.id)
    await house.application.remove_receipts()
    return await found(house, owner, generation.id), await calls(house, owner, generation.id)


async def found(house: House, owner: Principal, generation_id: GenerationId) -> Generation:
    """The generation as it stands."""
    return await house.application.read_generation(owner, generation_id)


async def calls(house: House, owner: Principal, generation_id: GenerationId) -> list[Attempt]:
    """The calls made for it, as they are on record."""
    return list(await house.application.list_attempts(owner, generation_id))


async def history(house: House, owner: Principal) -> Sequence[Generation]:
    """What the owner asked for, the newest first."""
    return (await house.application.list_generations(owner, GenerationFilter(), PageRequest(limit=100))).items


async def usage(house: House, owner: Principal) -> UsageBucket:
    """The one day of usage there is."""
    (bucket,) = await house.application.read_usage(owner, since=None, until=None, group_by=GroupBy.DAY)
    return bucket


async def pictures(house: House) -> set[str]:
    """Where the pictures are that are stored."""
    return {blob.location async for blob in house.store.blobs() if not is_receipt_key(blob.key)}


async def receipts(house: House) -> set[str]:
    """Where the receipts are that are stored."""
    return {blob.location async for blob in house.store.blobs() if is_receipt_key(blob.key)}
