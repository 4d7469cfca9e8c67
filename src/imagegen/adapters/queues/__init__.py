"""The doorbell and the announcements: `open_queue(url, …)` picks both by the scheme of an address.

`in_process` serves one process, `redis` any number on any number of machines; `watches` and `handling` are what both
are made of.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from typing import Final

from imagegen.adapters.queues.in_process import InProcessEvents, InProcessQueue
from imagegen.domain.ports import GenerationEvents, GenerationQueue

_FORMS: Final = "in-process: or like redis://user:password@host:6379/0, rediss: for TLS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """A queue and the events that belong to it; `distributed` tells whether other processes share them."""

    queue: GenerationQueue
    events: GenerationEvents
    distributed: bool = False
    listening: Callable[[], AbstractAsyncContextManager[object]] = nullcontext

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """Hear what is announced elsewhere, and let go of every connection at the end; it waits for nobody."""
        try:
            async with self.listening():
                yield
        finally:
            await self.queue.close()


def open_queue(url: str, *, concurrency: int, grace: float) -> Dispatch:
    """The queue and the events that an address names; nothing is connected yet.

    - `in-process:` needs nothing else, and serves one process.
    - `redis://…` and `rediss://…` are a Redis or a Valkey that any number of processes share. What an address needs
      to say of TLS follows in a query of options that begin with `ssl_`, as redis-py names them.

    `concurrency` is how many generations run at once in a `consume`, `grace` how many seconds they have left once it
    is canceled.

    Raises:
        ValueError: it is no such address. The text does not repeat it, for it may hold a password.
    """
    if url == "in-process:":
        return Dispatch(queue=InProcessQueue(concurrency=concurrency, grace=grace), events=InProcessEvents())
    if not url.startswith(("redis://", "rediss://")):
        raise ValueError(f"must be {_FORMS}")
    # A second's worth of libraries, for those who use them.
    from imagegen.adapters.queues.redis import RedisEvents, SaqQueue, connect  # noqa: PLC0415

    try:
        queue = SaqQueue(connect(url), concurrency=concurrency, grace=grace)
        events = RedisEvents(connect(url))
    except ValueError as error:
        raise ValueError(f"must be {_FORMS}; {error}") from None
    return Dispatch(queue=queue, events=events, distributed=True, listening=events.listening)
