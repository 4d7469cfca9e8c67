"""The OpenAPI document: the routes as Litestar sees them, their bodies exactly as msgspec checks and writes them."""

import re
from functools import cache
from typing import Any, Final

import msgspec
from litestar import Litestar, Request, Response, get
from litestar.handlers.http_handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, License, SecurityScheme, Tag
from litestar.router import Router
from litestar.routes import BaseRoute
from litestar.types import ControllerRouterHandler, Method

from imagegen import __version__
from imagegen.domain.images import ImageFormat
from imagegen.web import problems
from imagegen.web.api import health, requests, views
from imagegen.web.api.answers import describe_answers
from imagegen.web.api.examples import EXAMPLES
from imagegen.web.authentication import Access, access

_DESCRIPTION: Final = """\
Image generation that outlives the model: every request is a durable job, a paid picture is never lost, and every
cent is explained. Errors are RFC 9457 problems; each `code` has a page under `/problems/{code}`.

Members that are not known are refused. Integers are written without a fraction: `1`, not `1.0`.
"""
_TAGS: Final = {
    "Accounts": "Register, log in, stay logged in, leave. All but the first three need an access token.",
    "API keys": "For programs. Managed with an access token; a key cannot make keys.",
    "Generations": "Ask for pictures, and find them again.",
    "Batches": "Ask for up to 1,000 pictures at once, and fetch them when they are there.",
    "Images": "The pictures: look at them, rate them, remove them.",
    "Usage": "What was used, what it cost, and what could be used.",
    "Webhooks": "Be told what became of generations and batches, instead of asking.",
    "Operations": "For load balancers, people on call, and whoever reads an error.",
}
_TOLD: Final = {views.StatusView.__name__, views.ProgressView.__name__}
"""Schemas that are the body of no answer, but the data of events."""

_INSIDE: Final = re.compile(re.escape(views.__name__).encode() + rb"\.(?:\w+\.)?")
"""Litestar names a generic view by its full path; the last name is enough, and says nothing of the inside."""


class Unrouted(Router):
    """Where Litestar would put pages of its own around the document: none of them is served."""

    def register(self, value: ControllerRouterHandler) -> list[BaseRoute]:  # noqa: ARG002 - the signature is Litestar's
        """Register nothing."""
        return []


def openapi_config() -> OpenAPIConfig:
    """What the document says of the whole, and how credentials are given."""
    return OpenAPIConfig(
        title="imagegen",
        version=__version__,
        description=_DESCRIPTION,
        license=License(name="MIT", identifier="MIT"),
        tags=[Tag(name=name, description=description) for name, description in _TAGS.items()],
        components=Components(
            security_schemes={
                "apiKey": SecurityScheme(type="http", scheme="bearer", description="An API key, `nb_live_…`."),
                "accessToken": SecurityScheme(
                    type="http",
                    scheme="bearer",
                    bearer_format="JWT",
                    description="An access token from logging in.",
                ),
            }
        ),
        operation_id_creator=_operation_id,
        use_handler_docstrings=True,
        render_plugins=[JsonRenderPlugin()],
        openapi_router=Unrouted("/openapi.json", route_handlers=[]),
    )


@get("/openapi.json", include_in_schema=False, opt=access(Access.PUBLIC), sync_to_thread=False)
def openapi_document(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Serve the document."""
    return Response(_encoded(request.app), media_type="application/json")


@cache
def _encoded(app: Litestar) -> bytes:
    """Made at the first look and kept: it takes a tenth of a second."""
    document = msgspec.json.decode(_INSIDE.sub(b"", msgspec.json.encode(app.openapi_schema.to_schema())))
    schemas = document["components"]["schemas"]
    schemas |= {name: schema for name, schema in _exact_schemas().items() if name in schemas or name in _TOLD}
    for name, example in EXAMPLES.items():
        schemas[name]["examples"] = [example]
    for operation in (operation for path in document["paths"].values() for operation in path.values()):
        for parameter in operation.get("parameters", ()):
            parameter["schema"] = _said(parameter["schema"])
        for answer in operation["responses"].values():
            _widen(answer.get("content", {}))
    describe_answers(document)
    return msgspec.json.encode(document)


def _exact_schemas() -> dict[str, Any]:
    """The schemas of all bodies from what checks and writes them: Litestar's own leave out what is nested."""
    kinds = [kind for module in (requests, views, health, problems) for kind in vars(module).values()]
    structs = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, msgspec.Struct)]
    return msgspec.json.schema_components(structs, ref_template="#/components/schemas/{name}")[1]


def _said(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a parameter without `null`, which no address and no header can say: it is left out instead."""
    kinds = [kind for kind in schema.pop("oneOf", ()) if kind != {"type": "null"}]
    return kinds[0] | schema if kinds else schema


def _widen(content: dict[str, Any]) -> None:
    """Where a picture is answered it may have any of the types; Litestar takes one."""
    if (picture := content.get(ImageFormat.PNG.content_type)) is not None:
        content |= {image_format.content_type: picture for image_format in ImageFormat}


def _operation_id(handler: HTTPRouteHandler, _: Method, __: list[Any]) -> str:
    """What generated clients call it: its summary, in one word."""
    return re.sub(r"\W+", "_", handler.summary or handler.handler_name).strip("_").lower()
