"""Asking for a generation, and waiting for it."""

import asyncio
import logging
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from imagegen.application.drawing import Begun, DrawGeneration
from imagegen.application.finding import existing
from imagegen.application.fitting import Wish, fitted
from imagegen.application.retrying import until_fresh
from imagegen.application.running import ConfirmBeginning
from imagegen.domain.catalog import Catalog, ImageModel
from imagegen.domain.errors import AlreadyExists, DatabaseUnavailable, NotFound, StaleWrite, Unavailable
from imagegen.domain.generations import Generation, Priority
from imagegen.domain.idempotency import IdempotencyKey, Once
from imagegen.domain.identifiers import GenerationId, UserId
from imagegen.domain.images import ImageRequest, Labels
from imagegen.domain.ports import Clock, GenerationEvents, GenerationQueue, NewId, UnitOfWorkFactory, Watch
from imagegen.domain.users import Principal, Scope

logger = logging.getLogger("imagegen.generations")


LOOK_AGAIN: Final = 15.0
"""Seconds after which whoever waits looks at the row although nobody said that it changed."""

BREATH: Final = 0.5
"""Seconds between two looks at the row, whatever is heard."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of a request, and whether that request was not the first."""

    generation: Generation
    replayed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestGeneration:
    """Accept a prompt, remember it, ask for it to be drawn, and wait for the pictures as long as wished.

    A new request is fitted to the model first: whatever cannot be applied as asked is listed with its reason, or,
    when the request is strict, refused before any money is spent. One that was taken before needs nothing of that,
    whatever has become of its model since. From the commit on nothing is lost: a caller that goes away finds the
    generation in the history. Where there is a place to draw it in this process, that commit is also its beginning.
    """

    unit_of_work: UnitOfWorkFactory
    catalog: Catalog
    queue: GenerationQueue
    draw: DrawGeneration
    confirm: ConfirmBeginning
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
        start_within: float | None = None,
        once: Once | None = None,
        retry_of: GenerationId | None = None,
    ) -> Asked:
        """Return the finished generation, or as it stands after `wait` seconds, or, when the database is away then, as
        it was remembered. It is given up unless it starts within so many seconds; asked `once` more for the same, what
        came of the first request is returned.

        Raises:
            UnknownModel, UnsupportedParameters, ProviderNotConfigured: nothing was remembered or spent.
            IdempotencyKeyReused: something else was asked for under that key.
            NotFound: what came of the first request was deleted since.
        """
        principal.require(Scope.GENERATE)
        wish = Wish(request=request, labels=labels, priority=priority, start_within=start_within, retry_of=retry_of)
        now = self.clock() if start_within is None else await self._shared_now()
        if once is None:
            return Asked(await self._take(self._fitted(principal, wish, now), wait))
        return await until_fresh(lambda: self._take_once(principal, wish, now, once, wait))

    def _fitted(self, principal: Principal, wish: Wish, now: datetime) -> "_Acceptance":
        return _Acceptance(*fitted(wish, self.catalog, principal=principal, id=GenerationId(self.new_id()), now=now))

    async def _shared_now(self) -> datetime:
        """The moment by the clock of the database, by which others will judge when its time is over."""
        async with self.unit_of_work() as work:
            return await work.now()

    async def _take_once(self, principal: Principal, wish: Wish, now: datetime, once: Once, wait: float) -> Asked:
        """Take what was not taken before; `StaleWrite` when it was taken by somebody else at this moment."""
        async with self.unit_of_work() as work:
            known = await work.idempotency_keys.get(principal.user_id, once.key)
        if known is not None and known.answers(once, now):
            if once.fresh:  # it has come after all, and the next fresh one is another
                await self._no_longer_early(known)
            return Asked(await self._first(GenerationId(known.target), principal.user_id, wait), replayed=True)
        acceptance = self._fitted(principal, wish, now)
        key = IdempotencyKey(
            user_id=principal.user_id,
            key=once.key,
            fingerprint=once.fingerprint,
            target=acceptance.generation.id,
            created_at=now,
            early=once.repeated,
        )
        try:
            return Asked(await self._take(replace(acceptance, key=key, instead_of=known), wait))
        except (AlreadyExists, StaleWrite):
            if not once.fresh or await self._is_early(key):
                raise StaleWrite from None
            # Somebody asked for the same at this moment: what is asked for again then comes of theirs.
            return Asked(await self._take(acceptance, wait))

    async def _is_early(self, key: IdempotencyKey) -> bool:
        async with self.unit_of_work() as work:
            known = await work.idempotency_keys.get(key.user_id, key.key)
        return known is not None and known.early

    async def _no_longer_early(self, key: IdempotencyKey) -> None:
        async with self.unit_of_work() as work:
            work.idempotency_keys.remove(key)
            work.idempotency_keys.add(replace(key, early=False))
            await work.commit()

    async def _first(self, generation_id: GenerationId, owner: UserId, wait: float) -> Generation:
        with self.events.watch(generation_id) as watch:
            async with self.unit_of_work() as work:
                found = existing(await work.generations.get(generation_id, owner))
            return found if found.status.final or wait <= 0 else await self._outcome(watch, found, wait)

    async def _take(self, acceptance: "_Acceptance", wait: float) -> Generation:
        if wait <= 0:
            return await self._accept(acceptance)
        with self.events.watch(acceptance.generation.id) as watch:
            accepted = await self._accept(acceptance)
            return await self._outcome(watch, accepted, wait)

    async def _accept(self, acceptance: "_Acceptance") -> Generation:
        """Remember it, and either begin it here or ring for it."""
        place = self.queue.place() if self.draw.lease.held else None
        if place is None:
            await self._commit(acceptance)
            await self._ring(acceptance.generation)
            return acceptance.generation
        begun = self.draw.begin(acceptance.generation, acceptance.model)
        accepted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        # A job of its own: once its row is on its way to the database, a caller that goes away takes nothing back.
        place.run(lambda: self._begin(acceptance, begun, accepted))
        await accepted
        return begun.generation

    async def _begin(self, acceptance: "_Acceptance", begun: Begun, accepted: asyncio.Future[None]) -> None:
        with self.draw.at_work.on(begun.generation.id):  # whoever cancels it from the commit on is heard
            try:
                await self._commit(acceptance, begun)
            except asyncio.CancelledError:  # this process stops, and nobody knows whether it was remembered
                _refuse(accepted, DatabaseUnavailable())
                raise
            except Exception as error:  # noqa: BLE001 - it is raised to the caller
                _refuse(accepted, error)
                if not isinstance(error, DatabaseUnavailable) or not await self.confirm(begun):
                    return
            else:
                if not accepted.done():
                    accepted.set_result(None)
            await self.draw(begun)

    async def _commit(self, acceptance: "_Acceptance", begun: Begun | None = None) -> None:
        async with self.unit_of_work() as work:
            if acceptance.instead_of is not None:
                work.idempotency_keys.remove(acceptance.instead_of)
            if acceptance.key is not None:
                work.idempotency_keys.add(acceptance.key)
            work.generations.add(acceptance.generation if begun is None else begun.generation)
            if begun is not None:
                begun.write_calls(work)
            await work.commit()

    async def _ring(self, generation: Generation) -> None:
        try:
            await self.queue.submit(generation.id)
        except Unavailable:  # the row is the job: a sweep rings again
            logger.warning("queue did not take generation %s", generation.id)

    async def _outcome(self, watch: Watch, generation: Generation, wait: float) -> Generation:
        """The end of it, or as it stands when the time is over; word of it may get lost, so the row is looked at."""
        ends = self.draw.lease.seconds() + wait
        while True:
            ended = await watch.outcome(min(ends - self.draw.lease.seconds(), LOOK_AGAIN))
            if ended is not None:
                return ended
            found = await self._found(generation)
            remaining = ends - self.draw.lease.seconds()
            if found.status.final or watch.closed or remaining <= 0:
                return found
            await asyncio.sleep(min(remaining, BREATH))  # somebody heard of an end that cannot be read yet

    async def _found(self, generation: Generation) -> Generation:
        try:
            async with self.unit_of_work() as work:
                found = await work.generations.get(generation.id, generation.user_id)
        except DatabaseUnavailable:  # it was committed, and its caller must hear of it
            return generation
        if found is None:
            raise NotFound
        return found


@dataclass(frozen=True, slots=True)
class _Acceptance:
    """What is remembered when a request is taken."""

    generation: Generation
    model: ImageModel
    key: IdempotencyKey | None = None
    instead_of: IdempotencyKey | None = None


def _refuse(accepted: asyncio.Future[None], error: Exception) -> None:
    """Raise it to the caller, unless that one is gone."""
    if not accepted.done():
        accepted.set_exception(error)
