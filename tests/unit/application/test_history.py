"""The history of generations: find, file, forget."""

import asyncio
from dataclasses import replace

import pytest

import generating
from builders import new_id
from generating import pictures
from house import House, a_house
from imagegen.domain.errors import IllegalTransition, InvalidRequest, NotFound, ScopeMissing
from imagegen.domain.generations import Generation, Status
from imagegen.domain.identifiers import GenerationId
from imagegen.domain.images import Labels
from imagegen.domain.pages import PageRequest
from imagegen.domain.ports import GenerationFilter
from imagegen.domain.usage import GroupBy
from imagegen.domain.users import Principal, Scope


@pytest.fixture
def house() -> House:
    """A house."""
    return a_house()


@pytest.fixture
async def owner(house: House) -> Principal:
    """Somebody logged in."""
    return await house.owner()


async def ask(house: House, owner: Principal, prompt: str = "fox", **labels: object) -> Generation:
    """A generation that was asked for."""
    return await generating.ask(
        house,
        owner,
        prompt=prompt,
        labels=Labels(**labels),  # type: ignore[arg-type]  # what a test wishes
    )


async def drawn(house: House, owner: Principal, prompt: str = "fox", **labels: object) -> Generation:
    """A generation that succeeded."""
    generation = await ask(house, owner, prompt, **labels)
    await house.application.run_generation(generation.id)
    return await house.application.read_generation(owner, generation.id)


async def listed(house: House, owner: Principal, **matching: object) -> list[GenerationId]:
    """What a filter finds."""
    found = GenerationFilter(**matching)  # type: ignore[arg-type]  # what a test wishes
    page = await house.application.list_generations(owner, found, PageRequest())
    return [generation.id for generation in page.items]


async def test_the_history_is_the_owners(house: House, owner: Principal) -> None:
    """Somebody else's generation cannot be read, relabeled, deleted or told from one that does not exist."""
    stranger = await house.owner("stranger@example.com")
    generation = await drawn(house, owner)
    for generation_id in (generation.id, GenerationId(new_id())):
        for attempt in (
            house.application.read_generation(stranger, generation_id),
            house.application.list_attempts(stranger, generation_id),
            house.application.relabel_generation(stranger, generation_id, lambda labels: labels),
            house.application.delete_generation(stranger, generation_id),
        ):
            with pytest.raises(NotFound):
                await attempt
    await house.application.clear_history(stranger)
    assert await listed(house, stranger) == []
    assert await listed(house, owner) == [generation.id]


async def test_the_history_is_paged_newest_first(house: House, owner: Principal) -> None:
    """Pages follow each other without a gap while new generations are asked for."""
    asked = [(await ask(house, owner)).id for _ in range(5)]
    first = await house.application.list_generations(owner, GenerationFilter(), PageRequest(limit=2))
    await ask(house, owner)
    second = await house.application.list_generations(owner, GenerationFilter(), PageRequest(limit=3, after=first.next))
    assert [g.id for g in (*first.items, *second.items)] == asked[::-1]
    assert second.next is None


async def test_filters_narrow_the_list(house: House, owner: Principal) -> None:
    """Each filter finds what it names, and all of them together what they all do."""
    fox = await drawn(house, owner, "A red fox", tags=("animal",), title="Reynard")
    owl = await ask(house, owner, "A brown owl", tags=("animal", "bird"))
    assert await listed(house, owner, status=Status.SUCCEEDED) == [fox.id]
    assert await listed(house, owner, tag="animal") == [owl.id, fox.id]
    assert await listed(house, owner, tag="animal", words=("OWL",)) == [owl.id]
    assert await listed(house, owner, words=("reyn",)) == [fox.id]
    assert await listed(house, owner, provider="nobody") == []


async def test_relabeling_keeps_what_it_does_not_touch(house: House, owner: Principal) -> None:
    """Two changes of labels at the same instant are both kept; what is no tag is refused."""
    generation = await ask(house, owner, title="old")
    await asyncio.gather(
        house.application.relabel_generation(owner, generation.id, lambda old: replace(old, favorite=True)),
        house.application.relabel_generation(owner, generation.id, lambda old: replace(old, tags=(" a ", "a"))),
    )
    labels = (await house.application.read_generation(owner, generation.id)).labels
    assert (labels.title, labels.favorite, labels.tags) == ("old", True, ("a",))
    with pytest.raises(InvalidRequest):
        await house.application.relabel_generation(owner, generation.id, lambda old: replace(old, tags=("",)))


async def test_deleting_removes_row_and_bytes_and_keeps_the_usage(house: House, owner: Principal) -> None:
    """A deleted generation and its picture are gone; what it came to stays in the usage."""
    generation = await drawn(house, owner)
    await house.application.delete_generation(owner, generation.id)
    with pytest.raises(NotFound):
        await house.application.read_generation(owner, generation.id)
    assert len(await pictures(house)) == 0
    (bucket,) = await house.application.read_usage(owner, since=None, until=None, group_by=GroupBy.DAY)
    assert (bucket.requests, bucket.images) == (1, 1)


async def test_of_two_deletions_one_finds_nothing(house: House, owner: Principal) -> None:
    """Deleting the same generation, or the same image, twice at one instant is a success and a `NotFound`."""
    generation, other = await drawn(house, owner), await drawn(house, owner)
    delete_generation, delete_image = house.application.delete_generation, house.application.delete_image
    for twice in (
        (delete_generation(owner, generation.id), delete_generation(owner, generation.id)),
        (delete_image(owner, other.images[0].id), delete_image(owner, other.images[0].id)),
    ):
        outcomes = await asyncio.gather(*twice, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {type(None), NotFound}


async def test_what_has_not_ended_stays(house: House, owner: Principal) -> None:
    """A queued generation can be neither deleted nor cleared away."""
    waiting = await ask(house, owner)
    done = await drawn(house, owner)
    with pytest.raises(IllegalTransition):
        await house.application.delete_generation(owner, waiting.id)
    await house.application.clear_history(owner)
    assert await listed(house, owner) == [waiting.id]
    assert len(await pictures(house)) == 0
    assert done.status is Status.SUCCEEDED


async def test_reading_and_writing_need_their_scopes(house: House, owner: Principal) -> None:
    """A key without `read` sees nothing, and one without `write` changes nothing."""
    generation = await drawn(house, owner)

    async def key(scope: Scope) -> Principal:
        _, plain = await house.application.issue_api_key(owner, scopes=frozenset({scope}))
        return await house.application.authenticate_key(plain.text)

    generator, reader = await key(Scope.GENERATE), await key(Scope.READ)
    for attempt in (
        house.application.read_generation(generator, generation.id),
        house.application.list_generations(generator, GenerationFilter(), PageRequest()),
        house.application.list_attempts(generator, generation.id),
        house.application.relabel_generation(reader, generation.id, lambda labels: labels),
        house.application.delete_generation(reader, generation.id),
        house.application.clear_history(reader),
    ):
        with pytest.raises(ScopeMissing):
            await attempt
    assert await house.application.read_generation(reader, generation.id) == generation
