"""google-genai, on connections of our own: importing this module imports the SDK.

The SDK's own connections read the answer into text, parse that and decode the base64 in it: 11 ms of CPU for a picture
of 1.5 MiB. Ours take the pictures out first, so that what the SDK parses is small: 3 ms.
"""

from contextvars import ContextVar
from http import HTTPStatus
from typing import Final

import httpx2
import msgspec
from google import genai
from google.genai import errors, types

from imagegen.adapters.providers.gemini.answers import pictured
from imagegen.adapters.providers.gemini.refusals import refused
from imagegen.adapters.providers.wire.exchange import Exchange
from imagegen.adapters.providers.wire.payloads import Lifted, lift
from imagegen.domain.errors import ProviderMisbehaved
from imagegen.domain.ports import ProviderAnswer
from imagegen.domain.sizes import NamedSize

_HOP_BY_HOP: Final = frozenset({"host", "connection", "content-length", "accept-encoding"})
"""Headers that the connection makes itself."""
_UNREADABLE: Final = (ValueError, TypeError, AttributeError, KeyError, IndexError, RecursionError)
"""What the SDK's converters raise when an answer has an unexpected shape."""

_lifted: ContextVar[list[Lifted]] = ContextVar("lifted")
"""Where the transport leaves the pictures of the call under way, since the SDK passes on only what it parsed."""


class _LiftingTransport(httpx2.AsyncBaseTransport):
    """Sends the SDK's requests, and keeps the pictures of the answers from it."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        answer = await self._exchange.send(
            request.method,
            str(request.url),
            headers={name: value for name, value in request.headers.items() if name not in _HOP_BY_HOP},
            body=request.content,
            deadline=request.extensions["timeout"]["read"],
        )
        if answer.status != HTTPStatus.OK:
            return httpx2.Response(answer.status, content=_json_only(answer.body))
        lifted = lift(answer.body, "data")
        _lifted.get().append(lifted)
        return httpx2.Response(answer.status, content=lifted.rest)


class GeminiSdk:
    """A client of the SDK that asks once: no retries, no redirects, no continuation."""

    def __init__(self, key: str, base_url: str, exchange: Exchange) -> None:
        self._client = genai.Client(
            api_key=key,
            vertexai=False,
            http_options=types.HttpOptions(
                base_url=base_url,
                api_version="v1",
                retry_options=types.HttpRetryOptions(attempts=1),
                httpx_async_client=httpx2.AsyncClient(transport=_LiftingTransport(exchange)),
                httpx_client=httpx2.Client(transport=httpx2.BaseTransport()),  # never used; its own reads certificates
            ),
        )

    async def draw(
        self, *, model: str, prompt: str, named: NamedSize | None, seed: int | None, count: int, deadline: float
    ) -> ProviderAnswer:
        """Ask for a picture and understand what comes back."""
        lifted: list[Lifted] = []
        _lifted.set(lifted)
        try:
            response = await self._client.aio.models.generate_content(
                model=model, contents=prompt, config=_config(named, seed, deadline)
            )
        except errors.APIError as error:
            raise refused(error.code, error.details) from None  # its text may quote the prompt
        except _UNREADABLE:
            raise ProviderMisbehaved from None
        return pictured(response, lifted[0], count)


def _config(named: NamedSize | None, seed: int | None, deadline: float) -> types.GenerateContentConfig:
    shape = None if named is None else types.ImageConfig(aspect_ratio=named.aspect_ratio, image_size=named.tier)
    return types.GenerateContentConfig(
        response_modalities=["IMAGE"],
        image_config=shape,
        seed=seed,
        # On by default, and each continuation is another call that is billed.
        automatic_continuation=False,
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        http_options=types.HttpOptions(timeout=max(1, round(deadline * 1000))),
    )


def _json_only(body: memoryview) -> bytes:
    """The body if it is JSON: the SDK stumbles over some of the pages that intermediaries send."""
    try:
        msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return b"{}"
    return bytes(body)
