"""Problems: one for each status that an operation documents."""

from collections.abc import Mapping
from typing import Any, Final

_TOLD: Final[Mapping[int, tuple[str, str, str]]] = {
    400: ("malformed_request", "The request is malformed", "The body ended early."),
    401: ("key_revoked", "The API key has been revoked", "The API key has been revoked"),
    403: ("scope_missing", "The API key lacks a scope", "This needs an API key with the scope 'generate'."),
    404: ("not_found", "Not found", "Not found"),
    408: ("request_timeout", "The request did not arrive in time", "The body is not there after 30 seconds."),
    409: ("stale_write", "It was changed by somebody else meanwhile", "It was changed by somebody else meanwhile"),
    413: ("body_too_large", "The body is too large", "Here a body may have 524288 bytes."),
    415: ("unsupported_media_type", "The body must be application/json", "The body must be application/json"),
    416: ("range_not_satisfiable", "The range lies outside the picture", "The range lies outside the picture"),
    422: ("invalid_request", "The request is not valid", "/size: A size is like 1024x1024, or auto."),
    431: ("headers_too_large", "The headers are too large", "Address and headers may have 65536 bytes."),
    502: ("no_image", "The provider answered without a picture", "The provider answered without a picture"),
    503: ("database_unavailable", "The database is not available", "The database is not available"),
    504: ("outcome_unknown", "The provider did not answer in time", "The provider did not answer in time"),
}


def problem(status: int, path: str) -> Mapping[str, Any]:
    """What an operation at that path may answer with that status."""
    code, title, detail = _TOLD[status]
    return {
        "type": f"/problems/{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": path,
        "code": code,
        "request_id": "6f1a3c0e9b7d4f52a8c61e0d35b2947a",
    }


PROBLEM: Final = problem(401, "/v1/generate")
