"""One POST on a connection, and what the head of its answer says."""

import asyncio
from collections.abc import Mapping
from typing import Final

import h11

from imagegen.domain.deliveries import DeliveryError, WebhookReply

ANSWER_LIMIT: Final = 64 * 1024
"""Bytes; who has not said a status by then says none."""

_READ: Final = 16 * 1024
_LONGEST_WISH: Final = 10
"""Digits."""


async def post(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    *,
    authority: str,
    target: str,
    headers: Mapping[str, str],
    body: bytes,
) -> WebhookReply:
    """Send a body and return what came of it; the connection is of no more use then."""
    sent = {"host": authority, "content-length": str(len(body)), "connection": "close", **headers}
    request = h11.Request(method="POST", target=target, headers=list(sent.items()))
    try:
        answer = await _exchanged(reader, writer, request, body)
    except (OSError, h11.RemoteProtocolError):
        return WebhookReply(error=DeliveryError.NO_ANSWER)
    return WebhookReply(status=answer.status_code, retry_after=_retry_after(answer))


async def _exchanged(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: h11.Request, body: bytes
) -> h11.Response:
    """The head of the answer; raise `OSError` or `h11.RemoteProtocolError` when there is none."""
    client = h11.Connection(h11.CLIENT, max_incomplete_event_size=ANSWER_LIMIT)
    for event in (request, h11.Data(data=body), h11.EndOfMessage()):
        writer.write(client.send(event) or b"")
    await writer.drain()
    received = 0
    while received <= ANSWER_LIMIT:
        answer = client.next_event()
        if isinstance(answer, h11.Response):
            return answer
        if answer is h11.NEED_DATA:
            data = await reader.read(_READ)
            received += len(data)
            client.receive_data(data)
    raise h11.RemoteProtocolError("the answer has no end")


def _retry_after(answer: h11.Response) -> float | None:
    for name, value in answer.headers:
        if name == b"retry-after" and value.isdigit() and len(value) <= _LONGEST_WISH:
            return float(value)
    return None
