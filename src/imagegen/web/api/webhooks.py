"""Webhooks: have an address told what became of one's generations."""

from typing import Annotated, Final

from litestar import Controller, Response, delete, get, patch, post
from litestar.datastructures import ResponseHeader
from litestar.params import JSONBody, PathParameter
from msgspec import UNSET

from imagegen.application.webhooks import WebhookChanges
from imagegen.domain.identifiers import EVENT, WEBHOOK, EventId, WebhookId, external
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
from imagegen.web.api.requests import NewWebhook, WebhookChange
from imagegen.web.api.views import (
    ChangedWebhookView,
    DeliveryView,
    NewWebhookView,
    PageView,
    WebhookView,
    page_view,
)
from imagegen.web.authentication import SECURITY, Access, access, principal_of

WebhookName = Annotated[str, PathParameter(description="The id of a webhook, `whk_…`.")]
DeliveryName = Annotated[str, PathParameter(description="The id of a delivery, `evt_…`.")]

_NAMING: Final = [
    ResponseHeader("Location", value="", documentation_only=True, description="Where the webhook can be read."),
]


class WebhookController(Controller):
    """Standard Webhooks: https://www.standardwebhooks.com."""

    path = "/v1/webhooks"
    tags = ("Webhooks",)
    opt = access(Access.EITHER)
    security = SECURITY[Access.EITHER]

    @post(responses=problems(401, 403, 409, 503, body=True), response_headers=_NAMING, summary="Create a webhook")
    async def create(
        self, request: ApiRequest, data: JSONBody[NewWebhook], application: Verbs
    ) -> Response[NewWebhookView]:
        """Have an address told of events. The secret that signs them is in this answer and in no later one.

        Each event is a `POST` that is signed as Standard Webhooks has it. What is not answered with 2xx is tried again
        for three days; 410 switches the webhook off.
        """
        endpoint, secret = await application.create_webhook(
            principal_of(request), url=data.url, events=data.events, description=data.description
        )
        headers = {"Location": f"/v1/webhooks/{external(WEBHOOK, endpoint.id)}"}
        return Response(NewWebhookView.of_new(endpoint, secret), status_code=201, headers=headers)

    @get(responses=problems(401, 403, 422, 503), summary="List webhooks")
    async def list_webhooks(
        self, request: ApiRequest, application: Verbs, limit: Limit = PAGE_SIZE, cursor: CursorText = None
    ) -> PageView[WebhookView]:
        """List the caller's webhooks, newest first; never their secrets."""
        page = await application.list_webhooks(principal_of(request), page_request(limit, cursor))
        return page_view(page, WebhookView.of)

    @get("/{webhook_id:str}", responses=problems(401, 403, 404, 503), summary="Read a webhook")
    async def read(self, request: ApiRequest, webhook_id: WebhookName, application: Verbs) -> WebhookView:
        """Read one of the caller's webhooks; never its secret."""
        return WebhookView.of(await application.read_webhook(principal_of(request), _id(webhook_id)))

    @patch("/{webhook_id:str}", responses=problems(401, 403, 404, 409, 503, body=True), summary="Change a webhook")
    async def change(
        self, request: ApiRequest, webhook_id: WebhookName, data: JSONBody[WebhookChange], application: Verbs
    ) -> ChangedWebhookView:
        """Change address, events or description, switch it off or on, or rotate its secret; what is left out stays.

        For 24 hours after a rotation messages carry signatures of both secrets, and after several rotations those of
        the new one and the last four before it. While a webhook is off it is told of nothing that happens; what was on
        its way goes on when it is switched on again.
        """
        changes = WebhookChanges(
            url=None if data.url is UNSET else data.url,
            description=None if data.description is UNSET else data.description,
            keep_description=data.description is UNSET,
            events=None if data.events is UNSET else data.events,
            enabled=None if data.enabled is UNSET else data.enabled,
            rotate_secret=data.rotate_secret,
        )
        endpoint, secret = await application.change_webhook(principal_of(request), _id(webhook_id), changes)
        return ChangedWebhookView.of_changed(endpoint, secret)

    @delete("/{webhook_id:str}", responses=problems(401, 403, 404, 409, 503), summary="Delete a webhook")
    async def remove(self, request: ApiRequest, webhook_id: WebhookName, application: Verbs) -> None:
        """Forget a webhook and all that was told to it; nothing more is sent there."""
        await application.delete_webhook(principal_of(request), _id(webhook_id))

    @get("/{webhook_id:str}/deliveries", responses=problems(401, 403, 404, 422, 503), summary="List deliveries")
    async def deliveries(
        self,
        request: ApiRequest,
        webhook_id: WebhookName,
        application: Verbs,
        limit: Limit = PAGE_SIZE,
        cursor: CursorText = None,
    ) -> PageView[DeliveryView]:
        """List what a webhook was told, newest first: each event, its tries, and what came of them."""
        wanted = page_request(limit, cursor)
        page = await application.list_deliveries(principal_of(request), _id(webhook_id), wanted)
        return page_view(page, DeliveryView.of)

    @post(
        "/{webhook_id:str}/deliveries/{delivery_id:str}/redeliver",
        status_code=202,
        responses=problems(401, 403, 404, 409, 503),
        summary="Redeliver an event",
    )
    async def redeliver(
        self, request: ApiRequest, webhook_id: WebhookName, delivery_id: DeliveryName, application: Verbs
    ) -> DeliveryView:
        """Send an event anew, with all of its tries, whatever became of it before. Its `webhook-id` stays."""
        event_id = EventId(identifier(EVENT, delivery_id))
        return DeliveryView.of(await application.redeliver(principal_of(request), _id(webhook_id), event_id))


def _id(text: str) -> WebhookId:
    return WebhookId(identifier(WEBHOOK, text))
