"""Leaving alone what fails: circuit breakers, one for each provider and one for each of its models.

    closed ──(failures in a row)──→ open ──(a pause)──→ half-open ──(an answer)──→ closed
                                      ↑                     │
                                      └──(a failure)────────┘

Where nobody answers, it is the provider's circuit that breaks. Limits and permissions are the model's, as both large
providers count them: who asks for a model that the operator's account may not use takes nothing from the others.

Every process has circuits of its own. Times are seconds of a clock that never goes back.
"""

import math
from dataclasses import dataclass, field, replace
from typing import Final, Self

from imagegen.domain.catalog import ImageModel
from imagegen.domain.errors import (
    Billed,
    DeadlineExceeded,
    GenerationCanceled,
    OutcomeUnknown,
    ProviderAccount,
    ProviderBusy,
    ProviderError,
    ProviderUnreachable,
)

_DOWN: Final = (ProviderUnreachable, OutcomeUnknown)
"""Nobody answered, or the provider failed: it concerns all of its models."""
_REFUSED: Final = (ProviderBusy, ProviderAccount)
"""The provider is there and does not draw with this model now."""
_SILENT: Final = (GenerationCanceled, DeadlineExceeded)
"""What we ended ourselves tells nothing about the provider. Everything else is an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """Whether something may be called: not before `until`, and then, after too many failures, by one at a time.

    `failures` were counted since the last answer, and `kind` is what the last of them was.
    `threshold` of them break the circuit: one alone is chance.
    `pause` is how long it is open then: about as long as a connection that nobody takes is waited for. It is also how
    long one probe keeps the next away, so that a probe whose end nobody notes does not keep the circuit open.
    `longest` is all that a provider gets when it names the time itself: some name the moment at which its allowance
    is whole again, hours after there is room for the next call.
    """

    failures: int = 0
    until: float = -math.inf
    kind: type[ProviderError] = ProviderBusy
    threshold: int = 5
    pause: float = 10.0
    longest: float = 300.0

    @property
    def broken(self) -> bool:
        """Whether it failed too often in a row, and no answer has come since."""
        return self.failures >= self.threshold

    def admits(self, now: float) -> bool:
        """Whether a call may be made."""
        return now >= self.until

    def refusal(self, now: float) -> ProviderError:
        """What is said to a call that is not admitted, with the seconds until the next one may be."""
        detail = "The provider failed or refused lately and is left alone for a moment; it was not asked."
        return self.kind(detail, billed=Billed.NO, retry_after=self.until - now)

    def after_admission(self, now: float) -> Self:
        """A call is made; through a broken circuit it is a probe."""
        return replace(self, until=now + self.pause) if self.broken else self

    def after_answer(self) -> Self:
        """The provider answered. A time that it named itself is kept all the same."""
        if self.failures == 0:  # as nearly always
            return self
        return replace(self, failures=0, until=-math.inf if self.broken else self.until)

    def after_failure(self, error: ProviderError, now: float) -> Self:
        """It failed once more. Who names a time is there: until then nobody calls, and then everybody may."""
        named = min(max(error.retry_after or 0.0, 0.0), self.longest)
        failures = 0 if named else self.failures + 1
        wait = self.pause if failures >= self.threshold else named
        kind = ProviderUnreachable if isinstance(error, _DOWN) else type(error)
        return replace(self, failures=failures, until=max(self.until, now + wait), kind=kind)


@dataclass(slots=True)
class Circuits:
    """The circuits of all providers and models; a `fresh` one is where each begins."""

    fresh: Circuit = Circuit()
    _circuits: dict[tuple[str, ...], Circuit] = field(default_factory=dict, init=False)

    def admit(self, model: ImageModel, now: float) -> ProviderError | None:
        """Let a call to a model through, and return `None`, or else the reason why it is not to be made.

        The reason is an error of the kind that broke the circuit, certainly not billed. `note` is to be told how an
        admitted call ended, and nothing of a refused one.
        """
        places = _places(model)
        shut = [circuit for place in places if not (circuit := self._at(place)).admits(now)]
        if shut:
            return max(shut, key=lambda circuit: circuit.until).refusal(now)
        for place in places:
            self._circuits[place] = self._at(place).after_admission(now)
        return None

    def note(self, model: ImageModel, error: ProviderError | None, now: float) -> None:
        """Learn from how a call ended; `None` is a success."""
        places = _places(model)
        provider, own = (self._at(place) for place in places)
        if isinstance(error, _DOWN):
            provider = provider.after_failure(error, now)
        elif isinstance(error, _REFUSED):
            provider, own = provider.after_answer(), own.after_failure(error, now)
        elif not isinstance(error, _SILENT):
            provider, own = provider.after_answer(), own.after_answer()
        self._circuits.update(zip(places, (provider, own), strict=True))

    def _at(self, place: tuple[str, ...]) -> Circuit:
        return self._circuits.get(place, self.fresh)


def _places(model: ImageModel) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Where a model's failures are counted: those of its provider, and its own."""
    return (model.provider,), (model.provider, model.id)
