"""What is known of a store that was found away."""

import logging
from collections.abc import Callable

logger = logging.getLogger("imagegen.storage")


class Absence:
    """Away certainly for `rest` seconds of `clock` after it was found so, and from then on until it answers probably.

    It begins with an end: until something is heard of it, the store is there.
    """

    def __init__(self, *, rest: float, clock: Callable[[], float]) -> None:
        self.why = ""
        self._rest = rest
        self._clock = clock
        self._certain_until: float | None = None

    @property
    def begun(self) -> bool:
        """Whether it was away when last heard of."""
        return self._certain_until is not None

    @property
    def certain(self) -> bool:
        """Whether there is no use in asking."""
        return self._certain_until is not None and self._clock() < self._certain_until

    def lets_ask(self) -> bool:
        """Whether to ask the store; where it is probably away, one caller at a time may."""
        if self.certain:
            return False
        self.prolong()
        return True

    def prolong(self) -> None:
        """If it was away, take it to be so for another while: somebody is finding out."""
        if self.begun:
            self._certain_until = self._clock() + self._rest

    def begin(self, why: str) -> None:
        """It was found away."""
        if not self.begun:
            logger.warning("the store is away, and pictures are spooled: %s", why)
        self.why = why
        self._certain_until = self._clock() + self._rest

    def end(self) -> None:
        """It has answered."""
        if self.begun:
            logger.info("the store is back")
        self._certain_until = None
