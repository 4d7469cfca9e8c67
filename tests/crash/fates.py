"""What is to become of a request at the provider, written into its prompt: `… [[0.25 busy picture]]`.

The seconds that each call takes, then the fate of the first call, of the second, and so on; who calls more often than
fates are named gets pictures.
"""

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

_PLAN: Final = re.compile(r"\[\[(?P<seconds>[0-9.]+)(?P<fates>(?: \w+)*)\]\]")


class Fate(StrEnum):
    """How one call ends."""

    PICTURE = "picture"
    BUSY = "busy"
    """429 with `Retry-After`: certainly not billed, and may be repeated."""
    REFUSED = "refused"
    """400: certainly not billed, and the same again would be refused again."""
    BLOCKED = "blocked"
    EMPTY = "empty"
    """200 without a picture."""
    BROKEN = "broken"
    """500."""
    DROPPED = "dropped"
    """The picture is drawn, and the connection is reset before the first byte of the answer."""
    TRUNCATED = "truncated"
    """The picture is drawn, and the connection ends halfway through the answer."""

    @property
    def repeatable(self) -> bool:
        """Whether another call may follow: this one was certainly not billed, and it may go better next time."""
        return self is Fate.BUSY


@dataclass(frozen=True, slots=True)
class Ending:
    """How a generation ended, as the API tells it."""

    status: str
    code: str | None = None
    billed: str | None = None


_ENDINGS: Final[Mapping[Fate, Ending]] = {
    Fate.PICTURE: Ending("succeeded"),
    Fate.BUSY: Ending("failed", "provider_busy", "no"),
    Fate.REFUSED: Ending("failed", "provider_misbehaved", "no"),
    Fate.BLOCKED: Ending("failed", "content_blocked", "no"),
    Fate.EMPTY: Ending("failed", "no_image", "unknown"),
    Fate.BROKEN: Ending("failed", "provider_unreachable", "unknown"),
    Fate.DROPPED: Ending("failed", "outcome_unknown", "unknown"),
    Fate.TRUNCATED: Ending("failed", "outcome_unknown", "unknown"),
}
_UNASKED: Final = ("provider_busy", "provider_unreachable", "deadline_exceeded")
"""Why a provider is not asked, or not again: it is left alone for a while, or there is no time left."""


def endings(fates: Sequence[Fate], *, killed: bool = False, canceled: bool = False) -> Iterator[Ending]:
    """How a generation may end whose calls had these fates: as the last of them did, unless something came between.

    `killed` says whether it may have been in the hands of a process that was, `canceled` whether anybody wanted that.
    """
    certainly_free = all(fate.repeatable for fate in fates)
    if fates:
        yield _ENDINGS[fates[-1]]
    if certainly_free:
        yield from (Ending("failed", code, "no") for code in _UNASKED)
    if killed:
        yield Ending("failed", "outcome_unknown", "unknown")
        if certainly_free:  # it waited for its turn at the provider
            yield Ending("failed", "outcome_unknown", "no")
    if canceled:
        yield Ending("canceled", "canceled", "unknown")
        yield Ending("canceled", "canceled", "no" if certainly_free else "yes")


@dataclass(frozen=True, slots=True)
class Plan:
    """What the provider will do with a prompt."""

    seconds: float = 0.0
    fates: tuple[Fate, ...] = (Fate.PICTURE,)

    @classmethod
    def of(cls, prompt: str) -> Self:
        """The plan in a prompt; `ValueError` if there is none."""
        found = _PLAN.search(prompt)
        if found is None:
            raise ValueError("a prompt without a plan")
        return cls(float(found["seconds"]), tuple(map(Fate, found["fates"].split())))

    def __str__(self) -> str:
        return f"[[{' '.join((f'{self.seconds:.3f}', *self.fates))}]]"

    def fate(self, number: int) -> Fate:
        """What becomes of the call of that number, the first being 1."""
        return self.fates[number - 1] if number <= len(self.fates) else Fate.PICTURE


@dataclass(frozen=True, slots=True)
class Mix:
    """A distribution of plans: the share that meets a fault, how many seconds calls take, and how many a slow one."""

    faults: float = 0.0
    seconds: tuple[float, float] = (0.0, 0.0)
    slow: float = 0.0

    def draw(self, chance: random.Random) -> Plan:
        """A plan; one fault in ten is only that the provider is slow, and one who is busy is busy once or twice."""
        seconds = chance.uniform(*self.seconds)
        if chance.random() >= self.faults:
            return Plan(seconds)
        fate = chance.choice([None, *_FAULTS])
        if fate is None:
            return Plan(self.slow)
        return Plan(seconds, (fate,) * (chance.randint(1, 2) if fate is Fate.BUSY else 1))


_FAULTS: Final = (Fate.BUSY, *(fate for fate in Fate if fate is not Fate.PICTURE))
"""Busy twice as often as the others."""
