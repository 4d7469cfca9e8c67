"""Links to pictures: signed, expiring, minted when read and never stored."""

import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from imagegen.domain.errors import InvalidLink
from imagegen.domain.identifiers import ImageId

DEFAULT_LIFETIME: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSigner:
    """Signs the right to read one picture until a moment, and checks it; `key` is at least 32 bytes."""

    key: bytes = field(repr=False)
    lifetime: timedelta = DEFAULT_LIFETIME

    def sign(self, image_id: ImageId, now: datetime) -> tuple[int, str]:
        """The moment of expiry (seconds since 1970) and the signature (43 URL-safe characters)."""
        expires = int((now + self.lifetime).timestamp())
        return expires, self._signature(image_id, expires)

    def check(self, image_id: ImageId, expires: int, signature: str, now: datetime) -> None:
        """Raise `InvalidLink` unless the signature is ours and its time has not come."""
        genuine = signature.isascii() and hmac.compare_digest(self._signature(image_id, expires), signature)
        if not genuine or now.timestamp() >= expires:
            raise InvalidLink

    def _signature(self, image_id: ImageId, expires: int) -> str:
        digest = hmac.digest(self.key, b"image\0%s\0%d" % (image_id.bytes, expires), sha256)
        return urlsafe_b64encode(digest).rstrip(b"=").decode()
