"""Two processes that settle the same at the same time, one of which comes late."""

import asyncio

import pytest

from faults import Late
from generating import COST, PAID, PRICED, ask, calls, found, pictures, receipts, usage
from imagegen.application.leasing import LIFETIME
from imagegen.domain.attempts import Outcome
from imagegen.domain.blob_keys import is_receipt_key
from imagegen.domain.errors import ProviderBusy
from imagegen.domain.generations import Status
from imagegen.domain.retries import RetryPolicy
from processes import Ground, kill, until

LAPSE = LIFETIME.total_seconds()


async def test_pictures_of_whoever_was_quicker_stay() -> None:
    """Who looks for a receipt after somebody else has settled with it removes nothing that is shown."""
    ground = Ground()
    ground.store = store = Late(ground.clock)
    dying, first, second = (ground.process(PAID, models=(PRICED,)) for _ in range(3))
    owner = await dying.owner()
    generation = await ask(dying, owner)
    written = asyncio.Event()

    async def stop(key: str) -> None:
        if is_receipt_key(key):
            written.set()
            await asyncio.Event().wait()

    store.given = stop
    drawing = asyncio.create_task(dying.application.run_generation(generation.id))
    await written.wait()
    await kill(drawing)
    store.given = None
    await ground.pass_time(2 * LAPSE, first, second)
    store.wait = 1
    late = asyncio.create_task(second.application.settle_stranded())
    await store.asked.acquire()
    await first.application.settle_stranded()
    ended = await found(first, owner, generation.id)
    assert (ended.status, await receipts(first)) == (Status.SUCCEEDED, set())
    store.may_ask.set()
    await late
    assert await found(first, owner, generation.id) == ended
    assert await pictures(first) == {image.location for image in ended.images}
    bucket = await usage(first, owner)
    assert (bucket.requests, bucket.cost_micros) == (1, COST)


async def test_who_comes_late_to_an_end_between_two_calls_is_quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Of several who find that no call was under way one ends it, and the others find nothing wrong with that."""
    ground = Ground()
    dying = ground.process(ProviderBusy(), policy=RetryPolicy())
    others = [ground.process() for _ in range(4)]
    owner = await dying.owner()
    generation = await ask(dying, owner)

    async def between_calls() -> bool:
        return [call.outcome for call in await calls(dying, owner, generation.id)] == [Outcome.FAILED]

    drawing = asyncio.create_task(dying.application.run_generation(generation.id))
    await until(between_calls)
    await kill(drawing)
    await ground.pass_time(2 * LAPSE, *others)
    await asyncio.gather(*(one.application.settle_stranded() for one in others))
    assert (await found(others[0], owner, generation.id)).status is Status.FAILED
    assert "unexpectedly" not in caplog.text
