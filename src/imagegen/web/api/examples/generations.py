"""Generations, alone and in batches, and their images."""

from collections.abc import Mapping
from typing import Any, Final

from imagegen.web.api.examples.moments import CREATED, FINISHED

GENERATION_ID: Final = "gen_01946961-4a35-7b34-9f6a-1c2d3e4f5a6b"
_PROMPT: Final = "A cute banana wearing sunglasses"
_REQUEST: Final = {"prompt": _PROMPT, "external_id": "order-41"}
_BATCH_ID: Final = "bat_01946961-4a34-7f26-8d1e-5a6b7c8d9e0f"
_URL: Final = (
    "https://images.example.com/v1/images/img_01946961-680e-70c5-b1d2-e3f405162738/content"
    "?expires=1800091621&signature=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
)
_IMAGE: Final = {
    "id": "img_01946961-680e-70c5-b1d2-e3f405162738",
    "generation_id": GENERATION_ID,
    "source": "generated",
    "url": _URL,
    "width": 1024,
    "height": 1024,
    "content_type": "image/png",
    "bytes": 1482033,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "rating": None,
    "quality": {"megapixels": 1.049, "bits_per_pixel": 11.307},
    "tags": [],
    "created_at": FINISHED,
}
_ADJUSTMENT: Final = {
    "parameter": "size",
    "from": "1000x1000",
    "to": "1024x1024",
    "reason": "gemini-3-pro-image draws this size nearest to it.",
}
_COUNTS: Final = {"queued": 1, "running": 1, "succeeded": 1, "failed": 0, "canceled": 0}

_GENERATION: Final = {
    "id": GENERATION_ID,
    "status": "succeeded",
    "prompt": _PROMPT,
    "provider": "gemini",
    "model": "gemini-3-pro-image",
    "requested": {"size": "1000x1000"},
    "applied": {"model": "gemini-3-pro-image", "provider": "gemini", "size": "1024x1024"},
    "adjustments": [_ADJUSTMENT],
    "images": [_IMAGE],
    "url": _URL,
    "cost_usd": "0.134",
    "progress": 1.0,
    "queue_position": None,
    "error": None,
    "title": None,
    "tags": ["banana"],
    "metadata": {},
    "external_id": None,
    "favorite": False,
    "priority": "normal",
    "retry_of": None,
    "batch_id": None,
    "created_at": CREATED,
    "started_at": CREATED,
    "finished_at": FINISHED,
}

EXAMPLES: Final[Mapping[str, Any]] = {
    "NewGeneration": {"prompt": _PROMPT, "size": "1024x1024", "tags": ["banana"]},
    "BatchRequest": _REQUEST,
    "NewBatch": {
        "requests": [
            _REQUEST,
            {"prompt": "A cute kiwi on a skateboard", "size": "1536x1024", "external_id": "order-42"},
        ]
    },
    "GenerationChange": {"favorite": True, "title": "The one with the sunglasses"},
    "ImageChange": {"rating": 5, "tags": ["banana"]},
    "ImageView": _IMAGE,
    "AdjustmentView": _ADJUSTMENT,
    "GenerationView": _GENERATION,
    "FailureView": {
        "code": "content_blocked",
        "detail": "The provider's safety system refused this.",
        "stage": "input",
        "retryable": False,
        "billed": "no",
        "provider_code": "PROHIBITED_CONTENT",
    },
    "BatchCountsView": _COUNTS,
    "BatchView": {
        "id": _BATCH_ID,
        "status": "running",
        "total": 3,
        "counts": _COUNTS,
        "created_at": CREATED,
        "canceled_at": None,
        "finished_at": None,
    },
    "ResultView": {
        "index": 0,
        "external_id": "order-41",
        "generation": _GENERATION | {"external_id": "order-41", "batch_id": _BATCH_ID},
    },
    "AttemptView": {
        "id": "att_01946961-4a36-7e80-93a1-0b1c2d3e4f50",
        "number": 1,
        "provider": "gemini",
        "model": "gemini-3-pro-image",
        "images": 1,
        "started_at": CREATED,
        "finished_at": FINISHED,
        "outcome": "succeeded",
        "billed": "yes",
        "cost_usd": "0.134",
        "provider_request_id": "kZ2JaYHvC8Wz7M8P",
        "error_code": None,
    },
}
