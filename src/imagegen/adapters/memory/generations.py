"""Generations in memory, with their images."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

from imagegen.adapters.memory.images import forget_images
from imagegen.adapters.memory.rows import Rows, discard, insert, page, replace_next, require
from imagegen.adapters.memory.transaction import Repository
from imagegen.adapters.memory.workers import has_lease
from imagegen.domain.errors import StaleWrite
from imagegen.domain.generations import Generation, Priority, Status
from imagegen.domain.identifiers import GenerationId, UserId, WorkerId
from imagegen.domain.images import Image
from imagegen.domain.pages import Page, PageRequest
from imagegen.domain.ports import GenerationFilter, Generations

_MOST_AT_ONCE: Final = 1_000


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
        return None if generation is None else next(with_images([generation], rows))

    async def page(self, owner: UserId, matching: GenerationFilter, wanted: PageRequest) -> Page[Generation]:
        """A part of the owner's generations that match."""
        rows = await self._read()
        generations = (g for g in rows.generations.values() if g.user_id == owner and _matches(g, matching))
        found = page(generations, wanted)
        return Page(list(with_images(found.items, rows)), found.next)

    async def waiting(self, *, batched: bool = False) -> Sequence[GenerationId]:
        """The identifiers of those that are queued, in their order."""
        waiting = sorted((g for g in await self._queued() if g.batched is batched), key=_turn)
        return [generation.id for generation in waiting[:_MOST_AT_ONCE]]

    async def ahead(self, generation: Generation) -> int:
        """How many of the queued come before it in their order."""
        line = (other for other in await self._queued() if other.batched is generation.batched)
        return sum(_turn(other) < _turn(generation) for other in line)

    async def first_above(self, priority: Priority, limit: int = 1, *, batched: bool = False) -> Sequence[GenerationId]:
        """The first of the queued with a higher priority."""
        higher = (g for g in await self._queued() if g.priority in priority.above and g.batched is batched)
        return [generation.id for generation in sorted(higher, key=_turn)[:limit]]

    async def overdue(self, now: datetime) -> Sequence[GenerationId]:
        """The identifiers of those that were to start."""
        return [g.id for g in await self._queued() if g.overdue(now)][:_MOST_AT_ONCE]

    async def stranded(self) -> Sequence[GenerationId]:
        """The identifiers of those that run at a worker without a lease, oldest first."""
        rows, now = await self._read(), self._clock()
        running = (g for g in rows.generations.values() if g.status is Status.RUNNING)
        return sorted(g.id for g in running if not has_lease(g.worker_id, rows, now))[:_MOST_AT_ONCE]

    async def running_at(self, worker_id: WorkerId, begun_before: datetime) -> Sequence[GenerationId]:
        """The identifiers of those that run there and began before a moment."""
        generations = (await self._read()).generations.values()
        running = (g for g in generations if g.status is Status.RUNNING and g.worker_id == worker_id)
        return [g.id for g in running if g.started_at is not None and g.started_at < begun_before][:_MOST_AT_ONCE]

    async def _queued(self) -> list[Generation]:
        return [g for g in (await self._read()).generations.values() if g.status is Status.QUEUED]

    def add(self, generation: Generation) -> None:
        """Add a generation of a user who is there."""

        def add(rows: Rows) -> None:
            require(rows.users, generation.user_id)
            insert(rows.generations, generation.id, replace(generation, images=()), "generations.id")

        self._write(add)

    def update(self, generation: Generation) -> None:
        """Put the next version of a generation in place, with the labels that are there."""

        def update(rows: Rows) -> None:
            last = replace_next(rows.generations, replace(generation, images=()))
            rows.generations[generation.id] = replace(rows.generations[generation.id], labels=last.labels)

        self._write(update)

    def relabel(self, generation: Generation) -> None:
        """Put the labels on the generation that is there."""

        def relabel(rows: Rows) -> None:
            last = replace_next(rows.generations, generation)
            rows.generations[generation.id] = replace(last, labels=generation.labels, version=generation.version)

        self._write(relabel)

    def hold(self, generation: Generation) -> None:
        """Count the version on where it is to be."""

        def hold(rows: Rows) -> None:
            found = self._running(generation, rows, leased=True)
            rows.generations[found.id] = replace(found, version=found.version + 1)

        self._write(hold)

    def take_over(self, generation: Generation) -> None:
        """Look whether it still runs at a worker that is dead."""
        self._write(lambda rows: self._running(generation, rows, leased=False))

    def _running(self, generation: Generation, rows: Rows, *, leased: bool) -> Generation:
        found = rows.generations.get(generation.id)
        if (
            found is None
            or found.status is not Status.RUNNING
            or found.worker_id != generation.worker_id
            or has_lease(found.worker_id, rows, self._clock()) is not leased
        ):
            raise StaleWrite
        return found

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


def _turn(generation: Generation) -> tuple[int, UUID]:
    return len(generation.priority.above), generation.id


def with_images(generations: Iterable[Generation], rows: Rows) -> Iterator[Generation]:
    """The generations as they are read."""
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
    forget_images(rows, lambda image: image.generation_id in generations)
