"""Webhooks, and what they are told."""

from collections.abc import Mapping
from typing import Any, Final

from imagegen.web.api.examples.generations import GENERATION_ID
from imagegen.web.api.examples.moments import CREATED, FINISHED

_WEBHOOK: Final = {
    "id": "whk_01946962-0d1e-7a2f-8c3b-4d5e6f708192",
    "url": "https://example.com/hooks/imagegen",
    "description": None,
    "events": ["generation.failed", "generation.succeeded"],
    "enabled": True,
    "disabled_at": None,
    "disabled_by": None,
    "created_at": CREATED,
}
_WEBHOOK_SECRET: Final = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDazXUw2+3ZJY="  # noqa: S105 - an example

EXAMPLES: Final[Mapping[str, Any]] = {
    "NewWebhook": {"url": _WEBHOOK["url"], "events": _WEBHOOK["events"]},
    "WebhookChange": {"rotate_secret": True},
    "WebhookView": _WEBHOOK,
    "NewWebhookView": _WEBHOOK | {"secret": _WEBHOOK_SECRET},
    "ChangedWebhookView": _WEBHOOK | {"secret": _WEBHOOK_SECRET},
    "DeliveryView": {
        "id": GENERATION_ID.replace("gen_", "evt_"),
        "type": "generation.succeeded",
        "status": "delivered",
        "tries": 1,
        "next_try_at": None,
        "tried_at": FINISHED,
        "last_status": 204,
        "last_error": None,
        "delivered_at": FINISHED,
        "given_up_at": None,
        "created_at": FINISHED,
        "payload": {
            "type": "generation.succeeded",
            "timestamp": FINISHED,
            "data": {
                "id": GENERATION_ID,
                "status": "succeeded",
                "external_id": None,
                "cost_usd": "0.134",
                "error": None,
            },
        },
    },
}
