"""What an answer of OpenAI's that is no success means."""

import math
import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final

import msgspec
from msgspec import Struct

from imagegen.adapters.providers.wire.exchange import Answer
from imagegen.adapters.providers.wire.labels import error_code, request_id
from imagegen.adapters.providers.wire.statuses import failure
from imagegen.domain.errors import Billed, ContentBlocked, ProviderAccount, ProviderError, Stage

_BLOCKED: Final = frozenset({"moderation_blocked", "content_policy_violation"})
_ACCOUNT: Final = frozenset({"billing_hard_limit_reached", "insufficient_quota", "model_not_found", "invalid_api_key"})
_DECLINED: Final = frozenset({"server_is_overloaded", "slow_down"})
"""The codes of a 503 by which OpenAI says that it did not take the call, for want of room."""
_DRAWN: Final = re.compile(r"\boutput\b|\bgenerated (?:image|picture)", re.IGNORECASE)
"""The words by which a block of the finished picture can be told from one of the prompt; there is no code for it."""
_DURATION: Final = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")
_UNITS: Final = (3600.0, 60.0, 1.0, 0.001)
_LONGEST_WAIT: Final = 86_400.0


class _Error(Struct):
    code: Any = None
    type: Any = None
    message: Any = None


class _Refusal(Struct):
    error: _Error


_REFUSAL: Final = msgspec.json.Decoder(_Refusal)


def refused(answer: Answer) -> ProviderError:
    """The error of an answer whose status is not 200; of its words only the code is kept."""
    error = _read(answer.body)
    code = error_code(error.code) or error_code(error.type)
    call = request_id(answer.headers.get("x-request-id"))
    if code in _BLOCKED:
        drawn = isinstance(error.message, str) and _DRAWN.search(error.message)
        stage, billed = (Stage.OUTPUT, Billed.UNKNOWN) if drawn else (Stage.INPUT, Billed.NO)
        return ContentBlocked(stage=stage, billed=billed, provider_code=code, request_id=call)
    if code in _ACCOUNT:
        return ProviderAccount(provider_code=code, request_id=call)
    return failure(
        answer.status,
        declined=code in _DECLINED,
        provider_code=code,
        retry_after=_retry_after(answer.headers),
        request_id=call,
    )


def _read(body: memoryview) -> _Error:
    try:
        return _REFUSAL.decode(body).error
    except (msgspec.DecodeError, RecursionError):  # an intermediary's page
        return _Error()


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait: exactly if the provider says so, else until its allowance is whole again."""
    waits = (
        _number(headers.get("retry-after-ms"), 0.001),
        _number(headers.get("retry-after"), 1.0),
        _until(headers.get("retry-after")),
        _longest(headers.get("x-ratelimit-reset-requests"), headers.get("x-ratelimit-reset-tokens")),
    )
    wait = next((wait for wait in waits if wait is not None), None)
    return None if wait is None else min(max(wait, 0.0), _LONGEST_WAIT)


def _number(text: str | None, unit: float) -> float | None:
    try:
        seconds = float(text or "") * unit
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) else None


def _until(text: str | None) -> float | None:
    try:
        return parsedate_to_datetime(text or "").timestamp() - time.time()
    except ValueError:
        return None


def _longest(*texts: str | None) -> float | None:
    """The longest of durations such as `12ms`, `1s` or `6m0s`."""
    found = [match for text in texts if text and (match := _DURATION.fullmatch(text))]
    return max(
        (sum(float(n or 0) * unit for n, unit in zip(m.groups(), _UNITS, strict=True)) for m in found), default=None
    )
