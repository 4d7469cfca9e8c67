"""Generations, attempts and images in memory."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

from imagegen.adapters.memory.rows import Rows, discard, insert, page, replace_next, require
from imagegen.adapters.memory.transaction import Repository
from imagegen.domain.errors import StaleWrite
from imagegen.domain.generations import Attempt, Generation
from imagegen.domain.identifiers import GenerationId, ImageId, UserId
from imagegen.domain.images import Image
from imagegen.domain.pages import Page, PageRequest
from imagegen.domain.ports import Attempts, GenerationFilter, Generations, Images

_MOST_UNFINISHED: Final = 1_000


class MemoryGenerations(Repository, Generations):
    """The jobs, with their images."""

    async def get(self, generation_id: GenerationId, owner: UserId) -> Generation | None:
        """The generation of that identifier if it is the owner's."""
        generation = await self.find(generation_id)
        return generation if generation is not None and generation.user_id == owner else None

    async def find(self, generation_id: GenerationId) -> Generation | None:
        """The generation of that identifier."""
        rows = await self._read()
        generation = rows.generations.get(generation_id)
        return None if generation is None else next(_with_images([generation], rows))

    async def page(self, owner: UserId, matching: GenerationFilter, wanted: PageRequest) -> Page[Generation]:
        """A part of the owner's generations that match."""
        rows = await self._read()
        generations = (g for g in rows.generations.values() if g.user_id == owner and _matches(g, matching))
        found = page(generations, wanted)
        return Page(list(_with_images(found.items, rows)), found.next)

    async def unfinished(self, before: datetime) -> Sequence[GenerationId]:
        """The identifiers of those that were created before a moment and have not ended, oldest first."""
        generations = (await self._read()).generations.values()
        waiting = (g.id for g in generations if g.created_at < before and not g.status.final)
        return sorted(waiting)[:_MOST_UNFINISHED]

    async def locations(self, owner: UserId) -> Sequence[str]:
        """Where the images of the owner's finished generations lie."""
        rows = await self._read()
        finished = {g.id for g in rows.generations.values() if _is_finished(g, owner)}
        return [image.location for image in rows.images.values() if image.generation_id in finished]

    def add(self, generation: Generation) -> None:
        """Add a generation of a user who is there."""

        def add(rows: Rows) -> None:
            require(rows.users, generation.user_id)
            insert(rows.generations, generation.id, replace(generation, images=()), "generations.id")

        self._write(add)

    def update(self, generation: Generation) -> None:
        """Put the next version of a generation in place."""
        self._write(lambda rows: replace_next(rows.generations, replace(generation, images=())))

    def remove(self, generation_id: GenerationId, owner: UserId) -> None:
        """Remove a finished generation of the owner's, and what belongs to it."""

        def remove(rows: Rows) -> None:
            generation = rows.generations.get(generation_id)
            if generation is None or not _is_finished(generation, owner):
                raise StaleWrite
            _remove(rows, {generation_id})

        self._write(remove)

    def clear(self, owner: UserId) -> None:
        """Remove the owner's finished generations, and what belongs to them."""
        self._write(lambda rows: _remove(rows, {g.id for g in rows.generations.values() if _is_finished(g, owner)}))


class MemoryAttempts(Repository, Attempts):
    """The calls to providers."""

    async def of_generation(self, generation_id: GenerationId) -> Sequence[Attempt]:
        """The calls of that generation by their number."""
        attempts = (await self._read()).attempts.values()
        return sorted((a for a in attempts if a.generation_id == generation_id), key=lambda attempt: attempt.number)

    def add(self, attempt: Attempt) -> None:
        """Add a call of a generation that is there."""

        def add(rows: Rows) -> None:
            require(rows.generations, attempt.generation_id)
            insert(rows.attempts, attempt.id, attempt, "attempts.id")

        self._write(add)

    def update(self, attempt: Attempt) -> None:
        """Put the end of a call in the place of its start."""

        def update(rows: Rows) -> None:
            require(rows.attempts, attempt.id)
            rows.attempts[attempt.id] = attempt

        self._write(update)


class MemoryImages(Repository, Images):
    """The pictures."""

    async def get(self, image_id: ImageId, owner: UserId) -> Image | None:
        """The image of that identifier if it is the owner's."""
        image = await self.find(image_id)
        return image if image is not None and image.user_id == owner else None

    async def find(self, image_id: ImageId) -> Image | None:
        """The image of that identifier."""
        return (await self._read()).images.get(image_id)

    async def page(self, owner: UserId, wanted: PageRequest) -> Page[Image]:
        """A part of the owner's images."""
        images = (await self._read()).images.values()
        return page((image for image in images if image.user_id == owner), wanted)

    async def stored_at(self, location: str) -> bool:
        """Whether an image names that location."""
        return any(image.location == location for image in (await self._read()).images.values())

    def add(self, image: Image) -> None:
        """Add an image of a user and, if it names one, of a generation who are there."""

        def add(rows: Rows) -> None:
            require(rows.users, image.user_id)
            require(rows.generations, image.generation_id)
            insert(rows.images, image.id, image, "images.id")

        self._write(add)

    def update(self, image: Image) -> None:
        """Put the next version of an image in place."""
        self._write(lambda rows: replace_next(rows.images, image))

    def remove(self, image_id: ImageId, owner: UserId) -> None:
        """Remove an image of the owner's."""

        def remove(rows: Rows) -> None:
            image = rows.images.get(image_id)
            if image is None or image.user_id != owner:
                raise StaleWrite
            del rows.images[image_id]

        self._write(remove)


def _with_images(generations: Iterable[Generation], rows: Rows) -> Iterator[Generation]:
    images: defaultdict[UUID | None, list[Image]] = defaultdict(list)
    for image in sorted(rows.images.values(), key=lambda image: image.position):
        images[image.generation_id].append(image)
    return (replace(generation, images=tuple(images[generation.id])) for generation in generations)


def _matches(generation: Generation, matching: GenerationFilter) -> bool:
    labels, created = generation.labels, generation.created_at
    texts = [text.casefold() for text in (generation.requested.prompt, labels.title or "")]
    return (
        matching.status in (None, generation.status)
        and matching.provider in (None, generation.provider)
        and matching.model in (None, generation.model)
        and (matching.tag is None or matching.tag in labels.tags)
        and matching.favorite in (None, labels.favorite)
        and all(any(word.casefold() in text for text in texts) for word in matching.words)
        and (matching.created_after is None or created > matching.created_after)
        and (matching.created_before is None or created < matching.created_before)
    )


def _is_finished(generation: Generation, owner: UserId) -> bool:
    return generation.user_id == owner and generation.status.final


def _remove(rows: Rows, generations: set[GenerationId]) -> None:
    discard(rows.generations, lambda generation: generation.id in generations)
    discard(rows.attempts, lambda attempt: attempt.generation_id in generations)
    discard(rows.images, lambda image: image.generation_id in generations)
