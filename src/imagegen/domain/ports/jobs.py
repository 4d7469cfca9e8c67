"""The doorbell that makes somebody look at a generation, and the word that it has ended."""

from abc import abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import Protocol

from imagegen.domain.generations import Generation
from imagegen.domain.identifiers import GenerationId


class GenerationQueue(Protocol):
    """The doorbell: the row is the job, a ring only makes somebody look at it."""

    @abstractmethod
    async def submit(self, generation_id: GenerationId) -> None:
        """Ring for a committed generation. A ring may be lost or repeated."""

    @abstractmethod
    async def consume(self, handle: Callable[[GenerationId], Awaitable[None]]) -> None:
        """Call `handle` for everything submitted, many at a time, until canceled.

        Canceling stops taking, lets what runs finish within the adapter's grace, and then cancels it. A handler
        that raises is logged and harms nobody else.
        """


class Watch(Protocol):
    """Somebody waiting for one generation to end."""

    @abstractmethod
    async def outcome(self, timeout: float) -> Generation | None:  # noqa: ASYNC109 - a wait that ends quietly is the promise
        """The finished generation, or `None` when the time (in seconds) is over or only the row can tell."""


class GenerationEvents(Protocol):
    """Tells those who wait that a generation has ended, so that nobody polls the database."""

    @abstractmethod
    def watch(self, generation_id: GenerationId) -> AbstractContextManager[Watch]:
        """Start watching: what is announced from now on is not missed."""

    @abstractmethod
    async def announce(self, generation: Generation) -> None:
        """Tell everybody who watches that this generation, now final and committed, has ended."""
