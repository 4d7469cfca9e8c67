"""What a process that died left running: settled by its receipts, never repeated."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from math import inf
from typing import Any

import pytest

from faults import Damaged, Interrupted
from generating import COST, PAID, PRICED, Held, ask, calls, found, pictures, receipts, usage
from house import PICTURE, House
from imagegen.adapters.memory import MemoryProvider
from imagegen.application.leasing import LIFETIME
from imagegen.application.stranded import A_WHILE
from imagegen.domain.attempts import Outcome
from imagegen.domain.blob_keys import is_receipt_key, receipt_key
from imagegen.domain.errors import Billed, ProviderAccount, ProviderBusy, StorageUnavailable
from imagegen.domain.generations import Generation, Status
from imagegen.domain.images import ImageRequest
from imagegen.domain.ports import ProviderAnswer
from imagegen.domain.retries import RetryPolicy
from imagegen.domain.users import Principal
from processes import Ground, kill, until
from wire.pictures import draw

LAPSE = LIFETIME.total_seconds()
OTHER = draw(32, 32, "png")
TRIPLE = replace(PRICED, capabilities=replace(PRICED.capabilities, images_per_call=3))


class Receipted:
    """Somebody to whom a store tells what it was given; once so many receipts are there it lets nobody go on."""

    def __init__(self, count: int = 1) -> None:
        self.written = asyncio.Event()
        self._count = count

    async def __call__(self, key: str) -> None:
        """Count it."""
        self._count -= is_receipt_key(key)
        if self._count <= 0:
            self.written.set()
            await asyncio.Event().wait()


@asynccontextmanager
async def running(house: House, generation: Generation) -> AsyncIterator["asyncio.Task[None]"]:
    """A process that draws a generation, and is killed at the latest at the end."""
    task = asyncio.create_task(house.application.run_generation(generation.id))
    try:
        yield task
    finally:
        await kill(task)


async def killed_while_drawing(ground: Ground, **wishes: Any) -> tuple[House, Principal, Generation]:
    """A living process, and what another one was waiting for when it died; its lease has run out since."""
    held = Held(PAID)
    dying, alive = ground.process(held, models=(PRICED,)), ground.process(PAID, models=(PRICED,))
    owner = await dying.owner()
    generation = await ask(dying, owner, **wishes)
    async with running(dying, generation):
        await held.begun.acquire()
    await ground.pass_time(2 * LAPSE, alive)
    return alive, owner, generation


async def killed_after_its_receipt(
    ground: Ground, *answers: Any, of: int = 1, **wishes: Any
) -> tuple[House, Principal, Generation]:
    """The same, but that one died when it had written so many receipts, and before the row said anything."""
    models = wishes.pop("models", (PRICED,))
    dying, alive = ground.process(*answers, models=models), ground.process(PAID, models=models)
    owner = await dying.owner()
    generation = await ask(dying, owner, **wishes)
    ground.store.given = receipted = Receipted(of)
    async with running(dying, generation):
        await receipted.written.wait()
    ground.store.given = None
    await ground.pass_time(2 * LAPSE, alive)
    return alive, owner, generation


async def test_without_a_receipt_nobody_knows_and_nothing_is_repeated() -> None:
    """It fails as `outcome_unknown`, with its attempt and one record of usage, and whoever waits is told."""
    house, owner, generation = await killed_while_drawing(Ground())
    with house.events.watch(generation.id) as watch:
        for _ in range(2):
            await house.application.settle_stranded()
        told = await watch.outcome(0)
    ended = await found(house, owner, generation.id)
    assert told == ended
    assert ended.failure is not None
    assert (ended.failure.code, ended.failure.billed, ended.cost_micros) == ("outcome_unknown", Billed.UNKNOWN, None)
    (attempt,) = await calls(house, owner, generation.id)
    assert (attempt.outcome, attempt.billed, attempt.cost_micros) == (Outcome.UNKNOWN, Billed.UNKNOWN, None)
    bucket = await usage(house, owner)
    assert (bucket.requests, bucket.failures, bucket.unknown_costs) == (1, 1, 1)
    await house.application.ring_again()
    assert house.provider.calls == []


async def test_with_a_receipt_it_has_succeeded() -> None:
    """Pictures, cost, call and usage are as if nothing had happened; no call is made, and the receipt is gone."""
    ground = Ground()
    house, owner, generation = await killed_after_its_receipt(ground, PAID)
    with house.events.watch(generation.id) as watch:
        await house.application.settle_stranded()
        told = await watch.outcome(0)
    ended = await found(house, owner, generation.id)
    assert told == ended
    assert (ended.status, ended.cost_micros, ended.adjustments) == (Status.SUCCEEDED, COST, ())
    (image,) = ended.images
    (attempt,) = await calls(house, owner, generation.id)
    assert (str(image.size), image.bytes, image.attempt_id) == ("64x48", len(PICTURE), attempt.id)
    assert await house.application.read_bytes(image) == PICTURE
    assert (attempt.outcome, attempt.billed, attempt.cost_micros) == (Outcome.SUCCEEDED, Billed.YES, COST)
    assert attempt.provider_request_id == "call-1"
    bucket = await usage(house, owner)
    assert (bucket.requests, bucket.images, bucket.cost_micros) == (1, 1, COST)
    assert (house.provider.calls, await receipts(house)) == ([], set())


async def test_a_process_that_dies_while_the_database_is_away_loses_nothing() -> None:
    """However long it tried to write down the end in vain: its receipt says the same to whoever comes next."""
    ground = Ground()
    ground.database = database = Interrupted(ground.clock)

    async def cut(_: ImageRequest, __: int) -> ProviderAnswer:
        database.away = inf
        return PAID

    dying, alive = ground.process(cut, models=(PRICED,)), ground.process(PAID, models=(PRICED,))
    owner = await dying.owner()
    generation = await ask(dying, owner)
    async with running(dying, generation):
        await until(lambda: has_receipts(dying))
    database.away = 0
    await ground.pass_time(2 * LAPSE, alive)
    await alive.application.settle_stranded()
    ended = await found(alive, owner, generation.id)
    assert (ended.status, len(ended.images), ended.cost_micros) == (Status.SUCCEEDED, 1, COST)
    assert (await usage(alive, owner)).cost_micros == COST


async def has_receipts(house: House) -> bool:
    """Whether one is stored."""
    return bool(await receipts(house))


async def test_several_pictures_of_one_receipt_keep_their_order() -> None:
    """The picture that none was read from is missing, and the others stand as they came."""
    answer = replace(PAID, pictures=(PICTURE, b"not a picture", OTHER))
    house, owner, generation = await killed_after_its_receipt(Ground(), answer, models=(TRIPLE,), n=3)
    await house.application.settle_stranded()
    ended = await found(house, owner, generation.id)
    assert [image.position for image in ended.images] == [0, 1]
    assert [await house.application.read_bytes(image) for image in ended.images] == [PICTURE, OTHER]
    assert [adjustment.applied for adjustment in ended.adjustments] == [2]


async def test_some_calls_with_and_some_without_a_receipt() -> None:
    """The pictures that are known to be here are the result; what the other call cost nobody knows."""
    ground = Ground()

    async def answer(_: ImageRequest, __: int) -> ProviderAnswer:
        if next(asked) == 1:
            await asyncio.Event().wait()
        return PAID

    asked = iter(range(3))
    house, owner, generation = await killed_after_its_receipt(ground, answer, n=3, of=2)
    await house.application.settle_stranded()
    ended = await found(house, owner, generation.id)
    assert (ended.status, len(ended.images), ended.cost_micros) == (Status.SUCCEEDED, 2, None)
    (adjustment,) = ended.adjustments
    assert (adjustment.parameter, adjustment.asked, adjustment.applied) == ("n", 3, 2)
    attempts = await calls(house, owner, generation.id)
    assert [(a.outcome, a.cost_micros) for a in attempts] == [
        (Outcome.SUCCEEDED, COST),
        (Outcome.UNKNOWN, None),
        (Outcome.SUCCEEDED, COST),
    ]
    assert len(await pictures(house)) == 2


async def test_pictures_without_a_receipt_are_removed() -> None:
    """Nobody knows what they cost or whether all of them are there: none is shown, and none stays."""
    ground = Ground()
    stored = asyncio.Event()

    async def stop(_: str) -> None:
        stored.set()
        await asyncio.Event().wait()

    ground.store.given = stop
    dying, alive = ground.process(PAID), ground.process(PAID)
    owner = await dying.owner()
    generation = await ask(dying, owner)
    async with running(dying, generation):
        await stored.wait()
    assert len(await pictures(alive)) == 1
    await ground.pass_time(2 * LAPSE, alive)
    await alive.application.settle_stranded()
    assert (await found(alive, owner, generation.id)).status is Status.FAILED
    assert await pictures(alive) == set()


@pytest.mark.parametrize("said", [b"", b"not json", b'{"receipt": 2}', b'{"receipt": 1, "billed": "perhaps"}', b"[]"])
async def test_a_receipt_that_cannot_be_read_is_none(said: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """What happened is unknown then, and the log says why."""
    ground = Ground()
    house, owner, generation = await killed_after_its_receipt(ground, PAID)
    (attempt,) = await calls(house, owner, generation.id)
    await ground.store.put(receipt_key(attempt.id), said, "application/json")
    await house.application.settle_stranded()
    ended = await found(house, owner, generation.id)
    assert ended.failure is not None
    assert (ended.failure.code, ended.failure.billed) == ("outcome_unknown", Billed.UNKNOWN)
    assert (await pictures(house), await receipts(house)) == (set(), set())
    assert "ERROR" in {record.levelname for record in caplog.records}


async def refused_on_record(house: House, owner: Principal, generation: Generation) -> bool:
    """Whether the end of its first call is written down."""
    return [call.outcome for call in await calls(house, owner, generation.id)] == [Outcome.FAILED]


async def test_between_two_calls_nothing_was_billed() -> None:
    """A process that died in the pause before it tried again leaves a failure that cost nothing and can be repeated."""
    ground = Ground()
    patient = RetryPolicy(first_pause=60.0)
    dying = ground.process(ProviderBusy(), PAID, models=(PRICED,), policy=patient)
    alive = ground.process(PAID, models=(PRICED,))
    owner = await dying.owner()
    generation = await ask(dying, owner)
    async with running(dying, generation):
        await until(lambda: refused_on_record(dying, owner, generation))
    await ground.pass_time(2 * LAPSE, alive)
    await alive.application.settle_stranded()
    ended = await found(alive, owner, generation.id)
    assert ended.failure is not None
    assert (ended.failure.code, ended.failure.billed, ended.failure.retryable) == ("outcome_unknown", Billed.NO, True)
    assert (ended.cost_micros, alive.provider.calls) == (0, [])
    (attempt,) = await calls(alive, owner, generation.id)
    assert (attempt.outcome, attempt.error_code) == (Outcome.FAILED, "provider_busy")
    assert (await usage(alive, owner)).cost_micros == 0


async def test_what_a_living_process_draws_is_left_in_peace() -> None:
    """As long as its lease is renewed, however long it takes, nobody settles it but itself."""
    ground, held = Ground(), Held()
    drawing, looking = ground.process(held), ground.process()
    owner = await drawing.owner()
    generation = await ask(drawing, owner)
    async with running(drawing, generation) as task:
        await held.begun.acquire()
        await ground.pass_time(10 * LAPSE, drawing, looking)
        await looking.application.settle_stranded()
        assert (await found(looking, owner, generation.id)).status is Status.RUNNING
        held.may_end.set()
        await task
    assert (await found(looking, owner, generation.id)).status is Status.SUCCEEDED


async def test_whoever_was_away_itself_settles_nothing_yet() -> None:
    """When everybody's lease has run out the database was away: the first who is back does not judge the others."""
    ground, held = Ground(), Held()
    drawing, looking = ground.process(held), ground.process()
    owner = await drawing.owner()
    generation = await ask(drawing, owner)
    async with running(drawing, generation) as task:
        await held.begun.acquire()
        await ground.pass_time(10 * LAPSE, looking)
        ground.clock.advance(seconds=LAPSE)
        await looking.application.renew_lease()
        await looking.application.settle_stranded()
        assert (await found(looking, owner, generation.id)).status is Status.RUNNING
        await ground.pass_time(2 * LAPSE, drawing, looking)
        await looking.application.settle_stranded()
        held.may_end.set()
        await task
    assert (await found(looking, owner, generation.id)).status is Status.SUCCEEDED


@pytest.mark.parametrize("alone", [False, True])
async def test_what_is_at_work_here_is_left_in_peace(alone: bool) -> None:
    """However long it takes, and though the lease ran out in between: nobody settles what this process works on."""
    ground, held = Ground(), Held()
    house = ground.process(held, alone=alone)
    owner = await house.owner()
    generation = await ask(house, owner)
    async with running(house, generation) as task:
        await held.begun.acquire()
        ground.clock.advance(hours=1)
        await ground.pass_time(2 * LAPSE, house)
        await house.application.settle_stranded()
        held.may_end.set()
        await task
    assert (await found(house, owner, generation.id)).status is Status.SUCCEEDED


async def test_what_was_given_up_here_is_settled_here() -> None:
    """What a defect left running in a process that lives on is settled by that one, once it is certain to be left."""
    ground, held = Ground(), Held()
    house = ground.process(held)
    owner = await house.owner()
    generation = await ask(house, owner)
    async with running(house, generation):
        await held.begun.acquire()
    await ground.pass_time(A_WHILE.total_seconds(), house)
    await house.application.settle_stranded()
    assert (await found(house, owner, generation.id)).status is Status.RUNNING
    await ground.pass_time(1, house)
    await house.application.settle_stranded()
    assert (await found(house, owner, generation.id)).status is Status.FAILED


async def test_whoever_is_alone_settles_at_once() -> None:
    """A process that has the database to itself knows from its start that what runs was left behind."""
    ground, held = Ground(), Held()
    before, after = ground.process(held, alone=True), ground.process(alone=True)
    owner = await before.owner()
    generation = await ask(before, owner)
    async with running(before, generation):
        await held.begun.acquire()
    await after.application.renew_lease()
    await after.application.settle_stranded()
    assert (await found(after, owner, generation.id)).status is Status.FAILED


async def test_several_who_settle_at_once_have_one_end() -> None:
    """Everybody who looks may try: there is one success, one record, and its pictures stay."""
    ground = Ground()
    house, owner, generation = await killed_after_its_receipt(ground, PAID)
    others = [ground.process(PAID, models=(PRICED,)) for _ in range(4)]
    await ground.pass_time(2 * LAPSE, house, *others)
    await asyncio.gather(*(one.application.settle_stranded() for one in (house, *others)))
    ended = await found(house, owner, generation.id)
    assert (ended.status, ended.cost_micros) == (Status.SUCCEEDED, COST)
    assert await pictures(house) == {image.location for image in ended.images}
    assert (await usage(house, owner)).requests == 1


async def test_a_store_that_is_away_is_asked_again() -> None:
    """Without it nobody can tell whether there is a receipt: nothing is judged until it answers."""
    ground = Ground()
    house, owner, generation = await killed_after_its_receipt(ground, PAID)
    ground.store.failure = StorageUnavailable()
    with pytest.raises(StorageUnavailable):
        await house.application.settle_stranded()
    assert (await found(house, owner, generation.id)).status is Status.RUNNING
    ground.store.failure = None
    await house.application.settle_stranded()
    assert (await found(house, owner, generation.id)).status is Status.SUCCEEDED


async def test_one_broken_row_does_not_hide_the_rest(caplog: pytest.LogCaptureFixture) -> None:
    """A row that cannot be read is told by its id and passed over, without the text of the error."""
    ground, held = Ground(), Held()
    ground.database = database = Damaged(ground.clock)
    dying, alive = ground.process(held), ground.process()
    owner = await dying.owner()
    bad, good = await ask(dying, owner), await ask(dying, owner)
    async with running(dying, bad), running(dying, good):
        await held.begun.acquire()
        await held.begun.acquire()
    await ground.pass_time(2 * LAPSE, alive)
    database.bad = bad.id
    await alive.application.settle_stranded()
    assert (await found(alive, owner, good.id)).status is Status.FAILED
    assert str(bad.id) in caplog.text
    assert "ValueError" in caplog.text
    assert database.quoted not in caplog.text


async def test_what_had_moved_is_told_to_have_moved() -> None:
    """A receipt of the provider that it went on to makes the generation that one's, with the difference told."""
    ground = Ground()
    brush = replace(PRICED, id="brush-1", provider="brush", aliases=())

    def process() -> House:
        others = (MemoryProvider("brush", PAID),)
        return ground.process(ProviderAccount(), models=(PRICED, brush), others=others, policy=RetryPolicy())

    dying, alive = process(), process()
    owner = await dying.owner()
    generation = await ask(dying, owner)
    ground.store.given = receipted = Receipted()
    async with running(dying, generation):
        await receipted.written.wait()
    ground.store.given = None
    await ground.pass_time(2 * LAPSE, alive)
    await alive.application.settle_stranded()
    ended = await found(alive, owner, generation.id)
    assert (ended.status, ended.provider, ended.model) == (Status.SUCCEEDED, "brush", "brush-1")
    assert (ended.applied.provider, ended.applied.model) == ("brush", "brush-1")
    assert [(a.parameter, a.asked, a.applied) for a in ended.adjustments] == [("provider", None, "brush")]
