"""Errors as clients see them: RFC 9457 problems, made in this one place.

The families of `domain.errors` get their status here; a new leaf needs no entry.
"""

import logging
import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from imagegen.domain import errors
from imagegen.domain.errors import Fault, ImagegenError, InvalidRequest, ProviderError, ProviderNotConfigured
from imagegen.web.faults import fault_in_parameter, in_query

MEDIA_TYPE: Final = "application/problem+json"

STATUS: Final[Mapping[type[ImagegenError], HTTPStatus]] = {
    errors.InvalidRequest: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.Unauthenticated: HTTPStatus.UNAUTHORIZED,
    errors.Forbidden: HTTPStatus.FORBIDDEN,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.ProviderError: HTTPStatus.BAD_GATEWAY,
    errors.ContentBlocked: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.ProviderBusy: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.OutcomeUnknown: HTTPStatus.GATEWAY_TIMEOUT,
    errors.DeadlineExceeded: HTTPStatus.GATEWAY_TIMEOUT,
    errors.PictureNotStored: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.GenerationCanceled: HTTPStatus.CONFLICT,
    errors.ImagegenError: HTTPStatus.INTERNAL_SERVER_ERROR,
}
"""The status of each family; the nearest ancestor of an error counts."""

logger = logging.getLogger("imagegen.web")


class ProblemFault(msgspec.Struct, frozen=True):
    """One thing wrong with the request."""

    pointer: str
    message: str


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a request was not served (RFC 9457). `code` is stable; `type` is its page in the documentation."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    errors: tuple[ProblemFault, ...] = ()
    retry_after: int | None = None
    retryable: bool | None = None
    billed: str | None = None
    provider: str | None = None
    provider_code: str | None = None
    generation_id: str | None = None


class Refusal(Exception):
    """A request that is refused before the core is asked: by its framing, its body or its address."""

    def __init__(self, status: HTTPStatus, code: str, title: str, detail: str | None = None, **headers: str) -> None:
        super().__init__(detail or title)
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail or title
        self.headers = headers


def malformed(detail: str, **headers: str) -> Refusal:
    """The refusal of what cannot be read as a request."""
    return Refusal(HTTPStatus.BAD_REQUEST, "malformed_request", "The request is malformed", detail, **headers)


def ambiguous(detail: str | None = None) -> Refusal:
    """The refusal of a request of which two readers could disagree on where it ends; the connection does."""
    title = "The request's framing is ambiguous"
    return Refusal(HTTPStatus.BAD_REQUEST, "ambiguous_framing", title, detail, connection="close")


def late(detail: str) -> Refusal:
    """The refusal of a request that is not there in time; the connection ends."""
    title = "The request did not arrive in time"
    return Refusal(HTTPStatus.REQUEST_TIMEOUT, "request_timeout", title, detail, connection="close")


def status_of(error: ImagegenError) -> HTTPStatus:
    """The status of the nearest family in `STATUS`."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def problem_of(
    error: Exception, *, path: str, request_id: str, without_body: bool = False
) -> tuple[Problem, dict[str, str]]:
    """The problem that stands for any exception, and the headers that belong to it; it never fails.

    What nobody foresaw is logged and becomes a 500 that says nothing of the inside. `without_body` says that whatever
    was wrong came from the query.
    """
    place: dict[str, Any] = {"instance": path.encode(errors="replace").decode(), "request_id": request_id}
    match error:
        case InvalidRequest():
            faults = tuple(map(in_query, error.faults)) if without_body else error.faults
            return _of_faults(error, faults, error.detail, place), {}
        case ImagegenError():
            return _of_core(error, place)
        case Refusal():
            headers = {name.replace("_", "-"): value for name, value in error.headers.items()}
            return _problem(error.status, error.code, error.title, error.detail, **place), headers
        case ValidationException():
            found = error.extra if isinstance(error.extra, list) else []
            faults = tuple(fault_in_parameter(item) for item in found)
            detail = "; ".join(f"{fault.pointer}: {fault.message}" for fault in faults) or InvalidRequest.title
            return _of_faults(InvalidRequest(), faults, detail, place), {}
        case HTTPException() if error.status_code in _HTTP:
            code, title = _HTTP[error.status_code]
            return _problem(error.status_code, code, title, title, **place), _allowing(error.headers or {})
        case _:
            logger.error("unexpected %s", type(error).__name__, exc_info=error)
            return _problem(500, "internal_error", _INTERNAL, _INTERNAL, **place), {}


def handle(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Litestar's exception handler for everything."""
    problem, headers = problem_of(
        error,
        path=request.scope["path"],
        request_id=request.scope["state"].get("request_id", ""),
        without_body=request.method == "GET",
    )
    return Response(msgspec.json.encode(problem), status_code=problem.status, headers=headers, media_type=MEDIA_TYPE)


_INTERNAL: Final = "Something went wrong on our side"
_PAUSE: Final = 5
"""Seconds after which to try again what is not available, where nobody knows better."""
_HTTP: Final[Mapping[int, tuple[str, str]]] = {
    400: ("malformed_request", "The request is malformed"),
    404: ("not_found", "Not found"),
    405: ("method_not_allowed", "The resource has no such method"),
}
"""What Litestar itself refuses."""


def _allowing(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers, without OPTIONS among the methods that are allowed: it only serves preflights."""
    if "allow" not in headers:
        return dict(headers)
    methods = sorted(method for method in headers["allow"].split(", ") if method != "OPTIONS")
    return {**headers, "allow": ", ".join(methods)}


def _of_core(error: ImagegenError, place: dict[str, Any]) -> tuple[Problem, dict[str, str]]:
    status = status_of(error)
    headers: dict[str, str] = {}
    if status is HTTPStatus.SERVICE_UNAVAILABLE and error.__cause__ is not None:  # its text may quote anything
        logger.warning("%s, for %s was raised", error.code, type(error.__cause__).__name__)
    if status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    pause = error.retry_after
    if pause is None and status is HTTPStatus.SERVICE_UNAVAILABLE and not isinstance(error, ProviderNotConfigured):
        pause = _PAUSE
    if pause is not None:
        place["retry_after"] = math.ceil(pause)
        headers["Retry-After"] = str(place["retry_after"])
    if isinstance(error, ProviderNotConfigured):
        place["provider"] = error.provider
    if isinstance(error, ProviderError):
        place |= {
            "retryable": error.retryable,
            "billed": str(error.billed),
            "provider": error.provider,
            "provider_code": error.provider_code,
            "generation_id": error.generation,
        }
        if error.generation is not None:
            headers |= {"X-Imagegen-Generation-Id": error.generation, "Location": f"/v1/generations/{error.generation}"}
        if error.replayed:
            headers["Idempotent-Replayed"] = "true"
    return _problem(status, error.code, error.title, error.detail, **place), headers


def _of_faults(error: InvalidRequest, faults: tuple[Fault, ...], detail: str, place: dict[str, Any]) -> Problem:
    place["errors"] = tuple(ProblemFault(fault.pointer, fault.message) for fault in faults)
    return _problem(status_of(error), error.code, error.title, detail, **place)


def _problem(status: int, code: str, title: str, detail: str, **members: Any) -> Problem:
    return Problem(type=f"/problems/{code}", title=title, status=int(status), detail=detail, code=code, **members)
