"""An event loop on which nobody waits: whenever nothing else is left to do, the next moment has come already.

Pauses of minutes take no time and are as long as they say, to the last digit. Not for what waits for threads or for
the network while something else is due: time would fly past them.
"""

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from selectors import DefaultSelector, SelectorKey
from typing import Any, ParamSpec

P = ParamSpec("P")


class _Skipping(DefaultSelector):
    """Lets the time pass that it is told to wait."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        """What is ready, without a wait unless it is for ever."""
        ready = super().select(None if timeout is None else 0)
        if not ready and timeout is not None:
            self.now += max(0.0, timeout)
        return ready


class NoTimeLoop(asyncio.SelectorEventLoop):
    """The loop; its time begins at 0."""

    def __init__(self) -> None:
        self._skipping = _Skipping()
        super().__init__(self._skipping)

    def time(self) -> float:
        """The seconds that have been skipped."""
        return self._skipping.now


def loop_time() -> float:
    """The time of the running loop: a clock for whoever wants one."""
    return asyncio.get_running_loop().time()


def in_no_time(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run a test on such a loop."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with asyncio.Runner(loop_factory=NoTimeLoop) as runner:
            runner.run(test(*args, **kwargs))

    return run
