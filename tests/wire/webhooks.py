"""A receiver of webhooks that checks what it is sent as the specification tells receivers to, with code of its own."""

import asyncio
import hmac
from base64 import b64decode, b64encode
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from wire.server import Reply, Request, WireServer

TAKEN: Final = Reply(status=204)
TOLERANCE: Final = 300
"""Seconds by which the clocks may differ."""


class Forged(Exception):
    """A message that a receiver must not believe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What was told, once it is believed."""

    id: str
    type: str
    timestamp: str
    data: Mapping[str, Any]


def believed(request: Request, secret: str, now: datetime) -> Message:
    """The message of a request; raise `Forged` unless it was signed with the secret, and lately."""
    headers = request.headers
    age = now.timestamp() - int(headers["webhook-timestamp"])
    if abs(age) > TOLERANCE:
        raise Forged(f"it is {age} seconds old")
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + request.body
    key = b64decode(secret.removeprefix("whsec_"), validate=True)
    expected = "v1," + b64encode(hmac.new(key, signed, sha256).digest()).decode()
    if expected not in headers["webhook-signature"].split(" "):
        raise Forged("no signature is ours")
    return Message(id=headers["webhook-id"], **request.json)


class Receiver(WireServer):
    """Answers 204, after what it was told to answer first; `held` answers wait until they are let go."""

    def __init__(self, *replies: Reply, held: bool = False) -> None:
        super().__init__()
        self._script = deque(replies)
        self._free = asyncio.Event()
        if not held:
            self._free.set()

    @property
    def url(self) -> str:
        """Where it wants to be told."""
        return f"{self.origin}/hook"

    async def reply(self, request: Request) -> Reply:
        """The next answer."""
        reply = self._script.popleft() if self._script else TAKEN
        await self._free.wait()
        return reply

    def let_go(self) -> None:
        """Answer what waits, and what comes from now on at once."""
        self.loop.call_soon_threadsafe(self._free.set)

    def wait_for(self, count: int, patience: float = 60.0) -> Sequence[Request]:
        """Block until so many messages came, and return them; `TimeoutError` after `patience` seconds."""
        with self._arrival:
            if not self._arrival.wait_for(lambda: len(self.requests) >= count, patience):
                raise TimeoutError(f"{len(self.requests)} messages of {count}")
            return list(self.requests)

    async def arrived(self, count: int) -> Sequence[Request]:
        """The same in a coroutine."""
        return await asyncio.to_thread(self.wait_for, count)
