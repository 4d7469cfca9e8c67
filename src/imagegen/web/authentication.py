"""Who is asking: the bearer credential of a request becomes a principal before anything else is looked at.

Every route needs one unless it says otherwise; what it accepts is written at the route (`opt=access(Access.KEY)`).
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, NoReturn

from litestar.connection import ASGIConnection
from litestar.enums import HttpMethod, ScopeType
from litestar.exceptions import MethodNotAllowedException
from litestar.types import ASGIApp, Receive, Scope, Send

from imagegen.application import Application
from imagegen.domain.errors import CredentialsMissing, SessionRequired
from imagegen.domain.users import Principal

KEY_PREFIX: Final = "nb_"


class Access(StrEnum):
    """Which credentials a route accepts."""

    PUBLIC = "public"
    KEY = "key"
    TOKEN = "token"  # noqa: S105 - the name of a kind, not a secret
    EITHER = "either"
    LINK = "link"


def access(kind: Access) -> dict[str, Any]:
    """The `opt` of a route or controller."""
    return {"access": kind}


SECURITY: Final[Mapping[Access, list[dict[str, list[str]]]]] = {
    Access.PUBLIC: [],
    Access.KEY: [{"apiKey": []}],
    Access.TOKEN: [{"accessToken": []}],
    Access.EITHER: [{"apiKey": []}, {"accessToken": []}],
    Access.LINK: [{}, {"apiKey": []}, {"accessToken": []}],
}
"""The same in the words of OpenAPI."""


class Authentication:
    """The ASGI middleware around every route. It is no guard of Litestar's, for each of which a handler is copied."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on when it is known who asks."""
        if scope["type"] == ScopeType.HTTP:
            await _authenticate(ASGIConnection(scope), scope["route_handler"].opt.get("access", Access.EITHER))
        await self._app(scope, receive, send)


async def _authenticate(connection: ASGIConnection[Any, Any, Any, Any], kind: Access) -> None:
    """Put the principal into the request's state, or raise."""
    if connection.scope.get("method") == HttpMethod.OPTIONS:
        _refuse_options(connection)
    if kind is Access.PUBLIC:
        return
    if kind is Access.LINK and "signature" in connection.query_params:
        return
    application: Application = connection.app.state.application
    text = bearer(connection.headers.get("authorization"))
    if kind is Access.TOKEN and text.startswith(KEY_PREFIX):
        await application.authenticate_key(text)  # a wrong key is 401, a right one 403
        raise SessionRequired
    if kind is Access.KEY or text.startswith(KEY_PREFIX):
        principal = await application.authenticate_key(text)
    else:
        principal = await application.authenticate_token(text)
    connection.scope["state"]["principal"] = principal


def _refuse_options(connection: ASGIConnection[Any, Any, Any, Any]) -> NoReturn:
    """Litestar answers OPTIONS at every path by itself, and wrongly where a path has several handlers."""
    here = connection.scope["path_template"]
    methods = {name for route in connection.app.routes if route.path_format == here for name in route.methods}
    raise MethodNotAllowedException(headers={"allow": ", ".join(methods)})


def bearer(header: str | None) -> str:
    """The credential of an `Authorization` header; raise `CredentialsMissing` unless it is a bearer's."""
    scheme, _, text = (header or "").partition(" ")
    text = text.strip()
    if scheme.lower() != "bearer" or not text:
        raise CredentialsMissing
    return text


def principal_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Principal:
    """The principal that was found."""
    principal: Principal = connection.scope["state"]["principal"]
    return principal
