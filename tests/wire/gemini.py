"""Google's Gemini API as of November 2026, played on a socket."""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

from wire.behaviors import Refusal
from wire.provider import Asked, Drawing, ScriptedProvider
from wire.server import Reply, Request

MODELS: Final = ("gemini-nano-banana-2.1", "gemini-3-pro-image", "gemini-3.1-flash-lite-image")
# Width and height at 1K by aspect ratio; the inverse ratio swaps them, 2K and 4K double and quadruple them.
PIXELS: Final[Mapping[str, tuple[int, int]]] = {
    "1:1": (1024, 1024),
    "2:3": (848, 1264),
    "3:2": (1264, 848),
    "3:4": (896, 1200),
    "4:3": (1200, 896),
    "4:5": (928, 1152),
    "5:4": (1152, 928),
    "9:16": (768, 1376),
    "16:9": (1376, 768),
    "21:9": (1584, 672),
    "1:4": (512, 2048),
    "4:1": (2048, 512),
    "1:8": (384, 3072),
    "8:1": (3072, 384),
}
SIZES: Final[Mapping[str, int]] = {"1K": 1, "2K": 2, "4K": 4}
OUTPUT_TOKENS: Final[Mapping[str, int]] = {"1K": 1120, "2K": 1120, "4K": 2000}
"""What one picture counts for."""
PROMPT_TOKENS: Final = 8
THOUGHT_TOKENS: Final = 300
BODY_FIELDS: Final = ("contents", "generationConfig", "safetySettings", "systemInstruction")
CONFIG_FIELDS: Final = (
    "responseModalities",
    "imageConfig",
    "candidateCount",
    "seed",
    "temperature",
    "topP",
    "topK",
    "thinkingConfig",
)
_ROUTE: Final = re.compile(r"/v1(?:beta)?/models(?:/(?P<model>[^/:]+):generateContent)?")


def error(status: int, message: str, name: str, *details: Mapping[str, object]) -> Reply:
    """Return an error in Google's shape; `name` is the status in Google's words."""
    content: dict[str, object] = {"code": int(status), "message": message, "status": name}
    return Reply.of({"error": content | ({"details": details} if details else {})}, status)


def finished(reason: str, text: str | None = None) -> Reply:
    """Return an answer without a picture: the reason it finished for, and perhaps prose."""
    content = {"role": "model", "parts": [{"text": text}]} if text else {}
    usage = {"promptTokenCount": PROMPT_TOKENS, "totalTokenCount": PROMPT_TOKENS}
    candidate = {"content": content, "finishReason": reason, "index": 0}
    return _answer({"candidates": [candidate], "usageMetadata": usage})


def blocked(reason: str) -> Reply:
    """Return an answer that blocks the prompt for `reason`."""
    usage = {"promptTokenCount": PROMPT_TOKENS, "totalTokenCount": PROMPT_TOKENS}
    return _answer({"promptFeedback": {"blockReason": reason}, "usageMetadata": usage})


def _answer(content: Mapping[str, object]) -> Reply:
    reply = Reply.of({**content, "modelVersion": MODELS[0], "responseId": "made-up"})
    return Reply(body=reply.body, chunked=True)


_BAD_KEY: Final = MappingProxyType(
    {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "API_KEY_INVALID",
        "domain": "googleapis.com",
        "metadata": {"service": "generativelanguage.googleapis.com"},
    }
)
REFUSALS: Final[Mapping[Refusal, Reply]] = {
    Refusal.BLOCKED_INPUT: blocked("PROHIBITED_CONTENT"),
    Refusal.BLOCKED_OUTPUT: finished("IMAGE_SAFETY"),
    Refusal.NO_IMAGE: finished("NO_IMAGE"),
    Refusal.INVALID_REQUEST: error(HTTPStatus.BAD_REQUEST, "Request contains an invalid argument.", "INVALID_ARGUMENT"),
    Refusal.BAD_KEY: error(
        HTTPStatus.BAD_REQUEST, "API key not valid. Please pass a valid API key.", "INVALID_ARGUMENT", dict(_BAD_KEY)
    ),
    Refusal.FORBIDDEN: error(HTTPStatus.FORBIDDEN, "The caller does not have permission", "PERMISSION_DENIED"),
    Refusal.MODEL_GONE: error(
        HTTPStatus.NOT_FOUND, "The model is not found for API version v1, or is not supported.", "NOT_FOUND"
    ),
    Refusal.OUT_OF_CREDIT: finished("PUP_LIMITED_DISABLED"),
    Refusal.SERVER_ERROR: error(HTTPStatus.INTERNAL_SERVER_ERROR, "An internal error has occurred.", "INTERNAL"),
    Refusal.UNAVAILABLE: error(
        HTTPStatus.SERVICE_UNAVAILABLE, "The model is overloaded. Please try again later.", "UNAVAILABLE"
    ),
}


class FakeGemini(ScriptedProvider):
    """Gemini at `url`: `generateContent` and the list of models, under `/v1` and `/v1beta`, strict about fields."""

    @property
    def url(self) -> str:
        """The base url for a client, without the version."""
        return self.origin

    def is_call(self, request: Request) -> bool:
        """Tell whether this asks for pictures."""
        return request.method == "POST" and _model(request) is not None

    def is_ping(self, request: Request) -> bool:
        """Tell whether this asks for the list of models."""
        return request.method == "GET" and bool(_ROUTE.fullmatch(request.path)) and _model(request) is None

    def missing_key(self, request: Request) -> Reply | None:
        """Refuse a request without a key in `x-goog-api-key`; one in the address would end up in logs."""
        if request.headers.get("x-goog-api-key"):
            return None
        message = "Method doesn't allow unregistered callers."
        return error(HTTPStatus.FORBIDDEN, message, "PERMISSION_DENIED")

    def objection(self, request: Request) -> Reply | None:
        """Refuse a missing key, and a field that is unknown, missing or out of range."""
        if missing_key := self.missing_key(request):
            return missing_key
        try:
            body = _camel_case(request.json)
        except ValueError:
            return _invalid("Invalid JSON payload received.")
        return _objection(body, _model(request) or "")

    def asked(self, request: Request) -> Asked:
        """Return the picture asked for; what is left to the provider is a PNG of 1024 by 1024."""
        config = _image_config(request)
        factor = SIZES[config.get("imageSize", "1K")]
        width, height = PIXELS[config.get("aspectRatio", "1:1")]
        return Asked(width=width * factor, height=height * factor)

    def success(self, request: Request, drawings: Sequence[Drawing], *, usage: bool) -> Reply:
        """Answer with a sentence and the drawings, marked where they are thoughts."""
        parts = [{"text": "Here is your picture."}, *map(_part, drawings)]
        candidate = {"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}
        thoughts = sum(drawing.thought for drawing in drawings)
        size = _image_config(request).get("imageSize", "1K")
        tokens = OUTPUT_TOKENS[size] * (len(drawings) - thoughts)
        figures = {"usageMetadata": _usage(tokens, THOUGHT_TOKENS * thoughts)} if usage else {}
        return _answer({"candidates": [candidate], **figures})

    def refusal(self, refusal: Refusal, request: Request) -> Reply:
        """Refuse; what is blocked, empty or not paid for comes with status 200."""
        return REFUSALS[refusal]

    def rate_limited(self, retry_after: float | None) -> Reply:
        """Refuse with the seconds in the details; Google sends no header."""
        details: list[Mapping[str, object]] = []
        if retry_after is not None:
            details = [
                {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": []},
                {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{retry_after:g}s"},
            ]
        message = "Resource has been exhausted (e.g. check quota)."
        return error(HTTPStatus.TOO_MANY_REQUESTS, message, "RESOURCE_EXHAUSTED", *details)

    def model_list(self) -> Reply:
        """Answer with `MODELS`."""
        methods = ["generateContent", "countTokens"]
        models = [{"name": f"models/{name}", "supportedGenerationMethods": methods} for name in MODELS]
        return Reply.of({"models": models})

    def not_found(self, request: Request) -> Reply:
        """Refuse an address that does not exist."""
        return Reply(status=HTTPStatus.NOT_FOUND, body=b"<title>Error 404 (Not Found)</title>", media_type="text/html")


def _objection(body: Mapping[str, Any], model: str) -> Reply | None:
    config = body.get("generationConfig", {})
    image_config = config.get("imageConfig", {})
    for fields, known in (
        (body, BODY_FIELDS),
        (config, CONFIG_FIELDS),
        (image_config, ("aspectRatio", "imageSize")),
    ):
        for name in fields:
            if name not in known:
                return _invalid(f'Invalid JSON payload received. Unknown name "{name}": Cannot find field.')
    if not any(content.get("parts") for content in body.get("contents", ())):
        return _invalid("contents is not specified")
    if config.get("candidateCount", 1) > 1:
        return _invalid(f"Multiple candidates is not enabled for models/{model}")
    if image_config.get("aspectRatio", "1:1") not in PIXELS or image_config.get("imageSize", "1K") not in SIZES:
        return _invalid("Request contains an invalid argument.")
    return None


def _invalid(message: str) -> Reply:
    return error(HTTPStatus.BAD_REQUEST, message, "INVALID_ARGUMENT")


def _model(request: Request) -> str | None:
    route = _ROUTE.fullmatch(request.path)
    return route["model"] if route else None


def _image_config(request: Request) -> Mapping[str, str]:
    config: Mapping[str, str] = _camel_case(request.json).get("generationConfig", {}).get("imageConfig", {})
    return config


def _camel_case(value: Any) -> Any:
    """Spell field names the way Google documents them; it accepts `image_config` for `imageConfig` as well."""
    if isinstance(value, dict):
        return {re.sub(r"_([a-z])", lambda m: m[1].upper(), name): _camel_case(item) for name, item in value.items()}
    return [_camel_case(item) for item in value] if isinstance(value, list) else value


def _part(drawing: Drawing) -> dict[str, object]:
    part: dict[str, object] = {"inlineData": {"mimeType": f"image/{drawing.format}", "data": drawing.text}}
    return part | ({"thought": True} if drawing.thought else {"thoughtSignature": "bWFkZS11cA=="})


def _usage(image_tokens: int, thought_tokens: int) -> dict[str, object]:
    return {
        "promptTokenCount": PROMPT_TOKENS,
        "candidatesTokenCount": image_tokens,
        "thoughtsTokenCount": thought_tokens,
        "totalTokenCount": PROMPT_TOKENS + image_tokens + thought_tokens,
        "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": image_tokens}],
    }
