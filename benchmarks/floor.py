"""The floor: the least that this stack can do with a request.

The same server (uvicorn, uvloop, httptools) and the same HTTP client (pyreqwest) as imagegen: the caller's body goes to
the provider as it came, the provider's answer goes back untouched. No routing, validation, accounts, database or
storage. UPSTREAM names the provider's base URL.
"""

import os
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import timedelta
from typing import Any

from pyreqwest.client import Client, ClientBuilder

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Floor:
    """The ASGI application: every POST is passed on, every GET is answered as healthy."""

    def __init__(self, upstream: str) -> None:
        self._url = upstream + "/v1/images/generations"
        self._client: Client | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one connection scope."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["method"] == "GET":
            await _respond(send, 200, b"{}")
        else:
            await _respond(send, *await self._forward(await _body(receive)))

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        # a client belongs to the running loop, hence not in the constructor
        self._client = ClientBuilder().timeout(timedelta(seconds=120)).pool_max_idle_per_host(2000).http1_only().build()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._client.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _forward(self, body: bytes) -> tuple[int, bytes]:
        assert self._client is not None
        headers = {"content-type": "application/json", "authorization": "Bearer sk-bench"}
        response = await self._client.post(self._url).headers(headers).body_bytes(body).build().send()
        return response.status, (await response.bytes()).to_bytes()


async def _body(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message["body"]
    while message.get("more_body"):
        message = await receive()
        body += message["body"]
    return body


async def _respond(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


app = Floor(os.environ["UPSTREAM"])
