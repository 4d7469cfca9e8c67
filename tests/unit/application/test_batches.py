"""Handing in many requests as one, and reading what came of them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from math import inf
from typing import Any

import pytest

from builders import new_id
from faults import Interrupted
from generating import Held, ask, calls, found, history
from house import ANSWER, EASEL, House, a_house
from imagegen.adapters.memory import MemoryProvider
from imagegen.adapters.queues.in_process import InProcessQueue
from imagegen.application.batches import Submitted
from imagegen.application.fitting import Wish
from imagegen.domain.batches import Batch, BatchCounts, BatchStatus
from imagegen.domain.errors import (
    DatabaseUnavailable,
    Fault,
    IdempotencyKeyReused,
    InvalidRequest,
    NotFound,
    ProviderNotConfigured,
    ScopeMissing,
    Unavailable,
)
from imagegen.domain.generations import Generation, Priority, Status
from imagegen.domain.idempotency import Once
from imagegen.domain.identifiers import BatchId, GenerationId
from imagegen.domain.images import ImageRequest, Labels
from imagegen.domain.pages import PageRequest
from imagegen.domain.ports import ProviderAnswer
from imagegen.domain.users import Principal, Scope


class Bell(InProcessQueue):
    """A queue that remembers for which line it was rung; it breaks after so many rings."""

    def __init__(self, strength: float = inf) -> None:
        super().__init__()
        self.rung: list[tuple[GenerationId, bool]] = []
        self._strength = strength

    async def submit(self, generation_id: GenerationId, *, batched: bool = False) -> None:
        """Remember it."""
        if len(self.rung) >= self._strength:
            raise Unavailable
        self.rung.append((generation_id, batched))


def wishes(count: int, **special: Any) -> list[Wish]:
    """So many wishes, which differ in their prompts and external ids."""
    return [
        Wish(request=ImageRequest(prompt=f"fox {n}", **special), labels=Labels(external_id=f"order-{n}"))
        for n in range(count)
    ]


async def submit(house: House, owner: Principal, count: int = 3, *, once: Once | None = None) -> Submitted:
    """What comes of handing in a batch of so many."""
    return await house.application.submit_batch(owner, wishes(count), once=once)


async def read(house: House, owner: Principal, batch: Batch) -> Batch:
    """The batch as it stands."""
    return await house.application.read_batch(owner, batch.id)


async def results(house: House, owner: Principal, batch: Batch) -> list[Generation]:
    """What came of it so far."""
    return [generation async for generation in await house.application.read_results(owner, batch.id)]


def once(text: str = "batch") -> Once:
    """A caller's key for something that is to be asked for once."""
    return Once(key="key:order-42", fingerprint=sha256(text.encode()).digest())


async def test_a_batch_is_many_generations() -> None:
    """Each request becomes a generation of its own, in its place, and rings in the line of the batches."""
    bell = Bell()
    house = a_house(queue=bell)
    owner = await house.owner()
    batch = (await submit(house, owner)).batch
    assert (batch.total, batch.counts, batch.status) == (3, BatchCounts(queued=3), BatchStatus.QUEUED)
    generations = (await history(house, owner))[::-1]
    assert [(g.requested.prompt, g.labels.external_id) for g in generations] == [
        (f"fox {n}", f"order-{n}") for n in range(3)
    ]
    assert [(g.batch_id, g.batch_index, g.status) for g in generations] == [
        (batch.id, n, Status.QUEUED) for n in range(3)
    ]
    assert bell.rung == [(generation.id, True) for generation in generations]
    assert await read(house, owner, batch) == batch


async def test_each_is_dealt_with_as_it_says() -> None:
    """Priority, deadline and labels of a request are its own."""
    house = a_house()
    owner = await house.owner()
    plain, urgent = wishes(2)
    urgent = replace(urgent, priority=Priority.HIGH, start_within=60.0)
    await house.application.submit_batch(owner, [plain, urgent])
    second, first = await history(house, owner)
    assert (first.priority, first.start_by) == (Priority.NORMAL, None)
    assert (second.priority, second.start_by) == (Priority.HIGH, house.clock() + timedelta(seconds=60))


async def test_one_that_is_wrong_refuses_all() -> None:
    """Every fault is told with its place, and nothing is remembered or rung for."""
    bell = Bell()
    house = a_house(queue=bell)
    owner = await house.owner()
    good = wishes(3)
    bad = [
        replace(good[0], request=ImageRequest(prompt="fox", model="brush-9")),
        replace(good[0], labels=Labels(tags=("",))),
    ]
    with pytest.raises(InvalidRequest, match="2 of 5") as refusal:
        await house.application.submit_batch(owner, [good[0], bad[0], good[1], bad[1], good[2]])
    pointers = [fault.pointer for fault in refusal.value.faults]
    assert pointers == ["/requests/1/model", "/requests/3/tags"]
    assert (await history(house, owner), bell.rung) == ([], [])
    assert (await house.application.list_batches(owner, PageRequest())).items == []


@pytest.mark.parametrize("count", [0, 1001])
async def test_a_batch_has_a_thousand_requests_at_most(count: int) -> None:
    """None is none, and more than a thousand are too many."""
    house = a_house()
    owner = await house.owner()
    with pytest.raises(InvalidRequest) as refusal:
        await submit(house, owner, count)
    assert refusal.value.faults == (Fault("/requests", "A batch has 1 to 1000 requests."),)


async def test_a_provider_that_is_not_configured_is_no_fault_of_a_request() -> None:
    """Nothing is remembered, and the variables that are missing are told."""
    brush = replace(EASEL, id="brush-1", provider="brush", aliases=(), default=False)
    house = a_house(models=(EASEL, brush), missing={"brush": ("BRUSH_KEY",)})
    owner = await house.owner()
    with pytest.raises(ProviderNotConfigured):
        await house.application.submit_batch(owner, wishes(2, model="brush-1"))
    assert await history(house, owner) == []


async def test_a_queue_that_is_away_loses_nothing() -> None:
    """What could not be rung for is remembered all the same, and rung for again in the same line."""
    bell = Bell(strength=1)
    house = a_house(queue=bell)
    owner = await house.owner()
    batch = (await submit(house, owner)).batch
    assert (await read(house, owner, batch)).counts == BatchCounts(queued=3)
    assert len(bell.rung) == 1
    again = Bell()
    later = House(provider=house.provider, database=house.database, clock=house.clock, queue=again)
    single = await ask(later, owner)
    later.clock.advance(seconds=1)
    again.rung.clear()
    await later.application.ring_again()
    batched = [(generation.id, True) for generation in (await history(later, owner))[:0:-1]]
    assert again.rung == [(single.id, False), *batched]


async def test_the_same_batch_is_taken_once() -> None:
    """Handed in again under its key it is the first one, as it stands then, and nothing is drawn twice."""
    house = a_house()
    owner = await house.owner()
    first = await submit(house, owner, once=once())
    await house.application.run_generation((await history(house, owner))[0].id)
    second = await submit(house, owner, once=once())
    assert (first.replayed, second.replayed) == (False, True)
    assert second.batch.id == first.batch.id
    assert second.batch.counts == BatchCounts(queued=2, succeeded=1)
    assert len(await history(house, owner)) == 3


async def test_a_batch_that_was_taken_needs_nothing_of_today() -> None:
    """Handed in again it is the first one, also where its requests could not be drawn any more."""
    house = a_house()
    owner = await house.owner()
    first = await submit(house, owner, once=once())
    moved = House(provider=MemoryProvider("other", ANSWER), models=(), database=house.database, clock=house.clock)
    again = await submit(moved, owner, once=once())
    assert (again.replayed, again.batch) == (True, first.batch)
    with pytest.raises(IdempotencyKeyReused):
        await submit(moved, owner, once=once("something else"))
    with pytest.raises(InvalidRequest):
        await submit(moved, owner)


async def test_many_at_the_same_time_are_one() -> None:
    """Of those that arrive together one is taken, and all get the same."""
    house = a_house()
    owner = await house.owner()
    submitted = await asyncio.gather(*(submit(house, owner, once=once()) for _ in range(20)))
    assert len({one.batch.id for one in submitted}) == 1
    assert [one.replayed for one in submitted].count(False) == 1
    assert len(await history(house, owner)) == 3


async def test_a_key_is_good_for_one_thing() -> None:
    """Under a key that was used for something else, be it a single generation, no batch is taken."""
    house = a_house()
    owner = await house.owner()
    await ask(house, owner, once=once("single"))
    with pytest.raises(IdempotencyKeyReused):
        await submit(house, owner, once=once())
    house.clock.advance(hours=25)
    assert not (await submit(house, owner, once=once())).replayed


async def test_only_its_owner_sees_a_batch() -> None:
    """Somebody else's is as good as none; a list holds one's own, newest first."""
    house = a_house()
    owner, other = await house.owner(), await house.owner("other@example.com")
    first, second = [(await submit(house, owner)).batch for _ in range(2)]
    assert (await house.application.list_batches(owner, PageRequest())).items == [second, first]
    assert (await house.application.list_batches(other, PageRequest())).items == []
    for batch_id in (first.id, BatchId(new_id())):
        with pytest.raises(NotFound):
            await house.application.read_batch(other, batch_id)
        with pytest.raises(NotFound):
            await house.application.read_results(other, batch_id)
        with pytest.raises(NotFound):
            await house.application.cancel_batch(other, batch_id)
    assert (await read(house, owner, first)).status is BatchStatus.QUEUED


@pytest.mark.parametrize(
    ("held", "allowed"), [(Scope.READ, {"list", "read", "results"}), (Scope.GENERATE, {"submit", "cancel"})]
)
async def test_a_key_does_what_its_scopes_say(held: Scope, allowed: set[str]) -> None:
    """Handing in and taking back need `generate`, looking needs `read`."""
    house = a_house()
    owner = await house.owner()
    batch = (await submit(house, owner)).batch
    limited, application = replace(owner, scopes=frozenset({held})), house.application
    deeds: dict[str, Callable[[], Awaitable[object]]] = {
        "submit": lambda: submit(house, limited),
        "list": lambda: application.list_batches(limited, PageRequest()),
        "read": lambda: application.read_batch(limited, batch.id),
        "results": lambda: application.read_results(limited, batch.id),
        "cancel": lambda: application.cancel_batch(limited, batch.id),
    }
    for name, deed in deeds.items():
        if name in allowed:
            await deed()
        else:
            with pytest.raises(ScopeMissing):
                await deed()


async def run(house: House, generations: Sequence[Generation]) -> None:
    """Run these, in this order."""
    for generation in generations:
        await house.application.run_generation(generation.id)


async def test_results_come_in_the_order_of_the_batch() -> None:
    """What has ended so far is told, in the order in which it was asked for; what was deleted is not."""
    house = a_house()
    owner = await house.owner()
    batch = (await submit(house, owner, 5)).batch
    generations = (await history(house, owner))[::-1]
    assert await results(house, owner, batch) == []
    await run(house, [generations[index] for index in (4, 0, 2)])
    assert [one.batch_index for one in await results(house, owner, batch)] == [0, 2, 4]
    await run(house, generations)
    told = await results(house, owner, batch)
    assert told == [await found(house, owner, generation.id) for generation in generations]
    await house.application.delete_generation(owner, generations[1].id)
    assert [one.batch_index for one in await results(house, owner, batch)] == [0, 2, 3, 4]


async def test_all_results_of_a_large_batch_are_told() -> None:
    """However many parts it takes to read them, each is told once."""
    house = a_house()
    owner = await house.owner()
    batch = (await submit(house, owner, 201)).batch
    await house.application.cancel_batch(owner, batch.id)
    assert [one.batch_index for one in await results(house, owner, batch)] == list(range(201))


async def test_results_that_break_off_say_so() -> None:
    """A database that goes away while they are read is not taken for the end of them."""
    database = Interrupted()
    house = a_house(database=database)
    owner = await house.owner()
    batch = (await submit(house, owner)).batch
    told = await house.application.read_results(owner, batch.id)
    database.away = inf
    with pytest.raises(DatabaseUnavailable):
        [_ async for _ in told]


async def test_a_single_one_does_not_wait_for_a_batch() -> None:
    """While two hundred are to be drawn by a slow provider, what is asked for by itself is drawn before them."""
    held = Held()

    async def draw(request: ImageRequest, count: int) -> ProviderAnswer:
        return await held(request, count) if request.prompt.startswith("fox ") else ANSWER

    house = a_house(draw, queue=InProcessQueue(concurrency=8, grace=0))
    owner = await house.owner()
    async with house.working():
        batch = (await submit(house, owner, 200)).batch
        for _ in range(2):  # the share of a batch in eight places
            await held.begun.acquire()
        singles = [await ask(house, owner, prompt="owl", priority=Priority.LOW, wait=60) for _ in range(20)]
        assert {single.status for single in singles} == {Status.SUCCEEDED}
        assert (await read(house, owner, batch)).counts == BatchCounts(queued=198, running=2)
        together = await asyncio.gather(*(ask(house, owner, prompt="owl", wait=60) for _ in range(50)))
        assert {single.status for single in together} == {Status.SUCCEEDED}
        assert (await read(house, owner, batch)).counts == BatchCounts(queued=198, running=2)
    assert len(await calls(house, owner, singles[0].id)) == 1


async def test_what_is_urgent_in_a_batch_overtakes_only_batches() -> None:
    """One of a high priority goes before the others of its line, and not before what was asked for by itself."""
    house = a_house(queue=Bell())
    owner = await house.owner()
    urgent = [replace(wish, priority=Priority.HIGH) for wish in wishes(1)]
    await submit(house, owner, 2)
    await house.application.submit_batch(owner, urgent)
    single = await ask(house, owner)
    await house.application.run_generation(single.id)
    assert [call.request.prompt for call in house.provider.calls] == ["fox"]
    first = (await history(house, owner))[-1]
    await house.application.run_generation(first.id)
    assert [call.request.prompt for call in house.provider.calls] == ["fox", "fox 0", "fox 0"]
    assert (await history(house, owner))[1].status is Status.SUCCEEDED
