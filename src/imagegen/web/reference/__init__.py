"""The API reference at `/docs`: Swagger UI out of this package, so that it reads without internet.

Nothing here is inline and nothing comes from elsewhere, so the page holds the strictest policy that still lets it
read `/openapi.json` and try a request.
"""

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from litestar import Request, Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from imagegen.web.api.ranges import matches
from imagegen.web.authentication import Access, access

FOLDER: Final = Path(__file__).parent

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data: blob:; "  # icons in the style sheet are data:, a picture tried out is a blob:
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The Content-Security-Policy of the page."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A file of the page, as it is sent."""

    content: bytes
    media_type: str
    etag: str


ASSETS: Final = {
    "reference.css": ("reference.css", "text/css"),
    "reference.js": ("reference.js", "text/javascript"),
    "favicon.svg": ("favicon.svg", "image/svg+xml"),
    "swagger-ui.css": ("swagger-ui/swagger-ui.css", "text/css"),
    "swagger-ui-bundle.js": ("swagger-ui/swagger-ui-bundle.js", "text/javascript"),
}
"""What the page asks for under `/docs/`: the file in this folder and its media type, by name."""

PAGE: Final = ("page.html", "text/html")


@cache
def load(file: str, media_type: str) -> Asset:
    """Read a file of this folder, once for the life of the process."""
    content = (FOLDER / file).read_bytes()
    return Asset(content, media_type, f'"{sha256(content).hexdigest()[:32]}"')


def send(request: Request[Any, Any, Any], asset: Asset) -> Response[bytes]:
    """Answer with the asset, or with 304 when the client already has it; clients ask again each time."""
    headers = {"ETag": asset.etag, "Cache-Control": "no-cache", "Content-Security-Policy": POLICY}
    if matches(request.headers.get("if-none-match"), asset.etag):
        return Response(b"", status_code=304, headers=headers, media_type=asset.media_type)
    return Response(asset.content, headers=headers, media_type=asset.media_type)


@get("/docs", opt=access(Access.PUBLIC), include_in_schema=False, sync_to_thread=False)
def show_reference(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The page."""
    return send(request, load(*PAGE))


@get("/docs/{name:str}", opt=access(Access.PUBLIC), include_in_schema=False, sync_to_thread=False)
def show_asset(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes]:
    """A script, style sheet or picture of the page; any other name is not found."""
    if name not in ASSETS:
        raise NotFoundException
    return send(request, load(*ASSETS[name]))


REFERENCE_HANDLERS: Final = [show_reference, show_asset]
"""The routes to register."""
