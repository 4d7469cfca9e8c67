"""What every scripted provider has in common: a script, a record of calls, and the failures that know no provider."""

import asyncio
import base64
from abc import abstractmethod
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, assert_never

from wire.behaviors import Behavior, Damage, Held, Intermediary, Picture, RateLimited, Refusal, Slow
from wire.pictures import Format, draw
from wire.server import Delivery, Reply, Request, WireServer

OVERSIZE: Final = 65
"""Mebibytes of an oversized answer."""
THOUGHT: Final = 50
"""Thoughts are drawn in variants from here on, so that none equals a picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The picture that a request asks for."""

    width: int = 1024
    height: int = 1024
    format: Format = "png"
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A picture as it goes into an answer: base64 text, and what it is said to be."""

    text: str
    format: Format
    thought: bool = False

    @classmethod
    def of(cls, data: bytes, image_format: Format, *, thought: bool = False) -> "Drawing":
        """Encode `data`."""
        return cls(text=base64.b64encode(data).decode(), format=image_format, thought=thought)


class ScriptedProvider(WireServer):
    """A provider that follows a script, and once that is used up does what `default` says.

    What the real one refuses in any case (a missing key, an unknown parameter) is refused without using up the
    script. A list of models, as health checks ask for it, has a script of its own.
    """

    def __init__(self, default: Behavior = Picture()) -> None:  # noqa: B008 - frozen
        super().__init__()
        self.default = default
        self._script: deque[Behavior] = deque()
        self._ping_script: deque[Behavior] = deque()
        self._release = asyncio.Event()

    @property
    def calls(self) -> Sequence[Request]:
        """The requests for pictures, oldest first: those that the real one might charge for."""
        return [request for request in self.requests if self.is_call(request)]

    def script(self, *behaviors: Behavior) -> None:
        """Append what the coming calls get, one each."""
        self._script.extend(behaviors)

    def script_pings(self, *behaviors: Behavior) -> None:
        """Append what the coming requests for the list of models get; `Picture` stands for the list."""
        self._ping_script.extend(behaviors)

    def wait_for_calls(self, count: int, patience: float = 30.0) -> None:
        """Block until `count` calls came in; `TimeoutError` after `patience` seconds. In a coroutine, use a thread."""
        with self._arrival:
            if not self._arrival.wait_for(lambda: len(self.calls) >= count, patience):
                raise TimeoutError(f"{len(self.calls)} calls of {count}")

    def release(self) -> None:
        """Let every held answer go, those to come included."""
        self.loop.call_soon_threadsafe(self._release.set)

    async def reply(self, request: Request) -> Reply:
        """Return what the script, or the provider's own rule, has for this request."""
        if self.is_call(request):
            objection = self.objection(request)
            return objection or await self._behave(self._next(self._script, self.default), request)
        if self.is_ping(request):
            behavior = self._next(self._ping_script, Picture())
            return self.missing_key(request) or await self._behave(behavior, request)
        return self.not_found(request)

    @staticmethod
    def _next(script: deque[Behavior], default: Behavior) -> Behavior:
        return script.popleft() if script else default

    async def _behave(self, behavior: Behavior, request: Request) -> Reply:
        while isinstance(behavior, Slow | Held):
            await (asyncio.sleep(behavior.seconds) if isinstance(behavior, Slow) else self._release.wait())
            behavior = behavior.then
        match behavior:
            case Picture():
                reply = self._success(request, behavior)
            case Delivery():
                reply = replace(self._success(request, Picture()), delivery=behavior)
            case Refusal():
                reply = self.refusal(behavior, request)
            case RateLimited(retry_after):
                reply = self.rate_limited(retry_after)
            case Damage():
                good = self.success(request, [_damaged_drawing(behavior)], usage=True)
                reply = _damaged_reply(good, behavior)
            case Intermediary():
                reply = self._intercepted(behavior)
            case Reply():
                reply = behavior
            case _:
                assert_never(behavior)
        return reply

    def _success(self, request: Request, picture: Picture) -> Reply:
        if self.is_ping(request):
            return self.model_list()
        asked = self.asked(request)
        width, height = picture.width or asked.width, picture.height or asked.height
        image_format = picture.format or asked.format
        count = asked.count if picture.count is None else picture.count
        thoughts = [
            Drawing.of(draw(width, height, "png", THOUGHT + number), "png", thought=True)
            for number in range(picture.thoughts)
        ]
        drawings = [Drawing.of(draw(width, height, image_format, number), image_format) for number in range(count)]
        return self.success(request, [*thoughts, *drawings], usage=picture.usage)

    def _intercepted(self, intermediary: Intermediary) -> Reply:
        page = b"<html><body><h1>Sorry</h1></body></html>"
        match intermediary:
            case Intermediary.BAD_GATEWAY:
                return Reply(status=502, body=page, media_type="text/html")
            case Intermediary.LOST_UPSTREAM:
                words = (
                    b"upstream connect error or disconnect/reset before headers. reset reason: connection termination"
                )
                return Reply(status=503, body=words, media_type="text/plain", headers={"retry-after": "1"})
            case Intermediary.TIMED_OUT:
                return Reply(status=524, body=page, media_type="text/html")
            case Intermediary.REDIRECT:
                return Reply(status=302, headers={"location": f"{self.origin}/elsewhere"})

    @abstractmethod
    def is_call(self, request: Request) -> bool:
        """Tell whether this asks for pictures."""

    @abstractmethod
    def is_ping(self, request: Request) -> bool:
        """Tell whether this asks for the list of models."""

    @abstractmethod
    def missing_key(self, request: Request) -> Reply | None:
        """Refuse a request without an API key where one belongs."""

    @abstractmethod
    def objection(self, request: Request) -> Reply | None:
        """Refuse what the real provider refuses whoever asks."""

    @abstractmethod
    def asked(self, request: Request) -> Asked:
        """Return the picture that a request without fault asks for."""

    @abstractmethod
    def success(self, request: Request, drawings: Sequence[Drawing], *, usage: bool) -> Reply:
        """Answer with `drawings`, and the usage figures if `usage`."""

    @abstractmethod
    def refusal(self, refusal: Refusal, request: Request) -> Reply:
        """Refuse in the words of the provider."""

    @abstractmethod
    def rate_limited(self, retry_after: float | None) -> Reply:
        """Refuse for now; say the seconds to wait if there are any."""

    @abstractmethod
    def model_list(self) -> Reply:
        """Answer with the models that exist."""

    @abstractmethod
    def not_found(self, request: Request) -> Reply:
        """Refuse an address that does not exist."""


def _damaged_drawing(damage: Damage) -> Drawing:
    """Return a picture with this damage, or a good one if the damage is elsewhere."""
    data = draw(64, 64, "png")
    good = Drawing.of(data, "png")
    match damage:
        case Damage.TRUNCATED_BASE64:
            return replace(good, text=good.text[: len(good.text) // 8 * 4 + 1])
        case Damage.ILLEGAL_BASE64:
            return replace(good, text=f"{good.text[:40]}!{good.text[41:]}")
        case Damage.TRUNCATED_IMAGE:
            return Drawing.of(data[: len(data) // 2], "png")
        case Damage.NOT_AN_IMAGE:
            return Drawing.of(b"<html>no picture at all</html>", "png")
        case Damage.MISLABELED:
            return Drawing.of(draw(64, 64, "webp"), "png")
        case _:
            return good


def _damaged_reply(reply: Reply, damage: Damage) -> Reply:
    """Return a good answer with this damage, or as it is if the damage is elsewhere."""
    match damage:
        case Damage.TRUNCATED_JSON:
            return replace(reply, body=reply.body[:-20])
        case Damage.WRONG_MEDIA_TYPE:
            return replace(reply, media_type="text/html")
        case Damage.OVERSIZED | Damage.OVERSIZED_UNANNOUNCED:
            return replace(reply, padding=OVERSIZE, chunked=damage is Damage.OVERSIZED_UNANNOUNCED)
        case _:
            return reply
