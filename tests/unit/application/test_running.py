"""Running a generation: the row, the provider, the bytes, the row."""

import asyncio
import logging
import zlib
from dataclasses import replace
from decimal import Decimal
from hashlib import sha256
from io import StringIO
from math import inf

import pytest

from builders import SettableClock
from house import ANSWER, EASEL, PICTURE, House, a_house
from imagegen.adapters.memory import MemoryBlobStore, MemoryDatabase
from imagegen.application.keeping import STORE_TRIES
from imagegen.domain.errors import (
    Billed,
    ContentBlocked,
    DatabaseUnavailable,
    NoImage,
    OutcomeUnknown,
    PictureNotStored,
    ProviderBusy,
    StorageUnavailable,
)
from imagegen.domain.generations import Attempt, Generation, Outcome, Status
from imagegen.domain.images import ImageFormat, ImageRequest, Labels
from imagegen.domain.ports import ProviderAnswer, UnitOfWork
from imagegen.domain.prices import Price, TokenUsage
from imagegen.domain.usage import GroupBy, UsageBucket, UsageRecord
from imagegen.domain.users import Principal
from imagegen.web.logging import JsonFormatter
from wire.pictures import draw

PRICED = replace(EASEL, price=Price(output_image=Decimal(30)))
TOKENS = TokenUsage(output_image=1_000)
COST = 30_000
"""Micros: 1,000 tokens at 30 dollars a million."""
PAID = replace(ANSWER, usage=TOKENS)


class Forgetful(MemoryBlobStore):
    """A store that refuses one of the pictures it is given, every time or so many times."""

    def __init__(
        self, clock: SettableClock, *, refused: int, times: float = inf, error: Exception | None = None
    ) -> None:
        super().__init__(clock)
        self._error = error or StorageUnavailable()
        self._refused = refused
        self._times = times
        self._keys: list[str] = []

    async def put(self, key: str, data: bytes, content_type: str) -> str:
        """Keep it, unless it is the one."""
        if key not in self._keys:
            self._keys.append(key)
        if self._keys.index(key) == self._refused - 1 and self._times > 0:
            self._times -= 1
            raise self._error
        return await super().put(key, data, content_type)


class Interrupted(MemoryDatabase):
    """A database that goes away for a few units of work, once it is told to."""

    away = 0

    def unit_of_work(self) -> UnitOfWork:
        """A unit of work, if it is there."""
        if self.away:
            self.away -= 1
            raise DatabaseUnavailable
        return super().unit_of_work()


class Accounting(MemoryDatabase):
    """A database that shows the records of usage, of which a report tells only sums."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[UsageRecord] = []

    def unit_of_work(self) -> UnitOfWork:
        """A unit of work that lets its records be seen."""
        work = super().unit_of_work()
        work.usage.add = self.records.append  # type: ignore[method-assign,assignment]  # nobody else needs them here
        return work


class LostAnswer(Interrupted):
    """A database that commits and then fails to say so, at the commit that it is told.

    It may be away for a few units of work afterwards; if it is `forgetful`, it does not even commit.
    """

    lost = 0
    away_after = 0
    forgetful = False

    def unit_of_work(self) -> UnitOfWork:
        """A unit of work whose commit may raise although it happened."""
        work = super().unit_of_work()
        commit = work.commit

        async def commit_silently() -> None:
            self.lost -= 1
            if self.lost != 0 or not self.forgetful:
                await commit()
            if self.lost == 0:
                self.away = self.away_after
                raise DatabaseUnavailable

        work.commit = commit_silently  # type: ignore[method-assign]  # this is the fault that is played
        return work


async def ask(house: House, owner: Principal, **wishes: object) -> Generation:
    """A generation that was asked for and not yet run."""
    request = ImageRequest(prompt="fox", **wishes)  # type: ignore[arg-type]  # what a test wishes
    return await house.application.request_generation(owner, request, labels=Labels())


async def run(house: House, owner: Principal, **wishes: object) -> tuple[Generation, list[Attempt]]:
    """A generation that has been run, and the calls that were made for it."""
    generation = await ask(house, owner, **wishes)
    await house.application.run_generation(generation.id)
    ended = await house.application.read_generation(owner, generation.id)
    return ended, list(await house.application.list_attempts(owner, generation.id))


async def usage(house: House, owner: Principal) -> UsageBucket:
    """The one day of usage there is."""
    (bucket,) = await house.application.read_usage(owner, since=None, until=None, group_by=GroupBy.DAY)
    return bucket


async def blobs(house: House) -> int:
    """How many pictures are stored."""
    return len([blob async for blob in house.store.blobs()])


async def test_a_picture_is_described_by_its_bytes() -> None:
    """Size, type, length and hash come from what the provider sent, and the bytes are stored as they are."""
    house = a_house(PAID, models=(PRICED,))
    ended, (attempt,) = await run(house, await house.owner())
    (image,) = ended.images
    assert (str(image.size), image.format, image.bytes) == ("64x48", ImageFormat.PNG, len(PICTURE))
    assert await house.application.read_bytes(image) == PICTURE
    assert (ended.status, ended.cost_micros) == (Status.SUCCEEDED, COST)
    assert (attempt.outcome, attempt.billed, attempt.cost_micros) == (Outcome.SUCCEEDED, Billed.YES, COST)
    assert attempt.provider_request_id == "call-1"


async def test_the_call_is_on_record_before_it_is_made() -> None:
    """When the provider is asked, the generation is already running and its attempt already written."""
    seen: list[tuple[Status, Outcome]] = []

    async def look(_: ImageRequest, __: int) -> ProviderAnswer:
        found = await house.application.read_generation(owner, generation.id)
        (attempt,) = await house.application.list_attempts(owner, generation.id)
        seen.append((found.status, attempt.outcome))
        return ANSWER

    house = a_house(look)
    owner = await house.owner()
    generation = await ask(house, owner)
    await house.application.run_generation(generation.id)
    assert seen == [(Status.RUNNING, Outcome.STARTED)]


async def test_one_generation_is_run_once_however_often_it_rings() -> None:
    """Deliveries at the same instant and later ones make a single call and a single charge."""
    house = a_house(PAID, models=(PRICED,))
    owner = await house.owner()
    generation = await ask(house, owner)
    await asyncio.gather(*(house.application.run_generation(generation.id) for _ in range(5)))
    await house.application.run_generation(generation.id)
    assert len(house.provider.calls) == 1
    assert (await usage(house, owner)).cost_micros == COST


async def test_n_pictures_are_as_many_calls_as_the_model_needs() -> None:
    """A model that draws two at a time is asked three times for five, and they come in order."""
    pair = replace(PRICED, capabilities=replace(PRICED.capabilities, images_per_call=2))

    async def answer(_: ImageRequest, count: int) -> ProviderAnswer:
        return replace(PAID, pictures=(PICTURE,) * count)

    house = a_house(answer, models=(pair,))
    ended, attempts = await run(house, await house.owner(), n=5)
    assert [call.count for call in house.provider.calls] == [2, 2, 1]
    assert [attempt.number for attempt in attempts] == [1, 2, 3]
    assert [image.position for image in ended.images] == [0, 1, 2, 3, 4]
    assert (ended.cost_micros, ended.adjustments) == (3 * COST, ())


async def test_calls_of_one_generation_count_the_seed_on() -> None:
    """Several calls with one seed would bring the same picture several times, each of them paid for."""
    house = a_house(ANSWER)
    await run(house, await house.owner(), n=3, seed=2**31 - 2)
    assert [call.request.seed for call in house.provider.calls] == [2**31 - 2, 2**31 - 1, 0]


async def test_the_pictures_there_are_count_when_others_fail() -> None:
    """When some of several calls fail, the rest is the result; the difference and the cost of all are told."""
    house = a_house(PAID, ContentBlocked(billed=Billed.NO), PAID, models=(PRICED,))
    owner = await house.owner()
    ended, attempts = await run(house, owner, n=3)
    assert (ended.status, len(ended.images), ended.cost_micros) == (Status.SUCCEEDED, 2, 2 * COST)
    (adjustment,) = ended.adjustments
    assert (adjustment.parameter, adjustment.asked, adjustment.applied) == ("n", 3, 2)
    assert adjustment.reason == ContentBlocked.title
    assert [attempt.outcome for attempt in attempts] == [Outcome.SUCCEEDED, Outcome.FAILED, Outcome.SUCCEEDED]
    assert (await usage(house, owner)).images == 2


@pytest.mark.parametrize(("sent", "told"), [(1, "fewer"), (3, "more")])
async def test_another_number_of_pictures_is_told(sent: int, told: str) -> None:
    """Every picture that was sent is kept, and a number that differs from the wish is explained."""
    twice = replace(EASEL, capabilities=replace(EASEL.capabilities, images_per_call=2))
    house = a_house(replace(ANSWER, pictures=(PICTURE,) * sent), models=(twice,))
    ended, _ = await run(house, await house.owner(), n=2)
    (adjustment,) = ended.adjustments
    assert (len(ended.images), adjustment.applied) == (sent, sent)
    assert told in adjustment.reason


async def test_a_picture_that_cannot_be_converted_is_kept_as_it_came() -> None:
    """It is paid for: the caller gets it in its own format, and is told."""
    comment = png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"x" * 2**24))
    odd = PICTURE[:-12] + comment + PICTURE[-12:]
    house = a_house(replace(ANSWER, pictures=(odd,)))
    ended, _ = await run(house, await house.owner(), output_format=ImageFormat.WEBP)
    assert (ended.status, ended.images[0].format, ended.images[0].bytes) == (
        Status.SUCCEEDED,
        ImageFormat.PNG,
        len(odd),
    )
    (adjustment,) = ended.adjustments
    assert (adjustment.parameter, adjustment.asked, adjustment.applied) == ("output_format", "webp", "png")


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG, with its length and checksum."""
    return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)


async def test_when_every_call_fails_the_generation_does() -> None:
    """The first error speaks; if any of the calls may have been billed, that is what is said."""
    house = a_house(ProviderBusy(), OutcomeUnknown(), models=(PRICED,))
    owner = await house.owner()
    ended, attempts = await run(house, owner, n=2)
    assert ended.failure is not None
    assert (ended.status, ended.failure.code, ended.failure.billed) == (Status.FAILED, "provider_busy", Billed.UNKNOWN)
    assert ended.cost_micros is None
    assert [attempt.outcome for attempt in attempts] == [Outcome.FAILED, Outcome.UNKNOWN]
    bucket = await usage(house, owner)
    assert (bucket.failures, bucket.cost_micros, bucket.unknown_costs) == (1, 0, 1)


async def test_a_failure_that_was_not_billed_costs_nothing() -> None:
    """Certainty that nothing was charged is a cost of 0, not an unknown one."""
    house = a_house(ContentBlocked(billed=Billed.NO), models=(PRICED,))
    ended, _ = await run(house, await house.owner())
    assert ended.cost_micros == 0


async def test_an_unknown_price_is_unknown() -> None:
    """Tokens without a price, or a price without tokens, make a cost of nobody knows, never of 0."""
    for answer, price in ((PAID, Price()), (ANSWER, PRICED.price)):
        house = a_house(answer, models=(replace(EASEL, price=price),))
        ended, _ = await run(house, await house.owner())
        assert ended.cost_micros is None


async def test_what_is_no_picture_is_the_providers_fault() -> None:
    """Bytes that cannot be read end as `provider_misbehaved`, billed as the provider said, with their cost."""
    house = a_house(replace(PAID, pictures=(b"not a picture",)), models=(PRICED,))
    ended, (attempt,) = await run(house, await house.owner())
    assert ended.failure is not None
    assert (ended.failure.code, ended.failure.billed) == ("provider_misbehaved", Billed.YES)
    assert (attempt.cost_micros, attempt.provider_request_id) == (COST, "call-1")
    assert await blobs(house) == 0


async def test_an_answer_without_a_picture_is_no_success() -> None:
    """An adapter that returns nothing, instead of raising, still ends the generation as `no_image`."""
    house = a_house(replace(PAID, pictures=()), models=(PRICED,))
    ended, _ = await run(house, await house.owner())
    assert ended.failure is not None
    assert (ended.failure.code, ended.cost_micros) == (NoImage.code, COST)


async def test_a_store_that_is_away_is_told_apart_from_the_provider() -> None:
    """A picture that was paid for and could not be stored ends as `storage_unavailable`, billed, with its cost."""
    clock = SettableClock()
    house = a_house(PAID, models=(PRICED,), clock=clock, blobs=Forgetful(clock, refused=1))
    ended, _ = await run(house, await house.owner())
    assert ended.failure is not None
    assert (ended.failure.code, ended.failure.billed) == ("storage_unavailable", Billed.YES)
    assert ended.cost_micros == COST


async def test_a_store_that_is_away_for_a_moment_loses_nothing() -> None:
    """What the store does not take at once is given to it again, under the same key: the picture is paid for."""
    clock = SettableClock()
    house = a_house(PAID, models=(PRICED,), clock=clock, blobs=Forgetful(clock, refused=1, times=STORE_TRIES - 1))
    ended, _ = await run(house, await house.owner())
    assert (ended.status, len(ended.images)) == (Status.SUCCEEDED, 1)
    assert await blobs(house) == 1


async def test_one_picture_that_is_lost_takes_no_other_with_it() -> None:
    """Of several pictures in one answer those that can be kept are kept."""
    clock = SettableClock()
    many = replace(PRICED, capabilities=replace(PRICED.capabilities, images_per_call=3))
    answer = replace(PAID, pictures=(PICTURE, b"not a picture", PICTURE))
    house = a_house(answer, models=(many,), clock=clock, blobs=Forgetful(clock, refused=2))
    ended, (attempt,) = await run(house, await house.owner(), n=3)
    assert (ended.status, len(ended.images), ended.cost_micros) == (Status.SUCCEEDED, 1, COST)
    assert attempt.outcome is Outcome.SUCCEEDED
    assert [adjustment.applied for adjustment in ended.adjustments] == [1]


async def test_a_defect_with_one_picture_takes_no_other_with_it() -> None:
    """An error that nobody foresaw while a picture is stored loses that picture; the others end as always."""
    clock = SettableClock()
    many = replace(PRICED, capabilities=replace(PRICED.capabilities, images_per_call=3))
    store = Forgetful(clock, refused=2, error=RuntimeError("unforeseen"))
    house = a_house(replace(PAID, pictures=(PICTURE,) * 3), models=(many,), clock=clock, blobs=store)
    ended, (attempt,) = await run(house, await house.owner(), n=3)
    assert (ended.status, len(ended.images), ended.cost_micros) == (Status.SUCCEEDED, 2, COST)
    assert (attempt.outcome, attempt.billed) == (Outcome.SUCCEEDED, Billed.YES)
    assert [adjustment.reason for adjustment in ended.adjustments] == [PictureNotStored.title]


async def test_a_defect_in_one_answer_takes_no_other_call_with_it() -> None:
    """An answer that breaks what reads it ends its own call as unknown, and the pictures of the others are kept."""
    broken = replace(PAID, usage="not a count of tokens")  # type: ignore[arg-type]  # this is the defect
    house = a_house(broken, PAID, models=(PRICED,))
    ended, attempts = await run(house, await house.owner(), n=2)
    assert (ended.status, len(ended.images)) == (Status.SUCCEEDED, 1)
    assert [attempt.outcome for attempt in attempts] == [Outcome.UNKNOWN, Outcome.SUCCEEDED]


async def test_what_was_drawn_for_nothing_is_not_recorded_as_billed() -> None:
    """The record of usage says of a success what its calls say."""
    database = Accounting()
    house = a_house(replace(ANSWER, billed=Billed.NO), database=database)
    await run(house, await house.owner())
    assert [record.billed for record in database.records] == [Billed.NO]


async def test_another_format_than_the_providers_is_made() -> None:
    """A wish for WebP from a provider that sends PNG is met, and what is described is what is stored."""
    house = a_house()
    ended, _ = await run(house, await house.owner(), output_format=ImageFormat.WEBP)
    (image,) = ended.images
    data = await house.application.read_bytes(image)
    assert (image.format, image.bytes, data[8:12]) == (ImageFormat.WEBP, len(data), b"WEBP")


@pytest.mark.parametrize("size", [64, 512])
async def test_the_hash_is_of_the_stored_bytes(size: int) -> None:
    """Small pictures and large ones carry the SHA-256 of exactly what is stored."""
    picture = draw(size, size, "png")
    house = a_house(replace(ANSWER, pictures=(picture,)))
    ended, _ = await run(house, await house.owner())
    assert ended.images[0].sha256 == sha256(picture).hexdigest()


async def test_a_defect_of_an_adapter_settles_as_unknown_and_keeps_its_silence() -> None:
    """What nobody foresaw ends as `outcome_unknown`; the text of the exception, which may quote, is not logged."""

    async def broken(request: ImageRequest, _: int) -> ProviderAnswer:
        raise ValueError(f"cannot draw {request.prompt}")

    log = StringIO()
    handler = logging.StreamHandler(log)
    handler.setFormatter(JsonFormatter())
    logging.getLogger("imagegen").addHandler(handler)
    house = a_house(broken)
    try:
        ended, _ = await run(house, await house.owner())
    finally:
        logging.getLogger("imagegen").removeHandler(handler)
    assert ended.failure is not None
    assert (ended.failure.code, ended.failure.billed) == ("outcome_unknown", Billed.UNKNOWN)
    assert "ValueError" in log.getvalue()
    assert "cannot draw fox" not in log.getvalue()


async def test_relabeling_while_it_runs_loses_neither_labels_nor_picture() -> None:
    """A change of labels between start and end is kept, and so is the picture."""

    async def relabel(_: ImageRequest, __: int) -> ProviderAnswer:
        await house.application.relabel_generation(owner, generation.id, lambda _: Labels(title="relabeled"))
        return ANSWER

    house = a_house(relabel)
    owner = await house.owner()
    generation = await ask(house, owner)
    await house.application.run_generation(generation.id)
    ended = await house.application.read_generation(owner, generation.id)
    assert (ended.status, ended.labels.title, len(ended.images)) == (Status.SUCCEEDED, "relabeled", 1)


async def test_relabeling_while_it_begins_does_not_keep_it_waiting() -> None:
    """However relabeling and starting interleave, the generation is drawn and the labels are kept."""
    house = a_house()
    owner = await house.owner()
    generation = await ask(house, owner)
    relabeling = (
        house.application.relabel_generation(owner, generation.id, lambda old: replace(old, title="relabeled"))
        for _ in range(3)
    )
    await asyncio.gather(house.application.run_generation(generation.id), *relabeling)
    ended = await house.application.read_generation(owner, generation.id)
    assert (ended.status, ended.labels.title) == (Status.SUCCEEDED, "relabeled")


async def test_a_paid_picture_waits_for_a_database_that_is_away() -> None:
    """However long the database does not take the end, it is tried again: nothing is lost, drawn or charged twice."""

    async def cut(_: ImageRequest, __: int) -> ProviderAnswer:
        database.away = 100
        return PAID

    database = Interrupted()
    house = a_house(cut, models=(PRICED,), database=database)
    owner = await house.owner()
    generation = await ask(house, owner)
    await house.application.run_generation(generation.id)
    ended = await house.application.read_generation(owner, generation.id)
    assert (ended.status, len(ended.images), len(house.provider.calls)) == (Status.SUCCEEDED, 1, 1)
    assert (await usage(house, owner)).cost_micros == COST


@pytest.mark.parametrize("away", [0, 3])
async def test_a_beginning_whose_answer_was_lost_goes_on(away: int) -> None:
    """When the start was remembered and nobody said so, it is read again, once it can be, and drawn."""
    database = LostAnswer()
    house = a_house(PAID, models=(PRICED,), database=database)
    owner = await house.owner()
    generation = await ask(house, owner)
    database.lost, database.away_after = 1, away
    await house.application.run_generation(generation.id)
    ended = await house.application.read_generation(owner, generation.id)
    assert (ended.status, len(ended.images), len(house.provider.calls)) == (Status.SUCCEEDED, 1, 1)


async def test_a_beginning_that_was_not_remembered_draws_nothing() -> None:
    """When the database took nothing, the generation stays queued for the next ring, and no call is made."""
    database = LostAnswer()
    house = a_house(PAID, models=(PRICED,), database=database)
    owner = await house.owner()
    generation = await ask(house, owner)
    database.lost, database.forgetful = 1, True
    with pytest.raises(DatabaseUnavailable):
        await house.application.run_generation(generation.id)
    assert not house.provider.calls
    await house.application.run_generation(generation.id)
    assert (await house.application.read_generation(owner, generation.id)).status is Status.SUCCEEDED


async def test_a_commit_whose_answer_was_lost_is_not_repeated() -> None:
    """When the end was remembered and nobody said so, the second try finds it and tells whoever waits."""
    database = LostAnswer()
    house = a_house(PAID, models=(PRICED,), database=database)
    owner = await house.owner()
    generation = await ask(house, owner)
    database.lost = 2  # the second commit from here is the end
    with house.events.watch(generation.id) as watch:
        await house.application.run_generation(generation.id)
        told = await watch.outcome(0)
    assert told is not None
    assert (told.status, len(told.images)) == (Status.SUCCEEDED, 1)
    assert (await usage(house, owner)).requests == 1
