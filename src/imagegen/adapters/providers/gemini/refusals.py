"""What an error of Google's means. It needs nothing of the SDK: an error is a status and a decoded body."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from imagegen.adapters.providers.wire.labels import error_code
from imagegen.adapters.providers.wire.statuses import failure
from imagegen.domain.errors import ProviderAccount, ProviderError

_ACCOUNT: Final = frozenset({"API_KEY_INVALID", "API_KEY_EXPIRED", "FAILED_PRECONDITION", "BILLING_DISABLED"})
"""Codes that come with status 400 and are the operator's to mend: the key, billing, a country without service."""
_DECLINED: Final = "UNAVAILABLE"
"""The status in words of a call that Google did not take, for want of room."""
_DELAY: Final = re.compile(r"(\d{1,6}(?:\.\d{1,9})?)s")


def refused(status: int, body: object) -> ProviderError:
    """The error that Google's answer stands for; of its words only the code is kept.

    Google names the seconds to wait in the details of the error, not in a header.
    """
    error = _table(_table(body).get("error"))
    details = [_table(detail) for detail in _items(error.get("details"))]
    reason = next((detail["reason"] for detail in details if "reason" in detail), None)
    code = error_code(reason) or error_code(error.get("status"))
    if code in _ACCOUNT:
        return ProviderAccount(provider_code=code)
    declined = error.get("status") == _DECLINED
    return failure(status, declined=declined, provider_code=code, retry_after=next(_delays(details), None))


def _delays(details: list[Mapping[str, Any]]) -> Iterator[float]:
    for detail in details:
        delay = detail.get("retryDelay")
        if isinstance(delay, str) and (seconds := _DELAY.fullmatch(delay)):
            yield float(seconds[1])


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _items(value: object) -> list[object]:
    return value if isinstance(value, list) else []
