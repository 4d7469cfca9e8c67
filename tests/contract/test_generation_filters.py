"""What every store promises of the filters on generations: they mean what they say, and only that."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from builders import NOW, WORKER, failed, new_generation, new_user, succeeded
from imagegen.domain.generations import Generation, Status
from imagegen.domain.images import ImageRequest, Labels
from imagegen.domain.pages import Cursor, PageRequest
from imagegen.domain.ports import GenerationFilter, UnitOfWorkFactory
from stores import remember

USER, OTHER = new_user(), new_user()


def labeled(**labels: Any) -> Generation:
    """A generation with these labels."""
    return new_generation(USER, labels=Labels(**labels))


def prompted(prompt: str, title: str | None = None) -> Generation:
    """A generation of this prompt and title."""
    return new_generation(USER, prompt=prompt, labels=Labels(title=title))


async def found(unit_of_work: UnitOfWorkFactory, matching: GenerationFilter, generations: Sequence[Generation]) -> str:
    """Which of the generations match, as letters: `ac` are the first and the third."""
    things = [thing for generation in generations for thing in (generation, _somebody_elses(generation))]
    await remember(unit_of_work, USER, OTHER, *things)
    async with unit_of_work() as work:
        page = await work.generations.page(USER.id, matching, PageRequest(oldest_first=True))
    places = {generation.id: letter for generation, letter in zip(generations, "abcdefghijkl", strict=False)}
    return "".join(places[generation.id] for generation in page.items)


def _somebody_elses(generation: Generation) -> Generation:
    """The same, but another user's."""
    return replace(generation, id=new_generation(OTHER).id, user_id=OTHER.id, images=())


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (Status.QUEUED, "a"),
        (Status.RUNNING, "b"),
        (Status.SUCCEEDED, "c"),
        (Status.FAILED, "d"),
        (Status.CANCELED, "e"),
        (None, "abcde"),
    ],
)
async def test_by_status(unit_of_work: UnitOfWorkFactory, status: Status | None, expected: str) -> None:
    """A status finds the generations that are in it."""
    queued = [new_generation(USER) for _ in range(5)]
    generations = [
        queued[0],
        queued[1].start(WORKER, NOW),
        succeeded(queued[2]),
        failed(queued[3]),
        queued[4].cancel(NOW),
    ]
    assert await found(unit_of_work, GenerationFilter(status=status), generations) == expected


@pytest.mark.parametrize(
    ("matching", "expected"),
    [
        (GenerationFilter(provider="sketch"), "ab"),
        (GenerationFilter(model="sketch-1"), "a"),
        (GenerationFilter(model="SKETCH-1"), ""),
        (GenerationFilter(model="sketch"), ""),
        (GenerationFilter(provider="openai", model="sketch-1"), ""),
        (GenerationFilter(provider="openai", model="gpt-image-1"), "c"),
    ],
)
async def test_by_provider_and_model(
    unit_of_work: UnitOfWorkFactory, matching: GenerationFilter, expected: str
) -> None:
    """A provider and a model find the generations that were asked of exactly these."""
    generations = [
        new_generation(USER),
        new_generation(USER, model="sketch-2"),
        new_generation(USER, provider="openai", model="gpt-image-1"),
    ]
    assert await found(unit_of_work, matching, generations) == expected


TAGS = ["fox", "fo", "f%x", "f_x", "Fox", "füx", '"fox"', "fox, den", "\\", "🦊", "null", "1"]


@pytest.mark.parametrize("tag", [*TAGS, "FÜX", "%", "_", "den", "fox,", "null,"])
async def test_by_tag(unit_of_work: UnitOfWorkFactory, tag: str) -> None:
    """A tag finds the generations that have exactly this one among theirs."""
    generations = [labeled(tags=("first", one, "last")) for one in TAGS]
    letters = "abcdefghijkl"
    expected = letters[TAGS.index(tag)] if tag in TAGS else ""
    assert await found(unit_of_work, GenerationFilter(tag=tag), [*generations, labeled(title=tag)]) == expected


@pytest.mark.parametrize(("favorite", "expected"), [(True, "b"), (False, "ac"), (None, "abc")])
async def test_by_favorite(unit_of_work: UnitOfWorkFactory, favorite: bool | None, expected: str) -> None:
    """Favorites are found, or all others."""
    generations = [labeled(), labeled(favorite=True), labeled(favorite=False)]
    assert await found(unit_of_work, GenerationFilter(favorite=favorite), generations) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("banana",), "abc"),
        (("BANANA",), "abc"),
        (("ana",), "abc"),
        (("cute", "banana"), "ab"),
        (("hat", "banana"), "bc"),
        (("banana", "fox"), ""),
        (("übergröße",), "de"),
        (("ÜBERGRÖSSE",), "de"),
        (("Ä",), "f"),
        (("ä",), "f"),
        (("a\u0308",), ""),
        (("%",), "g"),
        (("_",), "g"),
        (("\\",), "g"),
        (("100%",), "g"),
        (("ba%na",), ""),
        (("b_nana",), ""),
        (("🦊",), "h"),
        (("и",), "i"),
        (("сад",), "i"),
        (("'",), "j"),
        (('"',), "j"),
    ],
)
async def test_by_words(unit_of_work: UnitOfWorkFactory, words: tuple[str, ...], expected: str) -> None:
    """Words find the generations that have each of them in prompt or title, in any case, and mean only themselves."""
    generations = [
        prompted("A cute Banana"),
        prompted("cute", "Banana in a hat"),
        prompted("A banana", "HAT"),
        prompted("Übergröße"),
        prompted("x", "ÜBERGRÖSSE"),
        prompted("x", "Ärger"),
        prompted("100% of\\a_thing"),
        prompted("🦊"),
        prompted("Вишневый САД"),
        prompted("'\""),
    ]
    assert await found(unit_of_work, GenerationFilter(words=words), generations) == expected


async def test_words_are_looked_for_where_the_caller_wrote(unit_of_work: UnitOfWorkFactory) -> None:
    """Words match the prompt as it was asked for, and neither its applied form, other labels, nor across both texts."""
    asked = prompted("fox", "den")
    applied = replace(asked, id=prompted("x").id, applied=ImageRequest(prompt="fox needle"))
    generations = [asked, applied, labeled(tags=("needle",), external_id="needle", metadata={"needle": "needle"})]
    assert await found(unit_of_work, GenerationFilter(words=("needle",)), generations) == ""


@pytest.mark.parametrize(
    ("after", "before", "expected"), [(None, None, "abc"), (0, None, "bc"), (None, 2, "ab"), (0, 2, "b"), (1, 1, "")]
)
async def test_by_age(unit_of_work: UnitOfWorkFactory, after: int | None, before: int | None, expected: str) -> None:
    """Bounds in time find what was created strictly between them, to the microsecond."""
    times = [NOW + timedelta(microseconds=microsecond) for microsecond in range(3)]
    matching = GenerationFilter(
        created_after=None if after is None else times[after],
        created_before=None if before is None else times[before],
    )
    assert await found(unit_of_work, matching, [new_generation(USER, now=now) for now in times]) == expected


async def test_filters_narrow_each_other_and_pages_follow(unit_of_work: UnitOfWorkFactory) -> None:
    """All conditions hold at once, and a filtered list comes in exact pages."""
    wanted = Labels(tags=("fox",), favorite=True)
    matching = GenerationFilter(status=Status.QUEUED, tag="fox", favorite=True, words=("cute",))
    hits = []
    for _ in range(3):
        hits.append(new_generation(USER, prompt="So cute", labels=wanted))
        near = [new_generation(USER, prompt="So cute", labels=wanted) for _ in range(3)]
        misses = [
            near[0].start(WORKER, NOW),
            replace(near[1], labels=replace(wanted, favorite=False)),
            replace(near[2], requested=ImageRequest(prompt="x")),
        ]
        await remember(unit_of_work, *([USER] if len(hits) == 1 else []), hits[-1], *misses)
    async with unit_of_work() as work:
        first = await work.generations.page(USER.id, matching, PageRequest(limit=2))
        second = await work.generations.page(USER.id, matching, PageRequest(limit=2, after=first.next))
    assert (list(first.items), first.next) == ([hits[2], hits[1]], Cursor(hits[1].id))
    assert (list(second.items), second.next) == ([hits[0]], None)
