"""What follows when a call to a provider failed: the same call again, another provider, or nothing.

Only what was certainly not billed is ever tried again, and only where the failure says nothing about the request:

    busy, unreachable      the same again after a pause; where the pause is long, another provider
    account                another provider: the operator has to mend it first
    everything else        nothing

A refusal by a safety system is final and goes to nobody else. A request that was refused as malformed is not sent
elsewhere either: it may be such a refusal in words that nobody knows yet.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from imagegen.domain.errors import Billed, ProviderAccount, ProviderBusy, ProviderError, ProviderUnreachable

_PASSING: Final = (ProviderBusy, ProviderUnreachable)
"""What may be over in a moment."""


class Step(StrEnum):
    """What is done next."""

    REPEAT = "repeat"
    MOVE = "move"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Decision:
    """The next step, and for a repetition the seconds to wait before it."""

    step: Step
    after: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often, how soon and where a call is tried again; all times in seconds.

    `most_repeats` counts at one provider: after three, the fourth would hardly bring anything else.
    Pauses double from `first_pause` to `longest_pause`, unless the provider names a longer one.
    `patience` is what is waited where another provider could draw at once.
    `least_call` is kept for the call itself, about what a picture takes: a call that is cut off may be billed.
    """

    most_repeats: int = 3
    first_pause: float = 1.0
    longest_pause: float = 30.0
    patience: float = 3.0
    least_call: float = 30.0

    def decide(
        self, error: ProviderError, *, repeats: int, remaining: float, elsewhere: bool, jitter: float = 0.0
    ) -> Decision:
        """Say what follows on `error`, after so many repetitions at its provider.

        `remaining` are the seconds left of the one deadline for everything, `elsewhere` whether another provider could
        be asked. What the provider asks to wait is always waited in full. `jitter`, from 0 to 1, adds up to the length
        of our own pause, lest those who were refused together come back together.
        """
        room = remaining - self.least_call
        if error.billed is not Billed.NO or not isinstance(error, (*_PASSING, ProviderAccount)) or room < 0:
            return Decision(Step.STOP)
        otherwise = Decision(Step.MOVE if elsewhere else Step.STOP)
        if not isinstance(error, _PASSING) or repeats >= self.most_repeats:
            return otherwise
        pause = min(self.first_pause * 2**repeats, self.longest_pause)
        wait = max(pause, error.retry_after or 0.0)
        if wait > room or (elsewhere and wait > self.patience):
            return otherwise
        return Decision(Step.REPEAT, min(wait + jitter * pause, room))
