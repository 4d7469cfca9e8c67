"""Google's Gemini image models, through google-genai.

The SDK is imported in a thread when the first picture is asked for: it takes 0.7 s and 49 MiB.
"""

import asyncio
import logging
import traceback
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from importlib import import_module
from typing import TYPE_CHECKING, Final

import msgspec

from imagegen.adapters.providers.gemini.refusals import refused
from imagegen.adapters.providers.wire.exchange import Exchange
from imagegen.domain.catalog import ImageModel
from imagegen.domain.errors import Billed, DeadlineExceeded, ProviderUnreachable
from imagegen.domain.images import ImageRequest
from imagegen.domain.ports import ImageProvider, ProviderAnswer
from imagegen.domain.sizes import NamedSize, Sizes
from imagegen.domain.wording import worded

if TYPE_CHECKING:
    from imagegen.adapters.providers.gemini.sdk import GeminiSdk

VARIABLES: Final = ("GOOGLE_API_KEY", "GEMINI_API_KEY")

BASE_URL_VARIABLE: Final = "GEMINI_BASE_URL"

_BASE_URL: Final = "https://generativelanguage.googleapis.com"
_CHECK_SECONDS: Final = 10.0

logger = logging.getLogger("imagegen.providers")


def open_sdk(key: str, base_url: str, exchange: Exchange) -> "GeminiSdk":
    """The SDK with that key at that address; the first time it is imported."""
    sdk: GeminiSdk = import_module(f"{__name__}.sdk").GeminiSdk(key, base_url, exchange)
    return sdk


class GeminiProvider(ImageProvider):
    """Calls `generateContent`, one request for one picture: Gemini refuses to draw several at a time.

    Whether the bytes that come back are a picture is not looked at here.
    """

    name = "gemini"

    def __init__(
        self,
        key: str,
        models: Sequence[ImageModel],
        *,
        base_url: str = _BASE_URL,
        open_sdk: Callable[[str, str, Exchange], "GeminiSdk"] = open_sdk,
    ) -> None:
        self._key = key
        self._base_url = base_url.rstrip("/")
        self._sizes = {model.id: model.capabilities.sizes for model in models}
        self._exchange = Exchange()
        self._open_sdk = open_sdk
        self._opening: asyncio.Task[GeminiSdk | None] | None = None

    async def generate(self, request: ImageRequest, *, count: int, deadline: float) -> ProviderAnswer:
        """Draw; billed by tokens, which the answer counts."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        sdk = await self._sdk()
        left = deadline - (loop.time() - begun)
        if left <= 0:
            raise DeadlineExceeded
        return await sdk.draw(
            model=request.model or "",
            prompt=worded(request),
            named=self._named(request),
            seed=request.seed,
            count=count,
            deadline=left,
        )

    async def check(self) -> None:
        """Ask for the list of models, which is free; without the SDK, so that it costs no memory either."""
        answer = await self._exchange.send(
            "GET",
            f"{self._base_url}/v1/models?pageSize=1",
            headers={"x-goog-api-key": self._key},
            deadline=_CHECK_SECONDS,
        )
        if answer.status != HTTPStatus.OK:
            raise refused(answer.status, _decoded(answer.body))

    async def close(self) -> None:
        """Close the connections."""
        await self._exchange.close()

    async def _sdk(self) -> "GeminiSdk":
        if self._opening is None or (self._opening.done() and self._opening.result() is None):
            self._opening = asyncio.create_task(asyncio.to_thread(self._open))
        sdk = await asyncio.shield(self._opening)
        if sdk is None:
            raise ProviderUnreachable("Google's SDK could not be loaded; nobody was asked.", billed=Billed.NO)
        return sdk

    def _open(self) -> "GeminiSdk | None":
        """The SDK, or `None` where it cannot be loaded now: memory or files may be short for a moment."""
        try:
            return self._open_sdk(self._key, self._base_url, self._exchange)
        except Exception as error:  # noqa: BLE001 - told, and certainly not billed, whatever broke
            # Where it broke, but not what it says, for it was given the key.
            frames = "".join(traceback.format_tb(error.__traceback__))
            logger.error("loading Google's SDK raised %s\n%s", type(error).__name__, frames)  # noqa: TRY400
            return None

    def _named(self, request: ImageRequest) -> NamedSize | None:
        """Google's words for the size or the shape, or `None` where the model may choose."""
        sizes = self._sizes.get(request.model or "")
        asked = request.size is not None or request.aspect_ratio is not None
        return sizes.named(request.size, request.aspect_ratio) if asked and isinstance(sizes, Sizes) else None


def connect(environment: Mapping[str, str], models: Sequence[ImageModel]) -> ImageProvider:
    """The provider with the key of `GOOGLE_API_KEY` or `GEMINI_API_KEY`, at `GEMINI_BASE_URL` if that is set."""
    key = next(key for variable in VARIABLES if (key := environment.get(variable, "").strip()))
    return GeminiProvider(key, models, base_url=environment.get(BASE_URL_VARIABLE, "").strip() or _BASE_URL)


def _decoded(body: memoryview) -> object:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None
