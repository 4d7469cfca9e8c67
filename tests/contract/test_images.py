"""What every store promises of images."""

from dataclasses import replace
from datetime import timedelta

import pytest

from builders import NOW, new_attempt, new_generation, new_id, new_image, new_upload, new_user
from imagegen.domain.errors import StaleWrite
from imagegen.domain.identifiers import AttemptId, ImageId
from imagegen.domain.images import Image, ImageFormat, Size
from imagegen.domain.pages import PageRequest
from imagegen.domain.ports import UnitOfWorkFactory
from stores import exact, remember

USER = new_user()
GENERATION = new_generation(USER)
ATTEMPT = new_attempt(GENERATION)
IMAGE = new_image(GENERATION)
IMAGES = {
    "plain": IMAGE,
    "full": replace(
        new_image(GENERATION, 9, attempt=ATTEMPT, now=NOW + timedelta(microseconds=1)),
        location="local:käse/%_\\🍌.webp",
        size=Size(65_535, 1),
        format=ImageFormat.WEBP,
        bytes=2**40,
        rating=0,
        tags=("b", "a", "ä%_\\", '"quoted"'),
    ),
    "inline": replace(IMAGE, location=f"data:image/jpeg;base64,{'QUJD' * 500_000}", format=ImageFormat.JPEG),
    "upload": new_upload(USER),
}


async def find(unit_of_work: UnitOfWorkFactory, image: Image) -> Image | None:
    """The image as it is remembered."""
    async with unit_of_work() as work:
        return await work.images.find(image.id)


@pytest.mark.parametrize("image", IMAGES.values(), ids=IMAGES)
async def test_an_image_comes_back_whole(unit_of_work: UnitOfWorkFactory, image: Image) -> None:
    """An image is read as it was added, by its owner, by anybody with a link, and in a list."""
    await remember(unit_of_work, USER, GENERATION, ATTEMPT, image)
    async with unit_of_work() as work:
        assert exact(await work.images.find(image.id)) == exact(image)
        assert exact(await work.images.get(image.id, USER.id)) == exact(image)
        assert exact(list((await work.images.page(USER.id, PageRequest())).items)) == exact([image])


async def test_a_change_comes_back_whole(unit_of_work: UnitOfWorkFactory) -> None:
    """An image is read as it was rated and tagged last, and no other has changed."""
    other = new_image(GENERATION, 1)
    await remember(unit_of_work, USER, GENERATION, IMAGE, other)
    rated = IMAGE.annotate(rating=5, tags=())
    tagged = rated.annotate(rating=0, tags=("ä", "%"))
    for changed in (rated, tagged, tagged.annotate(rating=None, tags=())):
        async with unit_of_work() as work:
            work.images.update(changed)
            await work.commit()
        assert exact(await find(unit_of_work, IMAGE)) == exact(changed)
    assert await find(unit_of_work, other) == other


async def test_no_image_is_none(unit_of_work: UnitOfWorkFactory) -> None:
    """What was never drawn is `None`; somebody else's is `None` to its not-owner."""
    other = new_user()
    await remember(unit_of_work, USER, other, GENERATION, IMAGE)
    async with unit_of_work() as work:
        assert await work.images.find(ImageId(new_id())) is None
        assert await work.images.get(ImageId(new_id()), USER.id) is None
        assert await work.images.get(IMAGE.id, other.id) is None
        assert list((await work.images.page(other.id, PageRequest())).items) == []


async def test_a_location_is_known_while_an_image_lies_there(unit_of_work: UnitOfWorkFactory) -> None:
    """A call's location is known exactly, until the last image that lies there is removed."""
    images = [replace(new_image(GENERATION, place, attempt=ATTEMPT), location=IMAGE.location) for place in range(2)]
    await remember(unit_of_work, USER, GENERATION, ATTEMPT, *images)
    for image in images:
        async with unit_of_work() as work:
            assert await work.images.stored_at(IMAGE.location, ATTEMPT.id) is True
            assert await work.images.stored_at(IMAGE.location.upper(), ATTEMPT.id) is False
            assert await work.images.stored_at("%", ATTEMPT.id) is False
            work.images.remove(image.id, USER.id)
            await work.commit()
    async with unit_of_work() as work:
        assert await work.images.stored_at(IMAGE.location, ATTEMPT.id) is False


async def test_a_location_is_known_of_its_generation(unit_of_work: UnitOfWorkFactory) -> None:
    """Any call of the generation knows the location of its images, and no call for another does."""
    second, other = new_attempt(GENERATION, 2), new_generation(USER)
    others, upload = new_attempt(other), new_upload(USER)
    image = new_image(GENERATION, attempt=ATTEMPT)
    await remember(unit_of_work, USER, GENERATION, ATTEMPT, second, other, others, image, upload)
    async with unit_of_work() as work:
        calls = [ATTEMPT.id, second.id, others.id, AttemptId(new_id())]
        assert [await work.images.stored_at(image.location, call) for call in calls] == [True, True, False, False]
        assert [await work.images.stored_at(upload.location, call) for call in calls] == [False] * 4


async def test_only_the_owner_forgets(unit_of_work: UnitOfWorkFactory) -> None:
    """Removing somebody else's image is stale and removes nothing; so is removing one's own twice."""
    other = new_user()
    await remember(unit_of_work, USER, other, GENERATION, IMAGE)
    async with unit_of_work() as work:
        work.images.remove(IMAGE.id, other.id)
        with pytest.raises(StaleWrite):
            await work.commit()
    async with unit_of_work() as work:
        work.images.remove(IMAGE.id, USER.id)
        await work.commit()
    assert await find(unit_of_work, IMAGE) is None
    async with unit_of_work() as work:
        work.images.remove(IMAGE.id, USER.id)
        with pytest.raises(StaleWrite):
            await work.commit()
