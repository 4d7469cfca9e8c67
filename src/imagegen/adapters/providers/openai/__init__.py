"""OpenAI's GPT image models, through a thin client of our own: `docs/decisions/0003-openai-thin-client.md` says why."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec

from imagegen.adapters.providers.openai.answers import pictured
from imagegen.adapters.providers.openai.refusals import refused
from imagegen.adapters.providers.wire.exchange import Exchange
from imagegen.domain.catalog import ImageModel
from imagegen.domain.images import ImageRequest
from imagegen.domain.ports import ImageProvider, ProviderAnswer
from imagegen.domain.wording import worded

VARIABLES: Final = ("OPENAI_API_KEY",)

BASE_URL_VARIABLE: Final = "OPENAI_BASE_URL"

_BASE_URL: Final = "https://api.openai.com/v1"
_CHECK_SECONDS: Final = 10.0


class OpenAIProvider(ImageProvider):
    """Calls `POST {base_url}/images/generations`, one request for all the pictures of a call.

    Whether the bytes that come back are a picture is not looked at here.
    """

    name = "openai"

    def __init__(self, key: str, models: Sequence[ImageModel], *, base_url: str = _BASE_URL) -> None:
        self._sizes = {model.id: model.capabilities.sizes for model in models}
        self._base_url = base_url.rstrip("/")
        self._headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        self._exchange = Exchange()

    async def generate(self, request: ImageRequest, *, count: int, deadline: float) -> ProviderAnswer:
        """Draw; billed by tokens, which the answer counts."""
        answer = await self._exchange.send(
            "POST",
            f"{self._base_url}/images/generations",
            headers=self._headers,
            body=msgspec.json.encode(self._body(request, count)),
            deadline=deadline,
        )
        if answer.status != HTTPStatus.OK:
            raise refused(answer)
        return pictured(answer, count)

    async def check(self) -> None:
        """Ask for the list of models, which is free."""
        answer = await self._exchange.send(
            "GET", f"{self._base_url}/models", headers=self._headers, deadline=_CHECK_SECONDS
        )
        if answer.status != HTTPStatus.OK:
            raise refused(answer)

    async def close(self) -> None:
        """Close the connections."""
        await self._exchange.close()

    def _body(self, request: ImageRequest, count: int) -> Mapping[str, Any]:
        wishes = {
            "size": self._size(request),
            "quality": request.quality,
            "background": request.background,
            "output_format": request.output_format,
        }
        stated = {name: str(wish) for name, wish in wishes.items() if wish is not None}
        return {"model": request.model, "prompt": worded(request), "n": count, **stated}

    def _size(self, request: ImageRequest) -> str | None:
        if request.size is not None:
            return str(request.size)
        sizes = self._sizes.get(request.model or "")
        return None if request.aspect_ratio is None or sizes is None else str(sizes.size_of(request.aspect_ratio))


def connect(environment: Mapping[str, str], models: Sequence[ImageModel]) -> ImageProvider:
    """The provider with the key of `OPENAI_API_KEY`, at `OPENAI_BASE_URL` if that is set."""
    base_url = environment.get(BASE_URL_VARIABLE, "").strip() or _BASE_URL
    return OpenAIProvider(environment["OPENAI_API_KEY"].strip(), models, base_url=base_url)
