"""Signatures of webhooks: how a receiver knows that a message is from here, and has not been heard before."""

import hmac
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Final

from imagegen.domain.deliveries import WebhookDelivery
from imagegen.domain.identifiers import EVENT, external
from imagegen.domain.webhooks import WebhookEndpoint

_PREFIX: Final = "whsec_"


@dataclass(frozen=True, slots=True)
class WebhookSecret:
    """What a receiver checks signatures with. It exists where it is shown and where it signs, and prints as `***`."""

    raw: bytes = field(repr=False)

    def __str__(self) -> str:
        return "***"

    @property
    def text(self) -> str:
        """The form that receivers keep: `whsec_` and base64."""
        return _PREFIX + b64encode(self.raw).decode()

    def signature(self, message_id: str, timestamp: int, body: bytes) -> str:
        """What says that a message is genuine: `v1,` and the HMAC-SHA256 in base64."""
        signed = b"%s.%d.%s" % (message_id.encode(), timestamp, body)
        return "v1," + b64encode(hmac.digest(self.raw, signed, sha256)).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookMessage:
    """What is posted, to which address; the names of the headers are in lower case."""

    url: str = field(repr=False)
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSigner:
    """Knows the secret of every endpoint without keeping one: they are derived from `key`, at least 32 bytes."""

    key: bytes = field(repr=False)

    def secret(self, endpoint: WebhookEndpoint) -> WebhookSecret:
        """The current secret of an endpoint, 32 bytes."""
        return self._secret(endpoint, endpoint.secret_number)

    def sign(self, endpoint: WebhookEndpoint, delivery: WebhookDelivery, now: datetime) -> WebhookMessage:
        """The message of one try, with a signature of each secret that signs at that moment."""
        message_id, timestamp, body = external(EVENT, delivery.id), int(now.timestamp()), delivery.payload.encode()
        secrets = (self._secret(endpoint, number) for number in endpoint.signing(now))
        headers = {
            "content-type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": " ".join(secret.signature(message_id, timestamp, body) for secret in secrets),
        }
        return WebhookMessage(url=endpoint.url, headers=headers, body=body)

    def _secret(self, endpoint: WebhookEndpoint, number: int) -> WebhookSecret:
        return WebhookSecret(hmac.digest(self.key, b"webhook\0%s\0%d" % (endpoint.id.bytes, number), sha256))
