"""Taking a generation back, and asking for one that failed anew."""

from dataclasses import dataclass

from imagegen.application.at_work import AtWork
from imagegen.application.ending import write_cancellation
from imagegen.application.finding import existing
from imagegen.application.requesting import Asked, RequestGeneration
from imagegen.application.retrying import until_fresh
from imagegen.domain.errors import IllegalTransition
from imagegen.domain.generations import Generation, Status
from imagegen.domain.idempotency import Once
from imagegen.domain.identifiers import GenerationId
from imagegen.domain.ports import Clock, GenerationEvents, UnitOfWorkFactory
from imagegen.domain.users import Principal, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelGeneration:
    """Take a generation back. One that is queued never starts; the call of one that runs is abandoned.

    The provider may have billed an abandoned call, and says so in no case: `billed` is then `unknown`. One that has
    ended stays as it is.
    """

    unit_of_work: UnitOfWorkFactory
    events: GenerationEvents
    clock: Clock
    at_work: AtWork

    async def __call__(self, principal: Principal, generation_id: GenerationId) -> Generation:
        """Return it as it ended; raise `NotFound` when it is not there or not the caller's."""
        principal.require(Scope.GENERATE)
        return await until_fresh(lambda: self._cancel(principal, generation_id))

    async def _cancel(self, principal: Principal, generation_id: GenerationId) -> Generation:
        async with self.unit_of_work() as work:
            generation = existing(await work.generations.get(generation_id, principal.user_id))
            if generation.status.final:
                return generation
            attempts = await work.attempts.of_generation(generation_id)
            canceled = write_cancellation(work, generation, attempts, self.clock())
            await work.commit()
        self.at_work.abandon(generation_id)
        await self.events.announce(canceled)
        return canceled


@dataclass(frozen=True, slots=True, kw_only=True)
class AbandonCalls:
    """Give up the calls that this process makes for a generation that was canceled elsewhere."""

    at_work: AtWork

    async def __call__(self, generation_id: GenerationId) -> None:
        """Cut them short; when there are none, nothing happens."""
        self.at_work.abandon(generation_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryGeneration:
    """Ask for the same again after a generation failed or was canceled: the caller's decision, and money."""

    unit_of_work: UnitOfWorkFactory
    request: RequestGeneration

    async def __call__(self, principal: Principal, generation_id: GenerationId, *, once: Once | None = None) -> Asked:
        """Return a new generation, which names the first; asked `once` more, the one that came of it before.

        Raises:
            NotFound: it is not there or not the caller's.
            IllegalTransition: it has not ended, or has succeeded.
            UnknownModel, UnsupportedParameters, ProviderNotConfigured: it could not be asked for today.
            IdempotencyKeyReused: something else was asked for under that key.
        """
        principal.require(Scope.GENERATE)
        async with self.unit_of_work() as work:
            first = existing(await work.generations.get(generation_id, principal.user_id))
        if first.status not in (Status.FAILED, Status.CANCELED):
            raise IllegalTransition(f"The generation is {first.status}.")
        return await self.request(
            principal,
            first.requested,
            labels=first.labels,
            priority=first.priority,
            start_within=None if first.start_by is None else (first.start_by - first.created_at).total_seconds(),
            once=once,
            retry_of=first.id,
        )
