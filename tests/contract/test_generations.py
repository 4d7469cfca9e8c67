"""What every store promises of generations."""

from dataclasses import replace
from datetime import timedelta

import pytest

from builders import NOW, WORKER, failed, new_attempt, new_generation, new_id, new_image, new_user, succeeded
from imagegen.domain.errors import Billed, StaleWrite
from imagegen.domain.generations import Adjustment, Generation, Priority
from imagegen.domain.identifiers import GenerationId
from imagegen.domain.images import (
    PROMPT_LIMIT,
    Background,
    ImageFormat,
    ImageRequest,
    Labels,
    Quality,
    Size,
    Style,
)
from imagegen.domain.pages import PageRequest
from imagegen.domain.ports import GenerationFilter, UnitOfWorkFactory
from imagegen.domain.usage import GroupBy, UsageQuery, UsageRecord
from stores import exact, remember

LATER = NOW + timedelta(seconds=3, microseconds=1)
USER = new_user()
PLAIN = new_generation(USER)
EVERYTHING = ImageRequest(
    prompt="A fox 🦊\nin the »Schwarzwald« \\ 'quoted' \"twice\" %_",
    model="sketch-1",
    provider="sketch",
    n=10,
    size=Size(1536, 1024),
    aspect_ratio="3:2",
    quality=Quality.HIGH,
    style=Style.ARTISTIC,
    output_format=ImageFormat.WEBP,
    background=Background.TRANSPARENT,
    negative_prompt="no text, no Ä",
    seed=2**63 - 1,
    strict=True,
)
FULL = replace(
    PLAIN,
    requested=EVERYTHING,
    applied=replace(EVERYTHING, size=Size(1024, 1024), quality=None),
    adjustments=(
        Adjustment("size", "1536x1024", "1024x1024", "It draws squares."),
        Adjustment("seed", 2**63 - 1, None, "It takes no seed."),
        Adjustment("model", None, "sketch-1", "The default."),
    ),
    labels=Labels(
        title="Fuchs 🦊",
        tags=("b", "a", "ä%_\\", '"quoted"'),
        metadata={"z": "1", "a": "", "schlüssel": "🔑"},
        external_id="order/42",
        favorite=True,
    ),
    priority=Priority.HIGH,
    start_by=LATER,
    retry_of=GenerationId(new_id()),
)
# The order of positions is neither that of identifiers nor its reverse.
IMAGES = tuple(
    sorted((new_image(PLAIN, position * 7 % 10) for position in range(10)), key=lambda image: image.position)
)
GENERATIONS = {
    "plain": PLAIN,
    "full": FULL,
    "longest prompt": replace(PLAIN, requested=ImageRequest(prompt="🍌" * PROMPT_LIMIT)),
    "empty labels": replace(PLAIN, labels=Labels(title="", metadata={}, external_id="")),
    "running": PLAIN.start(WORKER, LATER),
    "succeeded": FULL.start(WORKER, NOW).succeed(
        IMAGES, cost_micros=2**40, adjustments=(Adjustment("n", 10, 9, "One is missing."),), now=LATER
    ),
    "of unknown cost": succeeded(PLAIN, IMAGES[:1], cost_micros=None),
    "failed": failed(PLAIN, billed=Billed.UNKNOWN, now=LATER),
    "canceled": PLAIN.start(WORKER, NOW).cancel(LATER),
    "canceled in a pause": PLAIN.start(WORKER, NOW).cancel(LATER, calling=False),
}


async def find(unit_of_work: UnitOfWorkFactory, generation: Generation) -> Generation | None:
    """The generation as it is remembered."""
    async with unit_of_work() as work:
        return await work.generations.find(generation.id)


@pytest.mark.parametrize("generation", GENERATIONS.values(), ids=GENERATIONS)
async def test_a_generation_comes_back_whole(unit_of_work: UnitOfWorkFactory, generation: Generation) -> None:
    """A generation is read as it was added, to the type and the microsecond, by its owner and by the worker."""
    await remember(unit_of_work, USER, generation)
    async with unit_of_work() as work:
        assert exact(await work.generations.find(generation.id)) == exact(generation)
        assert exact(await work.generations.get(generation.id, USER.id)) == exact(generation)


@pytest.mark.parametrize("generation", GENERATIONS.values(), ids=GENERATIONS)
async def test_progress_comes_back_whole(unit_of_work: UnitOfWorkFactory, generation: Generation) -> None:
    """A generation is read as its life changed it last: who drew it, with what, and what came of it."""
    await remember(unit_of_work, USER, PLAIN)
    asked = {name: getattr(PLAIN, name) for name in ("requested", "priority", "labels", "start_by", "retry_of")}
    changed = replace(generation, **asked, version=2)
    async with unit_of_work() as work:
        work.generations.update(changed)
        for image in changed.images:
            work.images.add(image)
        await work.commit()
    assert exact(await find(unit_of_work, PLAIN)) == exact(changed)


@pytest.mark.parametrize("generation", GENERATIONS.values(), ids=GENERATIONS)
async def test_labels_come_back_whole(unit_of_work: UnitOfWorkFactory, generation: Generation) -> None:
    """A generation is read as its owner filed it last, wherever it is in its life."""
    await remember(unit_of_work, USER, generation)
    for labels in (FULL.labels, Labels(), Labels(title="", metadata={}, external_id="")):
        relabeled = replace(generation, labels=labels, version=generation.version + 1)
        async with unit_of_work() as work:
            work.generations.relabel(relabeled)
            await work.commit()
        assert exact(await find(unit_of_work, generation)) == exact(relabeled)
        generation = relabeled


async def test_what_comes_on_keeps_its_labels(unit_of_work: UnitOfWorkFactory) -> None:
    """Whoever draws brings no labels along, and whoever files no progress: neither undoes the other's."""
    await remember(unit_of_work, USER, FULL)
    labels = Labels(title="Other", tags=("other",))
    async with unit_of_work() as work:
        work.generations.relabel(replace(succeeded(FULL), labels=labels, version=2))
        await work.commit()
    assert await find(unit_of_work, FULL) == replace(FULL, labels=labels, version=2)
    running = replace(FULL, version=2).start(WORKER, LATER)
    async with unit_of_work() as work:
        work.generations.update(running)
        await work.commit()
    assert await find(unit_of_work, FULL) == replace(running, labels=labels)


async def test_a_new_title_is_found(unit_of_work: UnitOfWorkFactory) -> None:
    """A search finds what it is called now, not what it was called, and still the prompt."""
    await remember(unit_of_work, USER, replace(PLAIN, labels=Labels(title="Draft")))
    async with unit_of_work() as work:
        work.generations.relabel(PLAIN.relabel(Labels(title="Poster")))
        await work.commit()
    async with unit_of_work() as work:
        found = [
            len((await work.generations.page(USER.id, GenerationFilter(words=(word,)), PageRequest())).items)
            for word in ("draft", "poster", "banana")
        ]
    assert found == [0, 1, 1]


async def test_images_keep_their_order(unit_of_work: UnitOfWorkFactory) -> None:
    """A generation's images come by their position, however they were added."""
    await remember(unit_of_work, USER, PLAIN, *reversed(IMAGES))
    found = await find(unit_of_work, PLAIN)
    assert found
    assert found.images == IMAGES


async def test_an_update_leaves_images_alone(unit_of_work: UnitOfWorkFactory) -> None:
    """A generation that is changed without knowing its images, or a rating given meanwhile, keeps both."""
    done = succeeded(PLAIN, IMAGES[:2])
    await remember(unit_of_work, USER, done)
    rated = IMAGES[0].annotate(rating=5, tags=("best",))
    async with unit_of_work() as work:
        work.images.update(rated)
        await work.commit()
    relabeled = done.relabel(Labels(title="Other"))
    async with unit_of_work() as work:
        work.generations.relabel(replace(relabeled, images=()))
        work.generations.update(replace(relabeled, images=(), version=relabeled.version + 1))
        await work.commit()
    found = await find(unit_of_work, done)
    assert found == replace(relabeled, images=(rated, IMAGES[1]), version=relabeled.version + 1)


async def test_a_removed_image_is_missed_by_its_generation(unit_of_work: UnitOfWorkFactory) -> None:
    """A generation comes without the images that were removed."""
    done = succeeded(PLAIN, IMAGES[:3])
    await remember(unit_of_work, USER, done)
    async with unit_of_work() as work:
        work.images.remove(IMAGES[1].id, USER.id)
        await work.commit()
    assert await find(unit_of_work, done) == replace(done, images=(IMAGES[0], IMAGES[2]))


async def test_no_generation_is_none(unit_of_work: UnitOfWorkFactory) -> None:
    """What was never asked for is `None`; somebody else's is `None` to its not-owner."""
    other = new_user()
    await remember(unit_of_work, USER, other, PLAIN)
    async with unit_of_work() as work:
        assert await work.generations.find(GenerationId(new_id())) is None
        assert await work.generations.get(GenerationId(new_id()), USER.id) is None
        assert await work.generations.get(PLAIN.id, other.id) is None


@pytest.mark.parametrize("finished", [succeeded(PLAIN), failed(PLAIN), PLAIN.cancel(NOW)], ids=lambda g: g.status)
async def test_a_finished_generation_is_forgotten(unit_of_work: UnitOfWorkFactory, finished: Generation) -> None:
    """Removing one forgets it, its attempts and its images; its usage and other generations stay."""
    attempt, neighbor = new_attempt(PLAIN), succeeded(new_generation(USER))
    await remember(unit_of_work, USER, finished, attempt, neighbor, UsageRecord.of(finished))
    async with unit_of_work() as work:
        work.generations.remove(finished.id, USER.id)
        await work.commit()
    usage = UsageQuery(user_id=USER.id, since=NOW, until=LATER, group_by=GroupBy.DAY)
    async with unit_of_work() as work:
        assert await work.generations.find(finished.id) is None
        assert list(await work.attempts.of_generation(finished.id)) == []
        assert [await work.images.find(image.id) for image in finished.images] == [None] * len(finished.images)
        assert await work.generations.find(neighbor.id) == neighbor
        assert [bucket.requests for bucket in await work.usage.report(usage)] == [1]


@pytest.mark.parametrize("generation", [PLAIN, PLAIN.start(WORKER, NOW)], ids=lambda g: g.status)
async def test_what_has_not_finished_stays(unit_of_work: UnitOfWorkFactory, generation: Generation) -> None:
    """Removing a queued or running generation is stale: it may have begun since it was looked at."""
    await remember(unit_of_work, USER, generation)
    async with unit_of_work() as work:
        work.generations.remove(generation.id, USER.id)
        with pytest.raises(StaleWrite):
            await work.commit()
    assert await find(unit_of_work, generation) == generation


async def test_only_the_owner_forgets(unit_of_work: UnitOfWorkFactory) -> None:
    """Removing somebody else's generation is stale and removes nothing; so is removing one's own twice."""
    other, done = new_user(), succeeded(PLAIN)
    await remember(unit_of_work, USER, other, done)
    async with unit_of_work() as work:
        work.generations.remove(done.id, other.id)
        with pytest.raises(StaleWrite):
            await work.commit()
    assert await find(unit_of_work, done) == done
    async with unit_of_work() as work:
        work.generations.remove(done.id, USER.id)
        work.generations.remove(done.id, USER.id)
        with pytest.raises(StaleWrite):
            await work.commit()
    assert await find(unit_of_work, done) == done


async def test_clearing_keeps_what_runs(unit_of_work: UnitOfWorkFactory) -> None:
    """Clearing forgets the owner's finished generations with all of theirs, and nothing else."""
    other = new_user()
    finished = [succeeded(PLAIN), failed(new_generation(USER)), new_generation(USER).cancel(NOW)]
    kept = [new_generation(USER), new_generation(USER).start(WORKER, NOW), succeeded(new_generation(other))]
    await remember(unit_of_work, USER, other, *finished, *kept, *map(new_attempt, finished + kept))
    for _ in range(2):
        async with unit_of_work() as work:
            work.generations.clear(USER.id)
            await work.commit()
    assert [await find(unit_of_work, generation) for generation in finished] == [None] * 3
    assert [await find(unit_of_work, generation) for generation in kept] == kept
    async with unit_of_work() as work:
        left = [len(await work.attempts.of_generation(generation.id)) for generation in finished + kept]
        assert left == [0, 0, 0, 1, 1, 1]
        assert await work.images.find(finished[0].images[0].id) is None
