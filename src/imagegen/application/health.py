"""Whether the service can do its work now, part by part; never draws a picture."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from imagegen.domain.errors import ImagegenError

PATIENCE: Final = 3.0
"""Seconds after which a part that does not answer counts as away."""

Ping = Callable[[], Awaitable[str | None]]
"""Asks a part how it is. Raises when it does not work; returns what is wrong although it does, or `None`."""

logger = logging.getLogger("imagegen.health")


class Condition(StrEnum):
    """How a part, or the whole, is."""

    OK = "ok"
    DEGRADED = "degraded"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartHealth:
    """One part: how it is, how long its answer took in milliseconds, and what is wrong."""

    status: Condition
    latency_ms: float
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The whole: unavailable when a part is that nothing works without, degraded when any part is not well."""

    status: Condition
    checks: Mapping[str, PartHealth]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckHealth:
    """Ask every part how it is, all at once, and for `patience` seconds.

    `essential` are the parts that nothing works without.
    """

    essential: Mapping[str, Ping]
    optional: Mapping[str, Ping]
    patience: float = PATIENCE

    async def __call__(self) -> Health:
        """Return the health; a part that fails or is slow is named, not raised."""
        names = (*self.essential, *self.optional)
        pings = (*self.essential.values(), *self.optional.values())
        checks = dict(zip(names, await asyncio.gather(*(_ask(ping, self.patience) for ping in pings)), strict=True))
        return Health(status=self._whole(checks), checks=checks)

    def _whole(self, checks: Mapping[str, PartHealth]) -> Condition:
        if any(checks[name].status is Condition.UNAVAILABLE for name in self.essential):
            return Condition.UNAVAILABLE
        well = all(part.status is Condition.OK for part in checks.values())
        return Condition.OK if well else Condition.DEGRADED


@dataclass(slots=True)
class Remembered:
    """A ping whose outcome, good or bad, stands for some seconds: for parts that are dear or slow to ask.

    Whoever asks while an answer is under way waits for that one; whoever gives up leaves it to the others.
    """

    ping: Ping
    seconds: float
    clock: Callable[[], float] = time.monotonic
    _asking: asyncio.Task[str | None] | None = field(default=None, init=False)
    _until: float = field(default=0.0, init=False)

    async def __call__(self) -> str | None:
        """Return or raise as the ping did."""
        asking = self._asking
        if asking is None or (asking.done() and self.clock() >= self._until):
            asking = self._asking = asyncio.create_task(self._ask())
            asking.add_done_callback(_seen)
        if not asking.done():
            await asyncio.wait((asking,))
        return asking.result()

    async def _ask(self) -> str | None:
        try:
            return await self.ping()
        finally:
            self._until = self.clock() + self.seconds


def _seen(asked: asyncio.Task[str | None]) -> None:
    """Mark the outcome as looked at: an error that nobody waited for is no defect to report."""
    if not asked.cancelled():
        asked.exception()


async def _ask(ping: Ping, patience: float) -> PartHealth:
    begun = time.perf_counter()
    status = Condition.UNAVAILABLE
    try:
        async with asyncio.timeout(patience):
            detail = await ping()
        status = Condition.OK if detail is None else Condition.DEGRADED
    except TimeoutError:
        detail = "did not answer in time"
    except ImagegenError as error:
        detail = error.detail
    except Exception:  # whoever is on call needs this answer most when something unforeseen is wrong
        logger.exception("asking for the health of a part failed unexpectedly")
        detail = "failed unexpectedly"
    return PartHealth(status=status, latency_ms=round((time.perf_counter() - begun) * 1000, 2), detail=detail)
