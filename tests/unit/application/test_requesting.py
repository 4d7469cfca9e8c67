"""Asking for a generation, and waiting for it."""

import asyncio
from dataclasses import replace

import pytest

from house import ANSWER, EASEL, House, a_house
from imagegen.adapters.memory import MemoryDatabase, MemoryProvider
from imagegen.adapters.queues.in_process import InProcessQueue
from imagegen.domain.errors import (
    DatabaseUnavailable,
    InvalidRequest,
    NoImage,
    ProviderNotConfigured,
    ScopeMissing,
    Unavailable,
    UnknownModel,
    UnsupportedParameters,
)
from imagegen.domain.generations import Generation, Status
from imagegen.domain.identifiers import GenerationId
from imagegen.domain.images import Background, ImageFormat, ImageRequest, Labels, Quality
from imagegen.domain.pages import PageRequest
from imagegen.domain.ports import GenerationFilter, ProviderAnswer, UnitOfWork
from imagegen.domain.users import Principal, Scope

FOX = ImageRequest(prompt="fox")


class Deaf(InProcessQueue):
    """A queue whose engine is away."""

    async def submit(self, generation_id: GenerationId) -> None:
        """Take nothing."""
        raise Unavailable


class Severed(MemoryDatabase):
    """A database that is away when it is told to be."""

    away = False

    def unit_of_work(self) -> UnitOfWork:
        """A unit of work, if it is there."""
        if self.away:
            raise DatabaseUnavailable
        return super().unit_of_work()


class Severing(InProcessQueue):
    """A queue at whose ring the database goes away."""

    def __init__(self, database: Severed) -> None:
        super().__init__()
        self._database = database

    async def submit(self, generation_id: GenerationId) -> None:
        """Take the database away."""
        self._database.away = True


async def ask(house: House, owner: Principal, request: ImageRequest = FOX, *, wait: float = 0.0) -> Generation:
    """Ask for a picture."""
    return await house.application.request_generation(owner, request, labels=Labels(), wait=wait)


async def history(house: House, owner: Principal) -> list[Status]:
    """The states of what the owner asked for."""
    page = await house.application.list_generations(owner, GenerationFilter(), PageRequest())
    return [generation.status for generation in page.items]


async def test_not_waiting_returns_at_once_what_is_remembered() -> None:
    """Without a wait the generation is queued, in the history, and not yet drawn."""
    house = a_house()
    owner = await house.owner()
    generation = await ask(house, owner)
    assert generation.status is Status.QUEUED
    assert await history(house, owner) == [Status.QUEUED]
    assert not house.provider.calls


async def test_waiting_returns_the_finished_generation() -> None:
    """With a wait the pictures come with the answer."""
    house = a_house()
    owner = await house.owner()
    async with house.working():
        generation = await ask(house, owner, wait=60)
    assert generation.status is Status.SUCCEEDED
    assert len(generation.images) == 1


async def test_waiting_too_short_returns_it_as_it_stands() -> None:
    """When the time is over the generation is returned as it is then, and goes on to its end."""
    drawing, done = asyncio.Event(), asyncio.Event()

    async def slow(_: ImageRequest, __: int) -> ProviderAnswer:
        drawing.set()
        await done.wait()
        return ANSWER

    house = a_house(slow)
    owner = await house.owner()
    async with house.working():
        asked = asyncio.create_task(ask(house, owner, wait=0.05))
        await drawing.wait()
        assert (await asked).status is Status.RUNNING
        done.set()
        with house.events.watch((await asked).id) as watch:
            ended = await watch.outcome(60)
    assert ended is not None
    assert ended.status is Status.SUCCEEDED


async def test_a_database_that_is_away_when_the_wait_is_over_hides_nothing() -> None:
    """From the commit on the caller hears of the generation, though nobody can tell how it stands."""
    database = Severed()
    house = a_house(database=database, queue=Severing(database))
    owner = await house.owner()
    generation = await ask(house, owner, wait=0.01)
    database.away = False
    assert generation == await house.application.read_generation(owner, generation.id)


async def test_a_caller_that_goes_away_loses_nothing() -> None:
    """A request that is canceled while it waits is in the history all the same, with its picture."""
    drawing, done, drawn = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slow(_: ImageRequest, __: int) -> ProviderAnswer:
        drawing.set()
        await done.wait()
        drawn.set()
        return ANSWER

    house = a_house(slow)
    owner = await house.owner()
    async with house.working():
        asked = asyncio.create_task(ask(house, owner, wait=60))
        await drawing.wait()
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        done.set()
        await drawn.wait()
    assert await history(house, owner) == [Status.SUCCEEDED]


async def test_waiting_leaves_nothing_behind() -> None:
    """However a wait ends, by an outcome, by time, by going away or by an error, nobody is watching afterwards."""
    house = a_house(ANSWER, NoImage(), ANSWER)
    owner = await house.owner()
    async with house.working():
        await ask(house, owner, wait=60)
        await ask(house, owner, wait=60)
    await ask(house, owner, wait=0.01)
    gone = asyncio.create_task(ask(house, owner, wait=60))
    await asyncio.sleep(0.01)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    with pytest.raises(UnknownModel):
        await ask(house, owner, ImageRequest(prompt="fox", model="unknown"), wait=60)
    assert not house.events._watches  # the promise is that memory does not grow, and nobody outside can see it


async def test_a_queue_that_is_away_costs_no_request() -> None:
    """When the doorbell does not ring the generation is remembered, for the sweep to find."""
    house = a_house(queue=Deaf())
    owner = await house.owner()
    assert (await ask(house, owner)).status is Status.QUEUED
    assert await history(house, owner) == [Status.QUEUED]


async def test_what_cannot_be_applied_is_adjusted_and_said() -> None:
    """An unsupported parameter is left out with its reason, and asked for as it was all the same."""
    house = a_house()
    owner = await house.owner()
    jpeg = ImageRequest(
        prompt="fox",
        quality=Quality.MEDIUM,
        background=Background.TRANSPARENT,
        output_format=ImageFormat.JPEG,
    )
    generation = await ask(house, owner, jpeg)
    assert generation.requested == jpeg
    assert (generation.applied.quality, generation.applied.background) == (None, None)
    assert [a.parameter for a in generation.adjustments] == ["quality", "background"]


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (ImageRequest(prompt="fox", quality=Quality.MEDIUM, strict=True), UnsupportedParameters),
        (ImageRequest(prompt="fox", model="unknown"), UnknownModel),
        (ImageRequest(prompt="fox", model="gemini-x"), ProviderNotConfigured),
        (ImageRequest(prompt="fox", provider="gemini"), ProviderNotConfigured),
    ],
)
async def test_what_is_refused_is_neither_remembered_nor_spent(request_: ImageRequest, error: type[Exception]) -> None:
    """A request that cannot be served leaves no row and makes no call."""
    elsewhere = replace(EASEL, id="gemini-x", provider="gemini", aliases=())
    house = a_house(models=(EASEL, elsewhere), missing={"gemini": ("GOOGLE_API_KEY",)})
    owner = await house.owner()
    with pytest.raises(error) as refused:
        await ask(house, owner, request_)
    assert await history(house, owner) == []
    assert not house.provider.calls
    if error is ProviderNotConfigured:
        assert "GOOGLE_API_KEY" in str(refused.value)


async def test_labels_are_checked_and_kept() -> None:
    """Tags are trimmed and said once; one that cannot be a tag is refused before anything is remembered."""
    house = a_house()
    owner = await house.owner()
    labels = Labels(title="A fox", tags=(" red ", "red", "fox"), metadata={"a": "b"}, external_id="42")
    generation = await house.application.request_generation(owner, FOX, labels=labels)
    assert generation.labels.tags == ("red", "fox")
    with pytest.raises(InvalidRequest):
        await house.application.request_generation(owner, FOX, labels=Labels(tags=("line\nbreak",)))
    assert len(await history(house, owner)) == 1


async def test_generating_needs_its_scope() -> None:
    """A key that may only read is refused before anything is looked at."""
    house = a_house()
    owner = await house.owner()
    _, plain = await house.application.issue_api_key(owner, scopes=frozenset({Scope.READ, Scope.WRITE}))
    reader = await house.application.authenticate_key(plain.text)
    with pytest.raises(ScopeMissing):
        await ask(house, reader)
    assert await history(house, reader) == []


async def test_a_provider_that_left_fails_what_it_was_asked_for() -> None:
    """A generation whose provider is not configured any more when its turn comes fails without a cost, and says so."""
    house = a_house()
    owner = await house.owner()
    generation = await ask(house, owner)
    moved = House(provider=MemoryProvider("other", ANSWER), database=house.database)
    await moved.application.run_generation(generation.id)
    ended = await house.application.read_generation(owner, generation.id)
    assert ended.failure is not None
    assert (ended.status, ended.failure.code, ended.cost_micros) == (Status.FAILED, "provider_account", 0)
