"""Calling providers for some of a generation's pictures: once, and again or elsewhere as far as the policy lets.

Each call is on record before it is made, and how it ended before the next one is.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from random import random
from time import monotonic

from imagegen.application.at_work import AtWork
from imagegen.application.defects import report
from imagegen.application.gathering import all_of
from imagegen.application.keeping import Drawn, KeepPictures
from imagegen.application.leasing import RenewLease
from imagegen.domain.attempts import Attempt
from imagegen.domain.catalog import Catalog, Fitted, ImageModel
from imagegen.domain.circuits import Circuits
from imagegen.domain.errors import (
    Billed,
    DatabaseUnavailable,
    OutcomeUnknown,
    ProviderError,
    ProviderUnreachable,
    StaleWrite,
)
from imagegen.domain.generations import Generation
from imagegen.domain.identifiers import AttemptId
from imagegen.domain.images import ImageRequest
from imagegen.domain.ports import Clock, ImageProvider, NewId, UnitOfWorkFactory
from imagegen.domain.retries import Decision, RetryPolicy, Step

logger = logging.getLogger("imagegen.generations")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What is asked for by one call and those that may follow it: as fitted to a model, until `ends` at the latest.

    `numbers` counts all calls of the generation, and `first` is the place of the call's first picture among all of the
    generation's. `ends` is by a clock that nobody sets back.
    """

    generation: Generation
    model: ImageModel
    numbers: Iterator[int]
    ends: float
    first: int = 0
    fitted: Fitted | None = None
    tried: frozenset[str] = frozenset()
    repeats: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CallProvider:
    """Have the pictures of a call drawn: at its provider, or wherever the policy goes on when that one is away."""

    unit_of_work: UnitOfWorkFactory
    catalog: Catalog
    providers: Mapping[str, ImageProvider]
    keep: KeepPictures
    circuits: Circuits
    clock: Clock
    new_id: NewId
    at_work: AtWork
    renew: RenewLease
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    seconds: Callable[[], float] = monotonic
    jitter: Callable[[], float] = random  # noqa: S311 - it guards nothing

    def attempts(self, asking: Asking, count: int) -> Sequence[Attempt]:
        """The calls that it takes to have so many pictures of a model; none is on record yet."""
        most = asking.model.capabilities.images_per_call
        now = self.clock()
        return [
            Attempt(
                id=AttemptId(self.new_id()),
                generation_id=asking.generation.id,
                number=next(asking.numbers),
                provider=asking.model.provider,
                model=asking.model.id,
                count=min(most, count - first),
                started_at=now,
            )
            for first in range(0, count, most)
        ]

    async def __call__(self, asking: Asking, attempts: Sequence[Attempt]) -> Sequence[Drawn]:
        """Make these calls, which are on record, and those that follow them; errors are returned, not raised."""
        firsts = accumulate((attempt.count for attempt in attempts), initial=asking.first)
        made = [
            self._call(replace(asking, first=first), attempt)
            for attempt, first in zip(attempts, firsts, strict=False)  # which go one further
        ]
        return [drawn for some in await all_of(made) for drawn in some]

    async def _call(self, asking: Asking, attempt: Attempt) -> Sequence[Drawn]:
        drawn = await self._once(asking, attempt)
        error = drawn.errors[0] if drawn.errors and not drawn.images else None
        if error is None:
            return [drawn]
        elsewhere = self._elsewhere(asking, error)
        decision = self.policy.decide(
            error,
            repeats=asking.repeats,
            remaining=asking.ends - self.seconds(),
            elsewhere=elsewhere is not None,
            jitter=self.jitter(),
        )
        if decision.step is Step.STOP:
            return [drawn]
        logger.info("generation %s: %s, %s", asking.generation.id, error.code, decision.step)
        following = await self._prepare(asking, drawn.attempt, decision, elsewhere)
        if following is None:  # somebody else ended it, or its owner is gone
            return [drawn]
        return await self(*following)

    async def _once(self, asking: Asking, attempt: Attempt) -> Drawn:
        model = asking.model
        if not await self._may_call(asking.generation):
            late = ProviderUnreachable("This process was away for too long; nobody was asked.", billed=Billed.NO)
            return Drawn(attempt.fail(late, self.clock()), errors=(late,), fitted=asking.fitted)
        if (refusal := self.circuits.admit(model, self.seconds())) is not None:
            return Drawn(attempt.fail(refusal, self.clock()), errors=(refusal,), fitted=asking.fitted)
        noted: ProviderError | None = None
        try:
            with self.at_work.calling(asking.generation.id):
                answer = await self.providers[model.provider].generate(
                    _asked(asking),
                    count=attempt.count,
                    deadline=max(0.0, asking.ends - self.seconds()),
                )
            cost = model.price.cost_micros(answer.usage)
        except ProviderError as error:
            noted = error
            return Drawn(attempt.fail(error, self.clock()), errors=(error,), fitted=asking.fitted)
        except Exception:  # noqa: BLE001 - reported; a defect must not leave a call that may be billed unsettled
            report(logger, "a call to provider %s failed unexpectedly", attempt.provider)
            noted = OutcomeUnknown("The call to the provider broke off; it may have been billed.")
            return Drawn(attempt.fail(noted, self.clock()), errors=(noted,), fitted=asking.fitted)
        finally:
            self.circuits.note(model, noted, self.seconds())
        drawn = await self.keep(asking.generation, attempt, answer, cost_micros=cost)
        return drawn if asking.fitted is None else replace(drawn, fitted=asking.fitted)

    async def _may_call(self, generation: Generation) -> bool:
        """Whether the generation is still for this process to draw: not if others may have settled it meanwhile."""
        if self.renew.lease.held:
            return True
        try:
            await self.renew()
            await self._record(generation)
        except (StaleWrite, DatabaseUnavailable):
            return False
        return True

    def _elsewhere(self, asking: Asking, error: ProviderError) -> Fitted | None:
        tried = asking.tried | {asking.model.provider}
        reason = f"{asking.model.provider}: {error.title}."
        return self.catalog.fallback(asking.generation.requested, tried=tried, today=self.clock().date(), reason=reason)

    async def _prepare(
        self, asking: Asking, ended: Attempt, decision: Decision, elsewhere: Fitted | None
    ) -> tuple[Asking, Sequence[Attempt]] | None:
        """Put on record how a call ended, wait, and put on record what follows; `None` when nothing may follow."""
        if decision.step is Step.MOVE and elsewhere is not None:
            following = _moved(asking, elsewhere)
        else:
            following = replace(asking, repeats=asking.repeats + 1)
        try:
            await self._record(asking.generation, ended)
            with self.at_work.calling(asking.generation.id):
                await asyncio.sleep(decision.after)
            attempts = self.attempts(following, ended.count)
            await self._record(asking.generation, *attempts)
        except (StaleWrite, ProviderError):
            return None
        except DatabaseUnavailable:
            logger.warning("database is away: generation %s is not tried again", asking.generation.id)
            return None
        return following, attempts

    async def _record(self, generation: Generation, *attempts: Attempt) -> None:
        async with self.unit_of_work() as work:
            work.generations.hold(generation)
            for attempt in attempts:
                if attempt.finished_at is None:
                    work.attempts.add(attempt)
                else:
                    work.attempts.update(attempt)
            await work.commit()


def _moved(asking: Asking, fitted: Fitted) -> Asking:
    model = fitted.model
    moved = asking.generation.moved(
        fitted.applied, provider=model.provider, model=model.id, adjustments=fitted.adjustments
    )
    tried = asking.tried | {asking.model.provider}
    return replace(asking, generation=moved, model=model, fitted=fitted, tried=tried, repeats=0)


def _asked(asking: Asking) -> ImageRequest:
    """What one of several calls asks: each counts the seed on, or all of them would bring the same picture."""
    applied = asking.generation.applied
    return applied if applied.seed is None else replace(applied, seed=(applied.seed + asking.first) % 2**31)
