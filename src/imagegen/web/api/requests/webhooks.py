"""Webhooks."""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from imagegen.domain.webhooks import EventType
from imagegen.web.api.requests.body import Body

WebhookUrl = Annotated[
    str,
    Meta(
        min_length=8,
        max_length=2048,
        pattern=r"^[Hh][Tt][Tt][Pp][Ss]?://[!-~]+$",
        description="Where events are sent: https, on port 443 or above 1023, at a public machine.",
        examples=["https://example.com/hooks/imagegen"],
    ),
]
EventTypes = Annotated[tuple[EventType, ...], Meta(min_length=1, max_length=20, description="What it is told of.")]
WebhookDescription = Annotated[str, Meta(max_length=200)]


class NewWebhook(Body, frozen=True, kw_only=True):
    """An address that is to be told of events."""

    url: WebhookUrl
    events: EventTypes
    description: WebhookDescription | None = None


class WebhookChange(Body, frozen=True, kw_only=True):
    """What to change of a webhook; what is left out stays, `null` clears. `rotate_secret` gives it another secret."""

    url: WebhookUrl | UnsetType = UNSET
    events: EventTypes | UnsetType = UNSET
    description: WebhookDescription | UnsetType | None = UNSET
    enabled: bool | UnsetType = UNSET
    rotate_secret: bool = False
