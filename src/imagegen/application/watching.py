"""Watching a generation, and its place in the queue."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Final

from imagegen.application.finding import existing
from imagegen.domain.errors import DatabaseUnavailable, NotFound
from imagegen.domain.generations import Generation, Status
from imagegen.domain.identifiers import GenerationId
from imagegen.domain.ports import GenerationEvents, UnitOfWorkFactory
from imagegen.domain.snapshots import Snapshot
from imagegen.domain.users import Principal, Scope

LOOK_AGAIN: Final = 5.0
"""Seconds between two looks at the row and at its place in the queue, of which nobody tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchGeneration:
    """Follow one of the caller's generations to its end.

    Word of a change makes this look at the row. Word may get lost, and of the queue there is none, so the row is looked
    at every `look_again` seconds as well. Between two looks nothing is held but the watch.
    """

    unit_of_work: UnitOfWorkFactory
    events: GenerationEvents
    look_again: float = LOOK_AGAIN

    async def __call__(self, principal: Principal, generation_id: GenerationId) -> AsyncGenerator[Snapshot, None]:
        """Give it as it stands at each look, the same or not, until it has ended, is deleted, or this process stops.

        Close the iterator to stop watching before.

        Raises:
            NotFound: at the first look; the caller has no such generation.
            DatabaseUnavailable: at the first look; later ones are made up for.
        """
        principal.require(Scope.READ)
        with self.events.watch(generation_id) as watch:
            snapshot = await self._look(principal, generation_id)
            yield snapshot
            stopping = False
            while not (snapshot.generation.status.final or stopping):
                await watch.change(self.look_again)
                stopping = watch.closed  # and what was announced before is still looked at
                try:
                    snapshot = await self._look(principal, generation_id)
                except NotFound:
                    return
                except DatabaseUnavailable:
                    continue
                yield snapshot

    async def _look(self, principal: Principal, generation_id: GenerationId) -> Snapshot:
        async with self.unit_of_work() as work:
            generation = existing(await work.generations.get(generation_id, principal.user_id))
            if generation.status is not Status.QUEUED:
                return Snapshot(generation)
            return Snapshot(generation, await work.generations.ahead(generation))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPosition:
    """How many generations go before one of the caller's in the queue."""

    unit_of_work: UnitOfWorkFactory

    async def __call__(self, generation: Generation) -> int | None:
        """Count them; `None` if it is not queued, or nobody can tell while the database is away."""
        if generation.status is not Status.QUEUED:
            return None
        try:
            async with self.unit_of_work() as work:
                return await work.generations.ahead(generation)
        except DatabaseUnavailable:  # the generation itself is known, and its reader must have it
            return None
