"""The doorbell that makes somebody look at a generation, and the word of what became of it."""

from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager
from typing import Protocol

from imagegen.domain.generations import Generation
from imagegen.domain.identifiers import GenerationId


class Place(Protocol):
    """Room to run one generation in this process, kept free for whoever asked for it until it is used or left."""

    @abstractmethod
    def run(self, job: Callable[[], Awaitable[None]]) -> None:
        """Run the job here and now, as `consume` would run a handler, and give the place back when it ends."""

    @abstractmethod
    def leave(self) -> None:
        """Give the place back unused; leaving twice is fine."""


class GenerationQueue(Protocol):
    """The doorbell: the row is the job, a ring only makes somebody look at it.

    There are two lines: what belongs to a batch waits in its own, which has a bounded share of the concurrency, so
    that it never keeps the others waiting.
    """

    @abstractmethod
    async def submit(self, generation_id: GenerationId, *, batched: bool = False) -> None:
        """Ring for a committed generation. A ring may be lost or repeated; one that rings already is left at that.

        Raises:
            Unavailable: the queue did not take it.
        """

    @abstractmethod
    async def consume(self, handle: Callable[[GenerationId], Awaitable[None]]) -> None:
        """Call `handle` for everything submitted, many at a time, until canceled.

        While the queue is away this waits for it to come back. Canceling stops taking, lets what runs finish within
        the adapter's grace, and then cancels it. A handler that raises is logged and harms nobody else.
        """

    @abstractmethod
    def place(self) -> Place | None:
        """Room to run a generation here without ringing, or `None`.

        There is none where others do the work, where as many run as may, where others wait already, and once
        `consume` was canceled.
        """

    @abstractmethod
    async def check(self) -> None:
        """Raise `Unavailable` unless a ring would be taken now."""

    @abstractmethod
    async def close(self) -> None:
        """Let go of connections; closing twice is fine."""


class Watch(Protocol):
    """Somebody watching one generation."""

    @property
    @abstractmethod
    def closed(self) -> bool:
        """Whether nothing will be told any more, because this process is stopping."""

    @abstractmethod
    async def outcome(self, timeout: float) -> Generation | None:  # noqa: ASYNC109 - a wait that ends quietly is the promise
        """The finished generation, or `None` when the time (in seconds) is over or only the row can tell."""

    @abstractmethod
    async def change(self, timeout: float) -> bool:  # noqa: ASYNC109 - as above
        """Whether anything was announced since the last call, or is within `timeout` seconds; the row tells what."""


class GenerationEvents(Protocol):
    """Tells those who watch what became of a generation, so that nobody polls the database.

    An announcement that does not arrive costs nobody more than time: whoever waits looks at the row now and then.
    """

    @abstractmethod
    def watch(self, generation_id: GenerationId) -> AbstractContextManager[Watch]:
        """Start watching: what is announced from now on is not missed."""

    @abstractmethod
    async def announce(self, generation: Generation) -> None:
        """Tell everybody who watches that this generation was committed in another state.

        Never raises, and waits for nobody; what is announced by one process is told in that order.
        """

    @abstractmethod
    def cancellations(self) -> AsyncIterator[GenerationId]:
        """The generations announced as canceled, from the first step of the iteration on, without an end."""

    @abstractmethod
    def release(self) -> None:
        """Close all watches, present and to come: this process is stopping."""
