"""OpenAI's Images API as of November 2026, played on a socket."""

import re
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from wire.behaviors import Refusal
from wire.provider import Asked, Drawing, ScriptedProvider
from wire.server import Reply, Request

MODELS: Final = ("gpt-image-2", "gpt-image-2.5-flare", "gpt-image-2.6-flare", "gpt-image-2.6-sunburst")
OUTPUT_TOKENS: Final = 1056
"""What one picture counts for."""
PARAMETERS: Final[Mapping[str, tuple[str, ...]]] = {
    "quality": ("auto", "low", "medium", "high", "xhigh", "max"),
    "background": ("auto", "opaque", "transparent"),
    "output_format": ("png", "jpeg", "webp"),
    "moderation": ("auto", "low"),
    "complexity": ("low", "medium", "high"),
}
"""The parameters with a list of values; of the formats, those that the fake can draw."""
OTHER_PARAMETERS: Final = ("model", "prompt", "n", "size", "output_compression", "safety_identifier", "user")
LONGEST_PROMPT: Final = 32_000
MOST_PICTURES: Final = 10


def error(
    status: int, message: str, *, kind: str = "invalid_request_error", param: str | None = None, code: str | None = None
) -> Reply:
    """Return an error in OpenAI's shape."""
    return Reply.of({"error": {"message": message, "type": kind, "param": param, "code": code}}, status)


_MODERATION_BLOCKED: Final = error(
    HTTPStatus.BAD_REQUEST,
    "Your request was rejected by the safety system. safety_violations=[violence].",
    kind="image_generation_user_error",
    code="moderation_blocked",
)
REFUSALS: Final[Mapping[Refusal, Reply]] = {
    Refusal.BLOCKED_INPUT: _MODERATION_BLOCKED,
    Refusal.BLOCKED_OUTPUT: _MODERATION_BLOCKED,
    Refusal.INVALID_REQUEST: error(
        HTTPStatus.BAD_REQUEST, "Invalid value: 'size'.", param="size", code="invalid_value"
    ),
    Refusal.BAD_KEY: error(HTTPStatus.UNAUTHORIZED, "Incorrect API key provided: sk-made-up.", code="invalid_api_key"),
    Refusal.FORBIDDEN: error(HTTPStatus.FORBIDDEN, "Your organization must be verified to use this model."),
    Refusal.MODEL_GONE: error(HTTPStatus.NOT_FOUND, "The model does not exist.", param="model", code="model_not_found"),
    Refusal.OUT_OF_CREDIT: error(
        HTTPStatus.BAD_REQUEST, "Billing hard limit has been reached", code="billing_hard_limit_reached"
    ),
    Refusal.SERVER_ERROR: error(
        HTTPStatus.INTERNAL_SERVER_ERROR, "The server had an error processing your request.", kind="server_error"
    ),
    Refusal.UNAVAILABLE: error(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "Our servers are currently overloaded. Please try again later.",
        kind="service_unavailable_error",
        code="server_is_overloaded",
    ),
}
QUOTA_SPENT: Final = error(
    HTTPStatus.TOO_MANY_REQUESTS,
    "You exceeded your current quota, please check your plan and billing details.",
    kind="insufficient_quota",
    code="insufficient_quota",
)
"""A 429 that waiting does not cure."""


class FakeOpenAI(ScriptedProvider):
    """OpenAI at `url`: generations and the list of models, strict about every parameter."""

    @property
    def url(self) -> str:
        """The base url for a client, `/v1` included."""
        return f"{self.origin}/v1"

    def is_call(self, request: Request) -> bool:
        """Tell whether this asks for pictures."""
        return (request.method, request.path) == ("POST", "/v1/images/generations")

    def is_ping(self, request: Request) -> bool:
        """Tell whether this asks for the list of models."""
        return (request.method, request.path) == ("GET", "/v1/models")

    def missing_key(self, request: Request) -> Reply | None:
        """Refuse a request without `Authorization: Bearer KEY`."""
        if request.headers.get("authorization", "").startswith("Bearer "):
            return None
        return error(HTTPStatus.UNAUTHORIZED, "You didn't provide an API key.")

    def objection(self, request: Request) -> Reply | None:
        """Refuse a missing key, and a parameter that is unknown, missing or out of range."""
        if missing_key := self.missing_key(request):
            return missing_key
        try:
            body = request.json
        except ValueError:
            return error(HTTPStatus.BAD_REQUEST, "We could not parse the JSON body of your request.")
        return next(_objections(body), None)

    def asked(self, request: Request) -> Asked:
        """Return the picture asked for; what is left to the provider is a PNG of 1024 by 1024."""
        width, height = _pixels(request.json)
        return Asked(
            width=width,
            height=height,
            format=request.json.get("output_format", "png"),
            count=request.json.get("n", 1),
        )

    def success(self, request: Request, drawings: Sequence[Drawing], *, usage: bool) -> Reply:
        """Answer with the drawings that are no thoughts: OpenAI shows none."""
        body = request.json
        pictures = [drawing for drawing in drawings if not drawing.thought]
        width, height = _pixels(body)
        content = {
            "created": 1_795_000_000,
            "data": [{"b64_json": picture.text} for picture in pictures],
            "background": "transparent" if body.get("background") == "transparent" else "opaque",
            "output_format": pictures[0].format if pictures else "png",
            "quality": body["quality"] if body.get("quality", "auto") != "auto" else "high",
            "size": f"{width}x{height}",
        }
        figures = {"usage": _usage(body["prompt"], len(pictures))} if usage else {}
        return Reply.of(content | figures, x_request_id=f"req_{len(self.requests)}")

    def refusal(self, refusal: Refusal, request: Request) -> Reply:
        """Refuse; a picture that did not come about is an answer without data."""
        if refusal is Refusal.NO_IMAGE:
            return self.success(request, [], usage=True)
        return REFUSALS[refusal]

    def rate_limited(self, retry_after: float | None) -> Reply:
        """Refuse with the seconds in `retry-after`, and exactly in `retry-after-ms`."""
        reply = error(
            HTTPStatus.TOO_MANY_REQUESTS,
            "Rate limit exceeded for images per minute. Limit: 5/1min.",
            kind="requests",
            code="rate_limit_exceeded",
        )
        if retry_after is not None:
            wait = {"retry-after": f"{retry_after:.0f}", "retry-after-ms": f"{retry_after * 1000:.0f}"}
            return Reply(status=reply.status, body=reply.body, headers=wait)
        return reply

    def model_list(self) -> Reply:
        """Answer with `MODELS`."""
        models = [{"id": name, "object": "model", "created": 1_776_700_000, "owned_by": "system"} for name in MODELS]
        return Reply.of({"object": "list", "data": models})

    def not_found(self, request: Request) -> Reply:
        """Refuse an address that does not exist."""
        return error(HTTPStatus.NOT_FOUND, f"Invalid URL ({request.method} {request.path})")


def _objections(body: Mapping[str, Any]) -> Iterator[Reply]:
    for name in ("model", "prompt"):
        if not body.get(name):
            yield _invalid(name, f"Missing required parameter: '{name}'.", code="missing_required_parameter")
    for name, value in body.items():
        if name not in PARAMETERS and name not in OTHER_PARAMETERS:
            yield _invalid(name, f"Unknown parameter: '{name}'.", code="unknown_parameter")
        if name in PARAMETERS and value not in PARAMETERS[name]:
            yield _invalid(name, f"Invalid value: '{value}'.")
    if len(body.get("prompt", "")) > LONGEST_PROMPT:
        yield _invalid("prompt", "Invalid 'prompt': string too long.", code="string_above_max_length")
    if not 1 <= body.get("n", 1) <= MOST_PICTURES:
        yield _invalid("n", "Invalid 'n': must be between 1 and 10.")
    if not _is_size(body.get("size", "auto")):
        yield _invalid("size", f"Invalid size '{body['size']}'.")
    yield from _format_objections(body)


def _format_objections(body: Mapping[str, Any]) -> Iterator[Reply]:
    output_format = body.get("output_format", "png")
    if body.get("background") == "transparent" and output_format == "jpeg":
        yield _invalid("background", "Transparent background is not supported for JPEG.")
    if "output_compression" in body and output_format == "png":
        yield _invalid("output_compression", "Compression is only supported for JPEG and WebP.")


def _invalid(param: str, message: str, *, code: str = "invalid_value") -> Reply:
    return error(HTTPStatus.BAD_REQUEST, message, param=param, code=code)


def _is_size(size: str) -> bool:
    if size == "auto":
        return True
    if not re.fullmatch(r"\d+x\d+", size):
        return False
    short, long = sorted(map(int, size.split("x")))
    return short > 0 and short % 16 == long % 16 == 0 and long <= 3 * short and long <= 3840 and short <= 2160


def _pixels(body: Mapping[str, Any]) -> tuple[int, int]:
    size = body.get("size", "auto")
    width, height = (1024, 1024) if size == "auto" else map(int, size.split("x"))
    return width, height


def _usage(prompt: str, count: int) -> dict[str, object]:
    text_tokens = max(1, len(prompt) // 4)
    image_tokens = OUTPUT_TOKENS * count
    return {
        "input_tokens": text_tokens,
        "input_tokens_details": {"text_tokens": text_tokens, "image_tokens": 0},
        "output_tokens": image_tokens,
        "output_tokens_details": {"image_tokens": image_tokens, "text_tokens": 0},
        "total_tokens": text_tokens + image_tokens,
    }
