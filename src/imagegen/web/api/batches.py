"""Batches: ask for many pictures at once, and fetch them when they are there."""

import logging
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated, Final

from litestar import Controller, Response, get, post
from litestar.datastructures import ResponseHeader
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, PathParameter
from litestar.response.base import ASGIResponse

from imagegen.domain.generations import Generation
from imagegen.domain.identifiers import BATCH, BatchId, external
from imagegen.web.api.addresses import address
from imagegen.web.api.parameters import (
    PAGE_SIZE,
    REPLAYED,
    ApiRequest,
    CursorText,
    IdempotencyKeyText,
    Limit,
    Verbs,
    identifier,
    one_key,
    page_request,
    problems,
)
from imagegen.web.api.requests import NewBatch
from imagegen.web.api.retries import asked_once
from imagegen.web.api.views import Address, BatchView, PageView, ResultView, page_view
from imagegen.web.authentication import SECURITY, Access, access, principal_of
from imagegen.web.bodies import LARGEST_BATCH
from imagegen.web.json_lines import MEDIA_TYPE, JsonLines

BatchName = Annotated[str, PathParameter(description="The id of a batch, `bat_…`.")]

_NAMING: Final = [
    ResponseHeader("Location", value="", documentation_only=True, description="Where the batch can be read."),
    REPLAYED,
]
_RESULTS: Final = {
    200: ResponseSpec(
        ResultView,
        generate_examples=False,
        media_type=MEDIA_TYPE,
        description="JSON lines: each is a result, without line breaks in it.",
    ),
    **problems(401, 403, 404, 503),
}

logger = logging.getLogger("imagegen.prompts")


class BatchController(Controller):
    """Many requests as one."""

    path = "/v1/batches"
    tags = ("Batches",)
    opt = access(Access.EITHER)
    security = SECURITY[Access.EITHER]

    @post(
        status_code=202,
        request_max_body_size=LARGEST_BATCH,
        responses=problems(401, 403, 409, 503, body=True),
        response_headers=_NAMING,
        summary="Submit a batch",
    )
    async def submit(
        self,
        request: ApiRequest,
        data: JSONBody[NewBatch],
        application: Verbs,
        idempotency_key: IdempotencyKeyText = None,
    ) -> Response[BatchView]:
        """Take 1 to 1,000 requests as one: all of them, or none where any is not valid; the answer says which.

        Each becomes a generation like any other. They are drawn in a bounded share of the places, so that what is
        asked for by itself stays quick. Their `priority` counts among what belongs to batches.
        """
        once = asked_once(principal_of(request), data, one_key(request, idempotency_key), None)
        submitted = await application.submit_batch(principal_of(request), data.wishes(), once=once)
        name = external(BATCH, submitted.batch.id)
        if request.app.state.log_prompts:
            for index, one in enumerate(data.requests):
                logger.info("asked", extra={"batch": name, "index": index, "prompt": one.prompt})
        headers = {"Location": f"/v1/batches/{name}"}
        if submitted.replayed:
            headers["Idempotent-Replayed"] = "true"
        return Response(BatchView.of(submitted.batch), status_code=202, headers=headers)

    @get(responses=problems(401, 403, 422, 503), summary="List batches")
    async def list_batches(
        self, request: ApiRequest, application: Verbs, limit: Limit = PAGE_SIZE, cursor: CursorText = None
    ) -> PageView[BatchView]:
        """List the caller's batches, newest first, each with its counts."""
        page = await application.list_batches(principal_of(request), page_request(limit, cursor))
        return page_view(page, BatchView.of)

    @get("/{batch_id:str}", responses=problems(401, 403, 404, 503), summary="Read a batch")
    async def read(self, request: ApiRequest, batch_id: BatchName, application: Verbs) -> BatchView:
        """Read one of the caller's batches as it stands.

        It is `queued` until the first of it begins, then `running`, and `finished` when all of it has ended, however
        that was; `batch.finished` tells webhooks so. It is `canceled` from the moment at which it was taken back.
        """
        return BatchView.of(await application.read_batch(principal_of(request), _id(batch_id)))

    @post(
        "/{batch_id:str}/cancel", status_code=200, responses=problems(401, 403, 404, 409, 503), summary="Cancel a batch"
    )
    async def cancel(self, request: ApiRequest, batch_id: BatchName, application: Verbs) -> BatchView:
        """Take a batch back; what of it has ended stays as it is, and so does a batch that has.

        What is queued never starts. The calls of what runs are abandoned; their providers may bill them all the same,
        so `billed` is `unknown` then.
        """
        return BatchView.of(await application.cancel_batch(principal_of(request), _id(batch_id)))

    @get("/{batch_id:str}/results", responses=_RESULTS, summary="Read the results of a batch")
    async def results(self, request: ApiRequest, batch_id: BatchName, application: Verbs) -> ASGIResponse:
        """Read what came of a batch so far, as JSON lines: one for each request that has ended, in their order.

        What waits or runs has no line yet; what was deleted has none any more.
        """
        ended = await application.read_results(principal_of(request), _id(batch_id))
        return JsonLines(_seen(ended, address(request, application)))


async def _seen(ended: AsyncIterator[Generation], link: Address) -> AsyncGenerator[ResultView, None]:
    async for generation in ended:
        yield ResultView.of(generation, link)


def _id(text: str) -> BatchId:
    return BatchId(identifier(BATCH, text))
