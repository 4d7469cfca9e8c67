"""The stand-in for the providers: OpenAI's and Gemini's wire, pictures of a chosen size, every call counted.

    python upstream.py PORT

POST …/images/generations       a JSON answer as of OpenAI, the picture in `b64_json`
POST …:generateContent          a JSON answer as of Gemini, the picture in `inlineData`
POST /scene                     {"picture_bytes": 1024, "latency_ms": 50}: what to answer from now on; counts restart
GET  /counts                    {"calls", "requests", "held"}: calls, distinct requests among them, most open at once

A request is known by the mark that the load generator puts into its prompt, so that a second call for the same
request (which a provider would charge again) shows as more calls than requests. Answers are joined from pieces
encoded beforehand: serving 1.5 MiB costs one gathered write.
"""

import asyncio
import json
import re
import sys
from dataclasses import dataclass, field
from typing import Final, cast

import httptools
import uvloop

from pictures import SIZES, Stamped

MARK: Final = re.compile(rb"bench-\d{5}-\d{9}")
"""What names a request in its prompt: the window's number and the request's."""

_PICTURE: Final = b"PICTURE"
_OPENAI: Final = (
    b'{"created":1790000000,"background":"opaque","data":[{"b64_json":"PICTURE"}],"output_format":"png",'
    b'"quality":"high","size":"1024x1024","usage":{"input_tokens":12,"input_tokens_details":{"image_tokens":0,'
    b'"text_tokens":12},"output_tokens":1056,"output_tokens_details":{"image_tokens":1056,"text_tokens":0},'
    b'"total_tokens":1068}}'
).split(_PICTURE)
_GEMINI: Final = (
    b'{"candidates":[{"content":{"parts":[{"inlineData":{"mimeType":"image/png","data":"PICTURE"}}],"role":"model"},'
    b'"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":12,"candidatesTokenCount":1120,'
    b'"totalTokenCount":1132,"candidatesTokensDetails":[{"modality":"IMAGE","tokenCount":1120}]},'
    b'"modelVersion":"gemini-nano-banana-2.1","responseId":"bench"}'
).split(_PICTURE)


@dataclass
class Scene:
    """What is answered, and what was asked so far."""

    picture: Stamped
    latency: float = 0.0
    calls: int = 0
    requests: set[bytes] = field(default_factory=set)
    open: int = 0
    held: int = 0


class Provider:
    """The state that all connections share."""

    def __init__(self) -> None:
        self._pictures = {size: Stamped(size) for size in SIZES.values()}
        self._serial = 0
        self.scene = Scene(self._pictures[SIZES["1k"]])

    def set_scene(self, wanted: dict[str, float]) -> bytes:
        """Answer as `wanted` from now on, with all counts at zero."""
        self.scene = Scene(self._pictures[int(wanted["picture_bytes"])], wanted["latency_ms"] / 1000)
        return b"{}"

    def counts(self) -> bytes:
        """The counts since the scene was set, as JSON."""
        scene = self.scene
        return json.dumps({"calls": scene.calls, "requests": len(scene.requests), "held": scene.held}).encode()

    def picture(self, frame: list[bytes]) -> list[bytes]:
        """An answer with a picture never sent before, in pieces."""
        self._serial += 1
        before, after = frame
        return [before, *self.scene.picture.base64(self._serial), after]


class Connection(asyncio.Protocol):
    """One keep-alive connection of a client."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._body: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport to answer on."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Parse; the parser calls the methods below."""
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        """Start a request."""
        self._url, self._body = b"", []

    def on_url(self, url: bytes) -> None:
        """Take a piece of the URL."""
        self._url += url

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Answer by the path."""
        path, body = self._url.partition(b"?")[0], b"".join(self._body)
        if path.endswith(b"/images/generations"):
            self._generate(_OPENAI, body)
        elif path.endswith(b":generateContent"):
            self._generate(_GEMINI, body)
        elif path == b"/scene":
            self._send([self._provider.set_scene(json.loads(body))])
        elif path == b"/counts":
            self._send([self._provider.counts()])
        else:
            self._send([b'{"error":{"message":"no such route"}}'], b"404 Not Found")

    def _generate(self, frame: list[bytes], body: bytes) -> None:
        scene = self._provider.scene
        scene.calls += 1
        scene.requests.update(MARK.findall(body))
        scene.open += 1
        scene.held = max(scene.held, scene.open)
        if scene.latency:
            asyncio.get_running_loop().call_later(scene.latency, self._answer, scene, frame)
        else:
            self._answer(scene, frame)

    def _answer(self, scene: Scene, frame: list[bytes]) -> None:
        scene.open -= 1
        if not self._transport.is_closing():
            self._send(self._provider.picture(frame))

    def _send(self, pieces: list[bytes], status: bytes = b"200 OK") -> None:
        length = sum(map(len, pieces))
        head = b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % (status, length)
        self._transport.writelines([head, *pieces])


async def serve(port: int) -> None:
    """Answer on `port` of the loopback address until the process is ended."""
    provider = Provider()
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(provider), "127.0.0.1", port, backlog=4096
    )
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
