"""What the routes share: identifiers in paths, pages in queries, the errors an operation documents."""

from typing import Annotated, Any, Final, TypeAlias
from uuid import UUID

from litestar import Request
from litestar.datastructures import ResponseHeader
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, QueryParameter, SkipValidation

from imagegen.application import Application
from imagegen.domain.errors import Fault, InvalidRequest, NotFound
from imagegen.domain.identifiers import internal
from imagegen.domain.pages import DEFAULT_LIMIT, PAGE_LIMIT, Cursor, PageRequest
from imagegen.web.problems import MEDIA_TYPE, Problem

Verbs = SkipValidation[Application]
"""The product's verbs, as `create_app` was handed them; msgspec need not look inside."""

ApiRequest: TypeAlias = Request[Any, Any, Any]

Limit = Annotated[int, QueryParameter(ge=PAGE_LIMIT.start, le=PAGE_LIMIT.stop - 1, description="Rows on a page.")]
CursorText = Annotated[
    str | None, QueryParameter(name="cursor", max_length=100, description="`next_cursor` of the page before.")
]
IdempotencyKeyText = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        description="Up to 255 visible ASCII characters. For 24 hours the same key and body get the same answer.",
        schema_extra={"minLength": 1, "maxLength": 255, "pattern": r"^[\x21-\x7e]+$"},
    ),
]
REPLAYED: Final = ResponseHeader(
    "Idempotent-Replayed",
    value="",
    documentation_only=True,
    description="`true` when this is what came of an earlier request.",
)
PAGE_SIZE: Final = DEFAULT_LIMIT

_OF_ANY: Final = (400, 431)
_OF_A_BODY: Final = (400, 408, 413, 415, 422, 431)
_MEANING: Final = {
    400: "The request is malformed.",
    401: "The credential is missing, unknown, expired or revoked.",
    403: "The credential may not do this.",
    404: "It is not there, or not yours.",
    408: "The request did not arrive in time.",
    409: "The current state does not allow this.",
    413: "The body is too large.",
    415: "The body is not application/json.",
    416: "The range lies outside the picture.",
    422: "Understood, but not valid.",
    431: "Address and headers are too large.",
    502: "The provider failed.",
    503: "Not configured, or not available at the moment.",
    504: "The provider did not answer in time; the outcome may be unknown.",
}


def one_key(request: ApiRequest, key: str | None) -> str | None:
    """The key that a request carries, if any; of two nobody could say which one counts, so they are refused."""
    if key is not None and len(request.headers.getall("idempotency-key")) > 1:
        raise InvalidRequest(faults=(Fault("#Idempotency-Key", "Only one."),))
    return key


def no_null(request: ApiRequest, **parameters: object) -> None:
    """Refuse `?name=null` for parameters that are no text: Litestar reads it as if the parameter had been left out."""
    for name, value in parameters.items():
        if value is None and name in request.query_params:
            raise InvalidRequest(faults=(Fault(f"/{name}", "`null` is no value; leave it out."),))


def problems(*statuses: int, body: bool = False) -> dict[int, ResponseSpec]:
    """The errors of an operation for the OpenAPI document, with those of any request, or of any with a `body`."""
    return {
        status: ResponseSpec(Problem, generate_examples=False, description=_MEANING[status], media_type=MEDIA_TYPE)
        for status in sorted({*statuses, *(_OF_A_BODY if body else _OF_ANY)})
    }


def identifier(prefix: str, text: str) -> UUID:
    """The identifier in a path; one that cannot be is as missing as one that is not there."""
    found = internal(prefix, text)
    if found is None:
        raise NotFound
    return found


def page_request(limit: int, cursor: str | None, *, oldest_first: bool = False) -> PageRequest:
    """The page that a query asks for; raise `BrokenCursor`."""
    return PageRequest(limit=limit, after=None if cursor is None else Cursor.read(cursor), oldest_first=oldest_first)
