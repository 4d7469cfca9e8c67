"""Images: look at them, rate and tag them, remove them."""

import asyncio

import pytest

from builders import new_id
from generating import run
from house import PICTURE, House, a_house
from imagegen.domain.errors import InvalidLink, InvalidRequest, NotFound, ScopeMissing
from imagegen.domain.identifiers import ImageId
from imagegen.domain.images import Image
from imagegen.domain.pages import PageRequest
from imagegen.domain.users import Principal, Scope


@pytest.fixture
def house() -> House:
    """A house."""
    return a_house()


@pytest.fixture
async def owner(house: House) -> Principal:
    """Somebody logged in."""
    return await house.owner()


@pytest.fixture
async def image(house: House, owner: Principal) -> Image:
    """A picture of theirs."""
    ended, _ = await run(house, owner)
    return ended.images[0]


def linked(house: House, image: Image) -> tuple[int, str]:
    """The expiry and the signature of a fresh link."""
    query = house.application.link_image(image, lambda _: "content").partition("?")[2]
    values = dict(pair.split("=", 1) for pair in query.split("&"))
    return int(values["expires"]), values["signature"]


async def test_a_link_lets_anybody_look_until_it_expires(house: House, image: Image) -> None:
    """Whoever holds the link sees the picture for a day, and not a second longer."""
    expires, signature = linked(house, image)
    found = await house.application.follow_link(image.id, expires=expires, signature=signature)
    assert await house.application.read_bytes(found) == PICTURE
    house.clock.advance(hours=24)
    with pytest.raises(InvalidLink):
        await house.application.follow_link(image.id, expires=expires, signature=signature)


async def test_a_link_is_for_one_picture_and_one_time(house: House, image: Image) -> None:
    """A signature does not fit another picture, a later expiry, or other letters."""
    expires, signature = linked(house, image)
    for wrong in (
        (ImageId(new_id()), expires, signature),
        (image.id, expires + 1, signature),
        (image.id, expires, signature.swapcase()),
        (image.id, expires, ""),
        (image.id, expires, "é" * 43),
    ):
        with pytest.raises(InvalidLink):
            await house.application.follow_link(wrong[0], expires=wrong[1], signature=wrong[2])


async def test_a_link_to_a_removed_picture_leads_nowhere(house: House, owner: Principal, image: Image) -> None:
    """A genuine link to a picture that is gone is not found; its bytes are gone too, its generation is not."""
    expires, signature = linked(house, image)
    await house.application.delete_image(owner, image.id)
    with pytest.raises(NotFound):
        await house.application.follow_link(image.id, expires=expires, signature=signature)
    assert [blob async for blob in house.store.blobs()] == []
    assert image.generation_id is not None
    assert (await house.application.read_generation(owner, image.generation_id)).images == ()


async def test_ratings_and_tags_change_by_themselves(house: House, owner: Principal, image: Image) -> None:
    """A rating and tags set at the same instant are both kept; each can be taken back; neither takes nonsense."""
    annotate = house.application.annotate_image
    await asyncio.gather(
        annotate(owner, image.id, rating=5, tags=None, keep_rating=False),
        annotate(owner, image.id, rating=None, tags=("red",), keep_rating=True),
    )
    found = await house.application.find_image(owner, image.id)
    assert (found.rating, found.tags) == (5, ("red",))
    assert (await annotate(owner, image.id, rating=None, tags=None, keep_rating=False)).rating is None
    assert (await annotate(owner, image.id, rating=None, tags=(), keep_rating=True)).tags == ()
    for rating in (-1, 6):
        with pytest.raises(InvalidRequest):
            await annotate(owner, image.id, rating=rating, tags=None, keep_rating=False)


async def test_the_gallery_is_the_owners(house: House, image: Image) -> None:
    """Somebody else's picture cannot be seen, rated, removed or told from one that does not exist."""
    stranger = await house.owner("stranger@example.com")
    for image_id in (image.id, ImageId(new_id())):
        for attempt in (
            house.application.find_image(stranger, image_id),
            house.application.annotate_image(stranger, image_id, rating=1, tags=None, keep_rating=False),
            house.application.delete_image(stranger, image_id),
        ):
            with pytest.raises(NotFound):
                await attempt
    assert not (await house.application.list_images(stranger, PageRequest())).items


async def test_the_gallery_is_paged_newest_first(house: House, owner: Principal, image: Image) -> None:
    """Pictures of several generations are listed together, the newest first."""
    generation, _ = await run(house, owner, n=2)
    page = await house.application.list_images(owner, PageRequest(limit=2))
    assert {found.generation_id for found in page.items} == {generation.id}
    rest = await house.application.list_images(owner, PageRequest(limit=2, after=page.next))
    assert [found.id for found in rest.items] == [image.id]


async def test_looking_and_changing_need_their_scopes(house: House, owner: Principal, image: Image) -> None:
    """A key that may only read can look at a picture and neither rate nor remove it."""
    _, plain = await house.application.issue_api_key(owner, scopes=frozenset({Scope.READ}))
    reader = await house.application.authenticate_key(plain.text)
    assert (await house.application.find_image(reader, image.id)).id == image.id
    with pytest.raises(ScopeMissing):
        await house.application.annotate_image(reader, image.id, rating=1, tags=None, keep_rating=False)
    with pytest.raises(ScopeMissing):
        await house.application.delete_image(reader, image.id)
