"""Asking for a generation, and waiting for it."""

import logging
from dataclasses import dataclass, replace

from imagegen.domain.catalog import Catalog
from imagegen.domain.errors import DatabaseUnavailable, NotFound, Unavailable
from imagegen.domain.generations import Generation, Priority, Status
from imagegen.domain.identifiers import GenerationId
from imagegen.domain.images import ImageRequest, Labels, checked_tags
from imagegen.domain.ports import Clock, GenerationEvents, GenerationQueue, NewId, UnitOfWorkFactory, Watch
from imagegen.domain.users import Principal, Scope

logger = logging.getLogger("imagegen.generations")


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestGeneration:
    """Accept a prompt, remember it, ask for it to be drawn, and wait for the pictures as long as wished.

    The request is fitted to the model first: whatever cannot be applied as asked is listed with its reason, or,
    when the request is strict, refused before any money is spent. From the commit on nothing is lost: a caller
    that goes away finds the generation in the history.
    """

    unit_of_work: UnitOfWorkFactory
    catalog: Catalog
    queue: GenerationQueue
    events: GenerationEvents
    clock: Clock
    new_id: NewId

    async def __call__(
        self,
        principal: Principal,
        request: ImageRequest,
        *,
        labels: Labels,
        priority: Priority = Priority.NORMAL,
        wait: float = 0.0,
    ) -> Generation:
        """Return the finished generation, or as it stands after `wait` seconds, or, when the database is away then, as
        it was remembered.

        Raises:
            UnknownModel, UnsupportedParameters, ProviderNotConfigured: nothing was remembered or spent.
        """
        principal.require(Scope.GENERATE)
        now = self.clock()
        fitted = self.catalog.fit(request, now.date())
        generation = Generation(
            id=GenerationId(self.new_id()),
            user_id=principal.user_id,
            api_key_id=principal.api_key_id,
            status=Status.QUEUED,
            requested=request,
            applied=fitted.applied,
            adjustments=fitted.adjustments,
            provider=fitted.model.provider,
            model=fitted.model.id,
            labels=replace(labels, tags=checked_tags(labels.tags)),
            priority=priority,
            created_at=now,
        )
        if wait <= 0:
            return await self._remember(generation)
        with self.events.watch(generation.id) as watch:
            await self._remember(generation)
            return await self._outcome(watch, generation, wait)

    async def _remember(self, generation: Generation) -> Generation:
        async with self.unit_of_work() as work:
            work.generations.add(generation)
            await work.commit()
        try:
            await self.queue.submit(generation.id)
        except Unavailable:  # the row is the job: a sweep rings again
            logger.warning("queue did not take generation %s", generation.id)
        return generation

    async def _outcome(self, watch: Watch, generation: Generation, wait: float) -> Generation:
        ended = await watch.outcome(wait)
        if ended is not None:
            return ended
        try:
            async with self.unit_of_work() as work:
                found = await work.generations.get(generation.id, generation.user_id)
        except DatabaseUnavailable:  # it was committed, and its caller must hear of it
            return generation
        if found is None:
            raise NotFound
        return found
