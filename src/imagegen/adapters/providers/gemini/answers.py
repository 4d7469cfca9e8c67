"""What an answer of Gemini's with status 200 says: pictures, a block, prose, or nothing of use."""

from collections.abc import Iterable, Sequence
from typing import Final

from google.genai import types

from imagegen.adapters.providers.wire.labels import error_code, request_id
from imagegen.adapters.providers.wire.payloads import Lifted
from imagegen.domain.errors import (
    Billed,
    ContentBlocked,
    NoImage,
    ProviderAccount,
    ProviderError,
    ProviderMisbehaved,
    Stage,
)
from imagegen.domain.ports import ProviderAnswer
from imagegen.domain.prices import TokenUsage

_BLOCKED: Final = frozenset(
    {
        "SAFETY",
        "PROHIBITED_CONTENT",
        "RECITATION",
        "SPII",
        "BLOCKLIST",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
        "MODEL_ARMOR",
    }
)
_PROSE: Final = frozenset({"STOP", "NO_IMAGE"})
_LIMITED: Final = frozenset({"PUP_LIMITED_DISABLED"})
_MOST_TOKENS: Final = 10**9


def pictured(response: types.GenerateContentResponse, lifted: Lifted, count: int) -> ProviderAnswer:
    """The pictures of an answer, at most `count` of them, and none that the model only thought of on its way.

    Raises:
        ContentBlocked, NoImage, ProviderAccount, ProviderMisbehaved: there is none. Since resellers charge for any
            answer with status 200, nobody knows whether a block was billed.
    """
    usage = _counted(response.usage_metadata)
    call = request_id(response.response_id)
    candidate = next(iter(response.candidates or ()), None)
    if candidate is None:
        raise _unanswered(response.prompt_feedback, call)
    parts = (candidate.content.parts if candidate.content is not None else None) or ()
    found = [lifted.payload(token) for token in _tokens(parts)]
    pictures = tuple(picture for picture in found if picture)
    if not pictures:
        raise _without_picture("" if found else _word(candidate.finish_reason), _billed(usage), call)
    return ProviderAnswer(pictures=pictures[:count], usage=usage, request_id=call)


def _tokens(parts: Iterable[types.Part]) -> Iterable[bytes]:
    return (part.inline_data.data or b"" for part in parts if part.inline_data is not None and not part.thought)


def _unanswered(feedback: types.GenerateContentResponsePromptFeedback | None, call: str | None) -> ProviderError:
    reason = _word(feedback.block_reason if feedback is not None else None)
    if not reason:
        return ProviderMisbehaved(request_id=call)
    return ContentBlocked(stage=Stage.INPUT, billed=Billed.UNKNOWN, provider_code=error_code(reason), request_id=call)


def _without_picture(reason: str, billed: Billed, call: str | None) -> ProviderError:
    code = error_code(reason)
    if reason in _BLOCKED:
        return ContentBlocked(stage=Stage.OUTPUT, billed=Billed.UNKNOWN, provider_code=code, request_id=call)
    if reason in _PROSE:
        return NoImage(billed=billed, provider_code=code, request_id=call)
    if reason in _LIMITED:
        return ProviderAccount(billed=Billed.UNKNOWN, provider_code=code, request_id=call)
    return ProviderMisbehaved(retryable=bool(reason), billed=billed, provider_code=code, request_id=call)


def _word(reason: types.FinishReason | types.BlockedReason | None) -> str:
    return reason.value if reason is not None else ""


def _billed(usage: TokenUsage | None) -> Billed:
    """An answer of no use was billed if it counts tokens that were put out; otherwise nobody knows."""
    return Billed.YES if usage is not None and (usage.output_image or usage.output_text) else Billed.UNKNOWN


def _counted(usage: types.GenerateContentResponseUsageMetadata | None) -> TokenUsage | None:
    """The usage figures; thinking is billed as text. Without a breakdown all that was put out counts as picture."""
    if usage is None:
        return None
    taken, given = usage.prompt_token_count or 0, usage.candidates_token_count or 0
    shown = _images(usage.prompt_tokens_details)
    cached = usage.cached_content_token_count or 0
    drawn = given if usage.candidates_tokens_details is None else _images(usage.candidates_tokens_details)
    figures = TokenUsage(
        input_text=taken - shown - cached,
        input_image=shown,
        cached_text=cached,
        output_text=given - drawn + (usage.thoughts_token_count or 0),
        output_image=drawn,
    )
    counts = (figures.input_text, shown, cached, figures.output_text, drawn)
    return figures if all(0 <= tokens <= _MOST_TOKENS for tokens in counts) else None


def _images(details: Sequence[types.ModalityTokenCount] | None) -> int:
    image = types.MediaModality.IMAGE
    return sum(detail.token_count or 0 for detail in details or () if detail.modality is image)
