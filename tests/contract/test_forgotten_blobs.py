"""What every store promises of the bytes of images that are forgotten."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest

from builders import NOW, WORKER, new_generation, new_image, new_user, succeeded
from imagegen.domain.errors import StaleWrite
from imagegen.domain.generations import Generation
from imagegen.domain.images import Image
from imagegen.domain.ports import UnitOfWork, UnitOfWorkFactory
from imagegen.domain.users import User
from stores import remember

USER, OTHER = new_user(), new_user()


def drawn(user: User, count: int = 2) -> Generation:
    """A generation that has ended with some images."""
    generation = new_generation(user)
    return succeeded(generation, tuple(new_image(generation, position) for position in range(count)))


def places(*images: Image) -> list[str]:
    """Where they lie."""
    return sorted(image.location for image in images)


async def noted(unit_of_work: UnitOfWorkFactory) -> list[str]:
    """Everything that is noted, of whomever."""
    async with unit_of_work() as work:
        return list(await work.forgotten_blobs.following(""))


async def write(unit_of_work: UnitOfWorkFactory, change: Callable[[UnitOfWork], None]) -> None:
    """Change something."""
    async with unit_of_work() as work:
        change(work)
        await work.commit()


async def test_whatever_forgets_an_image_notes_where_its_bytes_lie(unit_of_work: UnitOfWorkFactory) -> None:
    """An image by itself, with its generation, with the history and with its user; what stays is not noted."""
    alone, single, cleared, stays = (drawn(USER) for _ in range(4))
    unfinished = new_generation(USER).start(WORKER, NOW)
    of_unfinished = new_image(unfinished)
    await remember(unit_of_work, USER, OTHER, alone, single, unfinished, of_unfinished, stays_too := drawn(OTHER))
    await write(unit_of_work, lambda work: work.images.remove(alone.images[0].id, USER.id))
    expected = [alone.images[0]]
    assert await noted(unit_of_work) == places(*expected)
    await write(unit_of_work, lambda work: work.generations.remove(single.id, USER.id))
    expected += single.images
    assert await noted(unit_of_work) == places(*expected)
    await remember(unit_of_work, cleared)
    await write(unit_of_work, lambda work: work.generations.clear(USER.id))
    expected += [alone.images[1], *cleared.images]
    assert await noted(unit_of_work) == places(*expected)
    await remember(unit_of_work, stays)
    await write(unit_of_work, lambda work: work.users.remove(USER.id))
    expected += [of_unfinished, *stays.images]
    assert await noted(unit_of_work) == places(*expected)
    async with unit_of_work() as work:
        assert list(await work.forgotten_blobs.of_user(USER.id)) == places(*expected)
        assert list(await work.forgotten_blobs.of_user(OTHER.id)) == []
        assert [await work.images.find(image.id) for image in stays_too.images] == list(stays_too.images)


async def test_nothing_is_noted_that_was_not_forgotten(unit_of_work: UnitOfWorkFactory) -> None:
    """A unit of work that fails notes nothing, and neither does one that finds nothing to remove."""
    generation = drawn(USER)
    await remember(unit_of_work, USER, OTHER, generation)

    def fail(work: UnitOfWork) -> None:
        work.generations.remove(generation.id, USER.id)
        work.users.update(USER)  # whose version is not the next one

    for change in (fail, lambda work: work.images.remove(generation.images[0].id, OTHER.id)):
        with pytest.raises(StaleWrite):
            await write(unit_of_work, change)
    await write(unit_of_work, lambda work: work.generations.clear(OTHER.id))
    assert await noted(unit_of_work) == []


async def test_bytes_in_the_location_go_with_it(unit_of_work: UnitOfWorkFactory) -> None:
    """A `data:` URL is not noted: there is nothing left to remove, and it would be the picture once more."""
    generation = drawn(USER)
    inline = replace(generation.images[0], location="data:image/png;base64," + "QUJD" * 1000)
    await remember(unit_of_work, USER, replace(generation, images=(inline, generation.images[1])))
    await write(unit_of_work, lambda work: work.generations.clear(USER.id))
    assert await noted(unit_of_work) == places(generation.images[1])


async def test_what_is_gone_is_noted_no_more(unit_of_work: UnitOfWorkFactory) -> None:
    """Some notes are taken away and the others stay; taking one away twice is fine."""
    generation, others = drawn(USER, 4), drawn(OTHER, 1)
    await remember(unit_of_work, USER, OTHER, generation, others)
    for user in (USER, OTHER):
        await write(unit_of_work, lambda work, user=user: work.users.remove(user.id))  # type: ignore[misc]  # bound now
    first, second, *rest = places(*generation.images)
    for _ in range(2):
        await write(unit_of_work, lambda work: work.forgotten_blobs.gone([second, first]))
    async with unit_of_work() as work:
        assert list(await work.forgotten_blobs.of_user(USER.id)) == rest
        everything = list(await work.forgotten_blobs.following(""))
        assert everything == sorted([*rest, *places(*others.images)])
        assert list(await work.forgotten_blobs.following(everything[0])) == everything[1:]


async def test_no_end_is_missed_however_close_it_comes(unit_of_work: UnitOfWorkFactory) -> None:
    """Generations that end while their history is cleared, and at last their user removed, leave nothing unnoted."""
    running = [new_generation(USER).start(WORKER, NOW) for _ in range(40)]
    await remember(unit_of_work, USER, *running)
    ended = [one.succeed((new_image(one),), cost_micros=0, now=NOW) for one in running]

    async def end(generation: Generation) -> None:
        async with unit_of_work() as work:
            work.generations.update(generation)
            for image in generation.images:
                work.images.add(image)
            with suppress(StaleWrite):  # its user was removed before
                await work.commit()
                kept.extend(generation.images)

    async def clear() -> None:
        for _ in range(5):
            await write(unit_of_work, lambda work: work.generations.clear(USER.id))
        await write(unit_of_work, lambda work: work.users.remove(USER.id))

    kept: list[Image] = []
    await asyncio.gather(*map(end, ended[:20]), clear(), *map(end, ended[20:]))
    assert await noted(unit_of_work) == places(*kept)
