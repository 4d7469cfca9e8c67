"""What every store promises of its lists: pages that neither repeat nor skip."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import pytest

from builders import NOW, new_generation, new_image, new_key, new_upload, new_user, succeeded
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
