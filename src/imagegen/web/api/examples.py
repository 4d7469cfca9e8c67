"""What bodies look like, for the API reference: the newcomer's walk, step by step."""

from collections.abc import Mapping
from typing import Any, Final

_CREATED: Final = "2027-01-15T09:26:53.589793Z"
_FINISHED: Final = "2027-01-15T09:27:01.238462Z"
_PROMPT: Final = "A cute banana wearing sunglasses"
_EMAIL: Final = "test@example.com"
_PASSWORD: Final = "securepassword123"  # noqa: S105 - an example
_GENERATION_ID: Final = "gen_01946961-4a35-7b34-9f6a-1c2d3e4f5a6b"
_BATCH_ID: Final = "bat_01946961-4a34-7f26-8d1e-5a6b7c8d9e0f"
_KEY_ID: Final = "key_01946960-9c07-7d51-8a02-6b7c8d9e0f1a"
_WEBHOOK: Final = {
    "id": "whk_01946962-0d1e-7a2f-8c3b-4d5e6f708192",
    "url": "https://example.com/hooks/imagegen",
    "description": None,
    "events": ["generation.failed", "generation.succeeded"],
    "enabled": True,
    "disabled_at": None,
    "disabled_by": None,
    "created_at": _CREATED,
}
_WEBHOOK_SECRET: Final = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDazXUw2+3ZJY="  # noqa: S105 - an example
_URL: Final = (
    "https://images.example.com/v1/images/img_01946961-680e-70c5-b1d2-e3f405162738/content"
    "?expires=1800091621&signature=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
)

_USER: Final = {
    "id": "usr_01946960-5e11-7c08-a3b4-c5d6e7f80910",
    "email": _EMAIL,
    "name": None,
    "avatar_url": None,
    "role": "user",
    "created_at": _CREATED,
}
_KEY: Final = {
    "id": _KEY_ID,
    "name": "My Test Key",
    "prefix": "nb_live_3f9a",
    "scopes": ["generate", "read", "write"],
    "is_active": True,
    "last_used_at": None,
    "expires_at": None,
    "revoked_at": None,
    "created_at": _CREATED,
}
_IMAGE: Final = {
    "id": "img_01946961-680e-70c5-b1d2-e3f405162738",
    "generation_id": _GENERATION_ID,
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
    "created_at": _FINISHED,
}

_GENERATION: Final = {
    "id": _GENERATION_ID,
    "status": "succeeded",
    "prompt": _PROMPT,
    "provider": "gemini",
    "model": "gemini-3-pro-image",
    "requested": {"size": "1000x1000"},
    "applied": {"model": "gemini-3-pro-image", "provider": "gemini", "size": "1024x1024"},
    "adjustments": [
        {
            "parameter": "size",
            "from": "1000x1000",
            "to": "1024x1024",
            "reason": "gemini-3-pro-image draws this size nearest to it.",
        }
    ],
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
    "created_at": _CREATED,
    "started_at": _CREATED,
    "finished_at": _FINISHED,
}
EXAMPLES: Final[Mapping[str, Any]] = {
    "Registration": {"email": _EMAIL, "password": _PASSWORD},
    "Credentials": {"email": _EMAIL, "password": _PASSWORD},
    "RefreshRequest": {"refresh_token": "rt_d49Xi7LwWo13HSpS3HIrPONXRd6jSsSiK--LsrFw98xeDaV588sg5XfpuctT1Iqs"},
    "PasswordChange": {"current_password": _PASSWORD, "new_password": "correct horse battery staple"},
    "ProfileChange": {"name": "Test", "avatar_url": "https://example.com/test.png"},
    "AccountDeletion": {"password": _PASSWORD},
    "NewKey": {"name": "My Test Key"},
    "KeyChange": {"name": "Renamed", "scopes": ["generate", "read"]},
    "NewGeneration": {"prompt": _PROMPT, "size": "1024x1024", "tags": ["banana"]},
    "NewBatch": {
        "requests": [
            {"prompt": _PROMPT, "external_id": "order-41"},
            {"prompt": "A cute kiwi on a skateboard", "size": "1536x1024", "external_id": "order-42"},
        ]
    },
    "GenerationChange": {"favorite": True, "title": "The one with the sunglasses"},
    "ImageChange": {"rating": 5, "tags": ["banana"]},
    "NewWebhook": {"url": _WEBHOOK["url"], "events": _WEBHOOK["events"]},
    "WebhookChange": {"rotate_secret": True},
    "UserView": _USER,
    "LoginView": {
        "user": _USER,
        "access_token": "eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJpc3MiOiJpbWFnZWdlbiJ9.c2lnbmF0dXJl",
        "refresh_token": "rt_d49Xi7LwWo13HSpS3HIrPONXRd6jSsSiK--LsrFw98xeDaV588sg5XfpuctT1Iqs",
        "token_type": "bearer",
        "expires_in": 3600,
    },
    "SessionView": {
        "id": "ses_01946960-5e12-7a41-bc0d-1e2f30415263",
        "user_agent": "curl/8.5.0",
        "created_at": _CREATED,
        "last_used_at": _CREATED,
        "expires_at": "2027-01-22T09:26:53.589793Z",
        "current": True,
    },
    "KeyView": _KEY,
    "IssuedKeyView": _KEY | {"key": "nb_live_3f9a1c5e7b8d4f02a6c8e0d1b2f34567"},
    "ImageView": _IMAGE,
    "GenerationView": _GENERATION,
    "BatchView": {
        "id": _BATCH_ID,
        "status": "running",
        "total": 3,
        "counts": {"queued": 1, "running": 1, "succeeded": 1, "failed": 0, "canceled": 0},
        "created_at": _CREATED,
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
        "started_at": _CREATED,
        "finished_at": _FINISHED,
        "outcome": "succeeded",
        "billed": "yes",
        "cost_usd": "0.134",
        "provider_request_id": "kZ2JaYHvC8Wz7M8P",
        "error_code": None,
    },
    "EventView": {"id": "1.4", "event": "progress", "data": '{"progress":0.0,"queue_position":3}'},
    "UsageView": {
        "bucket": "2027-01-15",
        "requests": 12,
        "images": 14,
        "failures": 1,
        "cost_usd": "1.876",
        "unknown_costs": 0,
    },
    "WebhookView": _WEBHOOK,
    "NewWebhookView": _WEBHOOK | {"secret": _WEBHOOK_SECRET},
    "ChangedWebhookView": _WEBHOOK | {"secret": _WEBHOOK_SECRET},
    "DeliveryView": {
        "id": _GENERATION_ID.replace("gen_", "evt_"),
        "type": "generation.succeeded",
        "status": "delivered",
        "tries": 1,
        "next_try_at": None,
        "tried_at": _FINISHED,
        "last_status": 204,
        "last_error": None,
        "delivered_at": _FINISHED,
        "given_up_at": None,
        "created_at": _FINISHED,
        "payload": {
            "type": "generation.succeeded",
            "timestamp": _FINISHED,
            "data": {
                "id": _GENERATION_ID,
                "status": "succeeded",
                "external_id": None,
                "cost_usd": "0.134",
                "error": None,
            },
        },
    },
    "Problem": {
        "type": "/problems/key_revoked",
        "title": "The API key has been revoked",
        "status": 401,
        "detail": "The API key has been revoked",
        "instance": "/v1/generate",
        "code": "key_revoked",
        "request_id": "6f1a3c0e9b7d4f52a8c61e0d35b2947a",
    },
}
"""An example for each schema that somebody reads or writes by hand, by its name in the document."""

EVENTS: Final = """\
id: 1.0
event: status
data: {"status":"queued"}

id: 1.2
event: progress
data: {"progress":0.0,"queue_position":1}

: still here

id: 2.0
event: status
data: {"status":"running"}

id: 2.1
event: progress
data: {"progress":0.0,"queue_position":null}

id: 3.1
event: image
data: {"id":"img_01946961-680e-70c5-b1d2-e3f405162738","generation_id":…}

id: 4.0
event: status
data: {"status":"succeeded"}

id: 5.0
event: done
data: {"id":"gen_01946961-4a35-7b34-9f6a-1c2d3e4f5a6b","status":"succeeded",…}

"""
"""What is told to whoever watches a generation, with much of it cut out."""
