"""What was used, what could be, and how the parts are."""

from collections.abc import Mapping
from typing import Any, Final

_PART: Final = {"status": "ok", "latency_ms": 0.4, "detail": None}

EXAMPLES: Final[Mapping[str, Any]] = {
    "UsageView": {
        "bucket": "2027-01-15",
        "requests": 12,
        "images": 14,
        "failures": 1,
        "cost_usd": "1.876",
        "unknown_costs": 0,
    },
    "ModelView": {
        "id": "gemini-3-pro-image",
        "provider": "gemini",
        "aliases": ["nano-banana-pro-preview"],
        "available": True,
        "released": "2026-05-28",
        "shutdown_date": None,
        "successor": None,
        "capabilities": {
            "sizes": {
                "choices": [
                    {"size": "1024x1024", "aspect_ratio": "1:1"},
                    {"size": "1376x768", "aspect_ratio": "16:9"},
                ]
            },
            "qualities": [],
            "formats": [],
            "transparent": False,
            "seed": True,
            "images_per_call": 1,
        },
        "price": {"input_text": "2", "input_image": "2", "output_text": "12", "output_image": "120"},
        "sources": ["ai.google.dev, pricing, 2026-11"],
    },
    "LiveView": {"status": "ok"},
    "PartView": _PART,
    "ReadyView": {
        "status": "ok",
        "checks": dict.fromkeys(("database", "storage", "queue", "workers", "providers"), _PART),
    },
}
