"""Webhooks, as their owner sees them, and what was told to them."""

from typing import Any, Self

from msgspec import Raw, Struct

from imagegen.domain.deliveries import DeliveryError, DeliveryStatus, WebhookDelivery
from imagegen.domain.identifiers import EVENT, WEBHOOK, external
from imagegen.domain.signatures import WebhookSecret
from imagegen.domain.webhooks import DisabledBy, EventType, WebhookEndpoint
from imagegen.web.api.moments import Moment


class WebhookView(Struct, frozen=True, kw_only=True):
    """A webhook, without its secret. `disabled_by` is `receiver` where it was switched off by an answer of 410."""

    id: str
    url: str
    description: str | None
    events: list[EventType]
    enabled: bool
    disabled_at: Moment | None
    disabled_by: DisabledBy | None
    created_at: Moment

    @classmethod
    def of(cls, endpoint: WebhookEndpoint) -> Self:
        """What may be seen of it ever after."""
        return cls(**_seen(endpoint))


class NewWebhookView(WebhookView, frozen=True, kw_only=True):
    """A new webhook with its secret, which is shown this once."""

    secret: str

    @classmethod
    def of_new(cls, endpoint: WebhookEndpoint, secret: WebhookSecret) -> Self:
        """The webhook and, this once, its secret."""
        return cls(**_seen(endpoint), secret=secret.text)


class ChangedWebhookView(WebhookView, frozen=True, kw_only=True):
    """A changed webhook. `secret` is its new one, which is shown this once; `null` where it was to stay."""

    secret: str | None

    @classmethod
    def of_changed(cls, endpoint: WebhookEndpoint, secret: WebhookSecret | None) -> Self:
        """The webhook and, where it has another one, its secret."""
        return cls(**_seen(endpoint), secret=None if secret is None else secret.text)


def _seen(endpoint: WebhookEndpoint) -> dict[str, Any]:
    return {
        "id": external(WEBHOOK, endpoint.id),
        "url": endpoint.url,
        "description": endpoint.description,
        "events": sorted(endpoint.events),
        "enabled": endpoint.enabled,
        "disabled_at": endpoint.disabled_at,
        "disabled_by": endpoint.disabled_by,
        "created_at": endpoint.created_at,
    }


class DeliveryView(Struct, frozen=True, kw_only=True):
    """An event on its way to a webhook. `id` is what its receiver finds in `webhook-id`, `payload` what it is sent.

    `last_status` is what the receiver answered to the last try, `last_error` why there was no answer.
    """

    id: str
    type: EventType
    status: DeliveryStatus
    tries: int
    next_try_at: Moment | None
    tried_at: Moment | None
    last_status: int | None
    last_error: DeliveryError | None
    delivered_at: Moment | None
    given_up_at: Moment | None
    created_at: Moment
    payload: Raw

    @classmethod
    def of(cls, delivery: WebhookDelivery) -> Self:
        """The delivery as it stands."""
        return cls(
            id=external(EVENT, delivery.id),
            type=delivery.type,
            status=delivery.status,
            tries=delivery.tries,
            next_try_at=delivery.next_try_at,
            tried_at=delivery.tried_at,
            last_status=delivery.last_status,
            last_error=delivery.last_error,
            delivered_at=delivery.delivered_at,
            given_up_at=delivery.given_up_at,
            created_at=delivery.created_at,
            payload=Raw(delivery.payload.encode()),
        )
