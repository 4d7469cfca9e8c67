"""How a request says that it is the same as an earlier one: by a key, or by being a client's own retry."""

import hashlib
import re
from typing import Final

import msgspec

from imagegen.domain.errors import Fault, InvalidRequest
from imagegen.domain.idempotency import RETRIED, Once
from imagegen.domain.users import Principal

_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
_COUNT: Final = re.compile(r"[0-9]{1,4}")


def asked_once(principal: Principal, wish: object, key: str | None, retry_count: str | None) -> Once | None:
    """What `Idempotency-Key`, or else `x-stainless-retry-count`, says of a wish; `None` when neither does.

    The official OpenAI clients send the count and no key, from 0 on: the first request is a new one, however often it
    was made before, and only what comes with a higher count is the same again. A first request that its own repetition
    has overtaken is the same as that one.

    Raises:
        InvalidRequest: the key is not one.
    """
    if key is None and (retry_count is None or not _COUNT.fullmatch(retry_count)):
        return None
    fingerprint = hashlib.sha256(msgspec.json.encode(wish, order="deterministic")).digest()
    if key is not None:
        if not _KEY.fullmatch(key):
            raise InvalidRequest(faults=(Fault("#Idempotency-Key", "Up to 255 visible ASCII characters."),))
        return Once(key=f"key:{key}", fingerprint=fingerprint)
    repeated = int(retry_count or 0) > 0
    return Once(
        key=f"retry:{principal.api_key_id or 'session'}:{fingerprint.hex()}",
        fingerprint=fingerprint,
        lifetime=RETRIED,
        fresh=not repeated,
        repeated=repeated,
    )
