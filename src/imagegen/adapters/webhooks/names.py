"""What a name means, as the machine knows it."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import ip_address
from typing import Final

from imagegen.adapters.webhooks.addresses import IPAddress

THREADS: Final = 16

Resolve = Callable[[str, int], Awaitable[Sequence[IPAddress]]]
"""The numbers of a host that answer at a port, the one to try first ahead; `OSError` when there is none."""


class SystemNames:
    """Asks the system, in threads of its own: a name server that never answers holds up no other work."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, "webhook-names")

    async def __call__(self, host: str, port: int) -> Sequence[IPAddress]:
        """Look a host up."""
        look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(self._threads, look_up)
        return [ip_address(place[0]) for *_, place in found]

    def close(self) -> None:
        """Start no look-up any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)
