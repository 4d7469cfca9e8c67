"""What every store promises of its lists: pages that neither repeat nor skip, and filters that mean what they say."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from builders import NOW, failed, new_generation, new_image, new_key, new_upload, new_user, succeeded
from imagegen.domain.generations import Generation, Status
from imagegen.domain.images import ImageRequest, Labels
from imagegen.domain.pages import Cursor, Page, PageRequest
from imagegen.domain.ports import GenerationFilter, UnitOfWork, UnitOfWorkFactory
from imagegen.domain.users import User
from stores import Thing, exact, remember

USER, OTHER = new_user(), new_user()
ANY = GenerationFilter()


@dataclass(frozen=True, slots=True)
class Listing:
    """A list that comes in pages: how its rows are made, and how they are read."""

    new: Callable[[User], Any]
    page: Callable[[UnitOfWork, User, PageRequest], Awaitable[Page[Any]]]


LISTINGS = {
    "generations": Listing(new_generation, lambda work, user, wanted: work.generations.page(user.id, ANY, wanted)),
    "images": Listing(new_upload, lambda work, user, wanted: work.images.page(user.id, wanted)),
    "keys": Listing(new_key, lambda work, user, wanted: work.api_keys.page(user.id, wanted)),
}


@pytest.fixture(params=LISTINGS)
def listing(request: pytest.FixtureRequest) -> Listing:
    """Each list in turn."""
    return LISTINGS[request.param]


@pytest.fixture
async def rows(unit_of_work: UnitOfWorkFactory, listing: Listing) -> list[Any]:
    """Seven rows of the user's, the oldest first, with somebody else's between them."""
    pairs = [(listing.new(USER), listing.new(OTHER)) for _ in range(7)]
    await remember(unit_of_work, USER, OTHER, *(row for pair in pairs for row in pair))
    return [own for own, _ in pairs]


@pytest.mark.parametrize("oldest_first", [False, True])
@pytest.mark.parametrize("limit", [1, 2, 6, 7, 8, 100])
async def test_pages_make_up_the_list(
    unit_of_work: UnitOfWorkFactory, listing: Listing, rows: list[Any], limit: int, oldest_first: bool
) -> None:
    """Page after page the list comes whole and in order, and only the last page has no next one."""
    expected = rows if oldest_first else rows[::-1]
    wanted = PageRequest(limit=limit, oldest_first=oldest_first)
    for start in range(0, len(rows), limit):
        async with unit_of_work() as work:
            page = await listing.page(work, USER, wanted)
        assert exact(list(page.items)) == exact(expected[start : start + limit])
        assert page.next == (Cursor(page.items[-1].id) if start + limit < len(rows) else None)
        wanted = replace(wanted, after=page.next)


async def test_an_empty_list_is_one_page(unit_of_work: UnitOfWorkFactory, listing: Listing, rows: list[Any]) -> None:
    """Who has nothing gets an empty page, and so does who asks for what comes after the end."""
    nobody = new_user()
    async with unit_of_work() as work:
        for user, after in ((nobody, None), (USER, Cursor(rows[0].id)), (USER, Cursor(UUID(int=0)))):
            page = await listing.page(work, user, PageRequest(after=after))
            assert (list(page.items), page.next) == ([], None)


async def test_new_rows_disturb_no_reader(unit_of_work: UnitOfWorkFactory, listing: Listing, rows: list[Any]) -> None:
    """Reading on while rows are added, newest first: none of those that were there is repeated or skipped."""
    seen: list[Any] = []
    wanted: PageRequest | None = PageRequest(limit=2)
    while wanted is not None:
        async with unit_of_work() as work:
            page = await listing.page(work, USER, wanted)
        seen += page.items
        wanted = replace(wanted, after=page.next) if page.next else None
        await remember(unit_of_work, listing.new(USER))
    assert seen == rows[::-1]


async def test_new_rows_reach_who_reads_toward_them(
    unit_of_work: UnitOfWorkFactory, listing: Listing, rows: list[Any]
) -> None:
    """Reading on while rows are added, oldest first: they come at the end."""
    async with unit_of_work() as work:
        first = await listing.page(work, USER, PageRequest(limit=7, oldest_first=True))
    late = listing.new(USER)
    await remember(unit_of_work, late)
    async with unit_of_work() as work:
        assert (list(first.items), first.next) == (rows, None)
        after = Cursor(first.items[-1].id)
        second = await listing.page(work, USER, PageRequest(limit=7, oldest_first=True, after=after))
    assert (list(second.items), second.next) == ([late], None)


async def test_a_cursor_outlives_its_row(unit_of_work: UnitOfWorkFactory) -> None:
    """A page goes on where the last one ended, even if the row that ended it is gone."""
    images = [new_upload(USER) for _ in range(4)]
    await remember(unit_of_work, USER, *images)
    async with unit_of_work() as work:
        first = await work.images.page(USER.id, PageRequest(limit=2))
        work.images.remove(images[2].id, USER.id)
        await work.commit()
    async with unit_of_work() as work:
        second = await work.images.page(USER.id, PageRequest(limit=2, after=first.next))
    assert (list(second.items), second.next) == ([images[1], images[0]], None)


async def test_a_revoked_key_stays_listed(unit_of_work: UnitOfWorkFactory) -> None:
    """Keys are kept for the record."""
    keys = [new_key(USER), new_key(USER).revoke(NOW)]
    await remember(unit_of_work, USER, *keys)
    async with unit_of_work() as work:
        assert list((await work.api_keys.page(USER.id, PageRequest())).items) == keys[::-1]


async def test_listed_generations_bring_their_images(unit_of_work: UnitOfWorkFactory) -> None:
    """Each generation of a page has its own images, in their order."""
    bare = [new_generation(USER) for _ in range(3)]
    done = [
        succeeded(generation, [new_image(generation, position) for position in range(count)])
        for count, generation in enumerate(bare, 1)
    ]
    things: list[Thing] = [replace(generation, images=()) for generation in done]
    images = [image for generation in done for image in generation.images]
    await remember(unit_of_work, USER, *things, *images[::-1], new_upload(USER))
    async with unit_of_work() as work:
        page = await work.generations.page(USER.id, ANY, PageRequest())
    assert exact(list(page.items)) == exact(done[::-1])


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
        queued[1].start(NOW),
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
            near[0].start(NOW),
            replace(near[1], labels=replace(wanted, favorite=False)),
            replace(near[2], requested=ImageRequest(prompt="x")),
        ]
        await remember(unit_of_work, *([USER] if len(hits) == 1 else []), hits[-1], *misses)
    async with unit_of_work() as work:
        first = await work.generations.page(USER.id, matching, PageRequest(limit=2))
        second = await work.generations.page(USER.id, matching, PageRequest(limit=2, after=first.next))
    assert (list(first.items), first.next) == ([hits[2], hits[1]], Cursor(hits[1].id))
    assert (list(second.items), second.next) == ([hits[0]], None)
