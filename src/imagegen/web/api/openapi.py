"""The OpenAPI document: what Litestar derives from the routes, made as strict as the routes are."""

from typing import Any, Final

import msgspec
from litestar import Request, Response, get
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, License, SecurityScheme, Tag
from litestar.router import Router

from imagegen import __version__
from imagegen.web.api import requests
from imagegen.web.authentication import Access, access

_DESCRIPTION: Final = """\
Image generation that outlives the model: every request is a durable job, a paid picture is never lost, and every
cent is explained. Errors are RFC 9457 problems; each `code` has a page under `/problems/{code}`.
"""
_STRICT: Final = {
    kind.__name__ for kind in vars(requests).values() if isinstance(kind, type) and issubclass(kind, requests.Body)
}


class StrictDocument(JsonRenderPlugin):
    """Renders the document with what msgspec enforces and Litestar does not say."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:  # noqa: ARG002 - the plugin's signature
        """The document as JSON."""
        return msgspec.json.encode(stricter(openapi_schema))


def stricter(document: dict[str, Any]) -> dict[str, Any]:
    """The same document, saying that requests take no unknown members."""
    for name, schema in document.get("components", {}).get("schemas", {}).items():
        if name in _STRICT:
            schema["additionalProperties"] = False
    return document


def openapi_config() -> OpenAPIConfig:
    """What the document says of the whole, and how credentials are given."""
    return OpenAPIConfig(
        title="imagegen",
        version=__version__,
        description=_DESCRIPTION,
        license=License(name="MIT", identifier="MIT"),
        tags=[Tag(name=name) for name in ("Accounts", "API keys", "Generations", "Images", "Usage", "Operations")],
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
        use_handler_docstrings=True,
        render_plugins=[StrictDocument(path="/document.json")],
        openapi_router=Router("/openapi", route_handlers=[], include_in_schema=False, opt=access(Access.PUBLIC)),
    )


@get("/openapi.json", include_in_schema=False, opt=access(Access.PUBLIC), sync_to_thread=False)
def openapi_document(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Serve the document."""
    body = msgspec.json.encode(stricter(request.app.openapi_schema.to_schema()))
    return Response(body, media_type="application/json")
