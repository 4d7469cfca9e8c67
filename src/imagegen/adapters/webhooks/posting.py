"""One POST on a connection, and the head of its answer."""

import asyncio
from collections.abc import Mapping
from typing import Final

import h11

ANSWER_LIMIT: Final = 64 * 1024
"""Bytes; who has not said a status by then says none."""

_READ: Final = 16 * 1024


async def post(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    *,
    authority: str,
    target: str,
    headers: Mapping[str, str],
    body: bytes,
) -> h11.Response:
    """Send a body and return the head of the answer; the connection is of no more use then.

    Raises:
        OSError: the connection was lost.
        h11.RemoteProtocolError: what came was no answer.
    """
    client = h11.Connection(h11.CLIENT, max_incomplete_event_size=ANSWER_LIMIT)
    sent = {"host": authority, "content-length": str(len(body)), "connection": "close", **headers}
    for event in (
        h11.Request(method="POST", target=target, headers=list(sent.items())),
        h11.Data(data=body),
        h11.EndOfMessage(),
    ):
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
