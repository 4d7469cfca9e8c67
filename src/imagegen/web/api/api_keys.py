"""API keys."""

from typing import Annotated

from litestar import Controller, delete, get, patch, post
from litestar.params import JSONBody, PathParameter
from msgspec import UNSET

from imagegen.application.api_keys import KeyChanges
from imagegen.domain.identifiers import API_KEY, ApiKeyId
from imagegen.web.api.moments import in_utc
from imagegen.web.api.parameters import (
    PAGE_SIZE,
    ApiRequest,
    CursorText,
    Limit,
    Verbs,
    identifier,
    page_request,
    problems,
)
from imagegen.web.api.requests import KeyChange, NewKey
from imagegen.web.api.views import IssuedKeyView, KeyView, PageView, page_view
from imagegen.web.authentication import SECURITY, Access, access, principal_of

KeyName = Annotated[str, PathParameter(description="The id of a key, `key_…`.")]


class ApiKeyController(Controller):
    """Keys are managed with an access token; a key cannot manage keys."""

    path = "/v1/keys"
    tags = ("API keys",)
    opt = access(Access.TOKEN)
    security = SECURITY[Access.TOKEN]

    @post(responses=problems(401, 403, 503, body=True), summary="Issue a key")
    async def issue(self, request: ApiRequest, data: JSONBody[NewKey], application: Verbs) -> IssuedKeyView:
        """Issue an API key. Its text is in this answer and nowhere else, ever."""
        expires_at = in_utc(data.expires_at, "/expires_at") if data.expires_at else None
        key, plain = await application.issue_api_key(
            principal_of(request),
            name=data.name,
            scopes=None if data.scopes is None else frozenset(data.scopes),
            expires_at=expires_at,
        )
        return IssuedKeyView.of_issued(key, plain, application.issue_api_key.clock())

    @get(responses=problems(401, 403, 422, 503), summary="List keys")
    async def list_keys(
        self,
        request: ApiRequest,
        application: Verbs,
        limit: Limit = PAGE_SIZE,
        cursor: CursorText = None,
    ) -> PageView[KeyView]:
        """List the caller's keys, newest first, revoked ones included; never their text."""
        page = await application.list_api_keys(principal_of(request), page_request(limit, cursor))
        now = application.issue_api_key.clock()
        return page_view(page, lambda key: KeyView.of(key, now))

    @patch("/{key_id:str}", responses=problems(401, 403, 404, 409, 503, body=True), summary="Change a key")
    async def change(
        self, request: ApiRequest, key_id: KeyName, data: JSONBody[KeyChange], application: Verbs
    ) -> KeyView:
        """Rename a key, change its scopes or its expiry; what is left out stays."""
        changes = KeyChanges(
            name=None if data.name is UNSET else data.name,
            scopes=None if data.scopes is UNSET else frozenset(data.scopes),
            expires_at=in_utc(data.expires_at, "/expires_at") if data.expires_at else None,
            keep_expiry=data.expires_at is UNSET,
        )
        found = ApiKeyId(identifier(API_KEY, key_id))
        key = await application.change_api_key(principal_of(request), found, changes)
        return KeyView.of(key, application.issue_api_key.clock())

    @delete("/{key_id:str}", responses=problems(401, 403, 404, 409, 503), summary="Revoke a key")
    async def revoke(self, request: ApiRequest, key_id: KeyName, application: Verbs) -> None:
        """Take a key back: it is refused from the very next request on, and kept for the record."""
        await application.revoke_api_key(principal_of(request), ApiKeyId(identifier(API_KEY, key_id)))
