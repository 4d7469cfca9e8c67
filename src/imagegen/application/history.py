"""The history of generations: find, file, forget."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from imagegen.application.finding import existing
from imagegen.application.forgetting import RemoveForgotten
from imagegen.application.retrying import until_fresh
from imagegen.domain.attempts import Attempt
from imagegen.domain.errors import IllegalTransition
from imagegen.domain.generations import Generation
from imagegen.domain.identifiers import GenerationId
from imagegen.domain.images import Labels
from imagegen.domain.pages import Page, PageRequest
from imagegen.domain.ports import GenerationFilter, UnitOfWorkFactory
from imagegen.domain.users import Principal, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadGeneration:
    """One of the caller's generations, as it stands."""

    unit_of_work: UnitOfWorkFactory

    async def __call__(self, principal: Principal, generation_id: GenerationId) -> Generation:
        """Return it; raise `NotFound` when the caller has no such generation."""
        principal.require(Scope.READ)
        async with self.unit_of_work() as work:
            return existing(await work.generations.get(generation_id, principal.user_id))


@dataclass(frozen=True, slots=True, kw_only=True)
class ListGenerations:
    """The caller's generations, newest first, filtered as wished."""

    unit_of_work: UnitOfWorkFactory

    async def __call__(self, principal: Principal, matching: GenerationFilter, wanted: PageRequest) -> Page[Generation]:
        """Return a page."""
        principal.require(Scope.READ)
        async with self.unit_of_work() as work:
            return await work.generations.page(principal.user_id, matching, wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListAttempts:
    """Every call that was made to a provider for a generation, with what it cost."""

    unit_of_work: UnitOfWorkFactory

    async def __call__(self, principal: Principal, generation_id: GenerationId) -> Sequence[Attempt]:
        """Return them in their order; raise `NotFound` when the caller has no such generation."""
        principal.require(Scope.READ)
        async with self.unit_of_work() as work:
            existing(await work.generations.get(generation_id, principal.user_id))
            return await work.attempts.of_generation(generation_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class RelabelGeneration:
    """File a generation otherwise: title, tags, favorite, metadata."""

    unit_of_work: UnitOfWorkFactory

    async def __call__(
        self, principal: Principal, generation_id: GenerationId, change: Callable[[Labels], Labels]
    ) -> Generation:
        """Return the relabeled generation; raise `NotFound` or `InvalidRequest`. What runs meanwhile goes on."""
        principal.require(Scope.WRITE)
        return await until_fresh(lambda: self._relabel(principal, generation_id, change))

    async def _relabel(
        self, principal: Principal, generation_id: GenerationId, change: Callable[[Labels], Labels]
    ) -> Generation:
        async with self.unit_of_work() as work:
            generation = existing(await work.generations.get(generation_id, principal.user_id))
            labels = change(generation.labels)
            generation = generation.relabel(labels.checked())
            work.generations.relabel(generation)
            await work.commit()
        return generation


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteGeneration:
    """Forget a finished generation and the bytes of its images. What it cost stays in the usage."""

    unit_of_work: UnitOfWorkFactory
    remove_forgotten: RemoveForgotten

    async def __call__(self, principal: Principal, generation_id: GenerationId) -> None:
        """Raise `NotFound`, or `IllegalTransition` while it is queued or running."""
        principal.require(Scope.WRITE)
        await until_fresh(lambda: self._remove(principal, generation_id))
        await self.remove_forgotten.at_once(principal.user_id)

    async def _remove(self, principal: Principal, generation_id: GenerationId) -> None:
        async with self.unit_of_work() as work:
            generation = existing(await work.generations.get(generation_id, principal.user_id))
            if not generation.status.final:
                raise IllegalTransition(f"The generation is {generation.status}; it can be deleted when it has ended.")
            work.generations.remove(generation_id, principal.user_id)
            await work.commit()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearHistory:
    """Forget all of the caller's finished generations and their images' bytes; what still runs stays."""

    unit_of_work: UnitOfWorkFactory
    remove_forgotten: RemoveForgotten

    async def __call__(self, principal: Principal) -> None:
        """Forget them."""
        principal.require(Scope.WRITE)
        async with self.unit_of_work() as work:
            work.generations.clear(principal.user_id)
            await work.commit()
        await self.remove_forgotten.at_once(principal.user_id)
