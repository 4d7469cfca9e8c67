"""What a successful answer of OpenAI's says."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta, Raw, Struct

from imagegen.adapters.providers.wire.exchange import Answer
from imagegen.adapters.providers.wire.labels import request_id
from imagegen.adapters.providers.wire.payloads import lift
from imagegen.domain.errors import Billed, NoImage, ProviderMisbehaved
from imagegen.domain.ports import ProviderAnswer
from imagegen.domain.prices import TokenUsage

Tokens = Annotated[int, Meta(ge=0, le=10**9)]


class _Details(Struct):
    text_tokens: Tokens = 0
    image_tokens: Tokens = 0


class _Usage(Struct):
    input_tokens: Tokens
    output_tokens: Tokens
    input_tokens_details: _Details | None = None
    output_tokens_details: _Details | None = None


class _Picture(Struct):
    b64_json: bytes


class _Pictures(Struct):
    data: list[_Picture] | None = None
    usage: Raw = Raw()


_PICTURES: Final = msgspec.json.Decoder(_Pictures)
_USAGE: Final = msgspec.json.Decoder(_Usage)


def pictured(answer: Answer, count: int) -> ProviderAnswer:
    """The pictures of an answer with status 200, at most `count` of them.

    An answer that is of no use was billed if it counts tokens that were put out; otherwise nobody knows.

    Of several pictures those that can be decoded are kept: they were paid for.

    Raises:
        NoImage: it has no picture.
        ProviderMisbehaved: it is not what OpenAI promises, or no picture in it can be decoded.
    """
    call = request_id(answer.headers.get("x-request-id"))
    try:
        lifted = lift(answer.body, "b64_json")
        content = _PICTURES.decode(lifted.rest)
    except (msgspec.DecodeError, RecursionError):
        raise ProviderMisbehaved(request_id=call) from None
    usage = _counted(content.usage)
    billed = Billed.YES if usage is not None and (usage.output_image or usage.output_text) else Billed.UNKNOWN
    if not content.data:
        raise NoImage(billed=billed, request_id=call)
    pictures = [payload for picture in content.data if (payload := lifted.payload(picture.b64_json))]
    if not pictures:
        raise ProviderMisbehaved(billed=billed, request_id=call)
    return ProviderAnswer(pictures=tuple(pictures[:count]), usage=usage, request_id=call)


def _counted(raw: Raw) -> TokenUsage | None:
    """The usage figures; a picture is not lost because they make no sense, only its cost is unknown then."""
    try:
        usage = _USAGE.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return None
    taken = usage.input_tokens_details or _Details(text_tokens=usage.input_tokens)
    given = usage.output_tokens_details or _Details(image_tokens=usage.output_tokens)
    return TokenUsage(
        input_text=taken.text_tokens,
        input_image=taken.image_tokens,
        output_text=given.text_tokens,
        output_image=given.image_tokens,
    )
