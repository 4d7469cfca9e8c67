"""Watching a generation: its events as they happen."""

from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from http import HTTPStatus
from typing import Annotated, Final

from litestar import Controller, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter
from litestar.response.base import ASGIResponse

from imagegen.domain.errors import DatabaseUnavailable, NotFound
from imagegen.domain.identifiers import GENERATION, GenerationId
from imagegen.domain.snapshots import Snapshot
from imagegen.web.api.addresses import address
from imagegen.web.api.examples.events import EVENTS
from imagegen.web.api.generations import GenerationName
from imagegen.web.api.parameters import ApiRequest, Verbs, identifier, problems
from imagegen.web.api.views import Address, EventView
from imagegen.web.authentication import SECURITY, Access, access, principal_of
from imagegen.web.event_stream import MEDIA_TYPE, EventStream

LastEventId = Annotated[
    str | None,
    HeaderParameter(
        name="Last-Event-ID",
        description="The `id` of the last event that was heard: those after it are told. Unknown ones count as none.",
    ),
]

_ANSWERS: Final = {
    200: ResponseSpec(
        EventView,
        generate_examples=False,
        media_type=MEDIA_TYPE,
        description=f"Events until it has ended, for example (much is cut out):\n```\n{EVENTS}```",
    ),
    204: ResponseSpec(None, description="The last event heard was `done`: there will be nothing more to tell."),
    **problems(401, 403, 404, 503),
}


class EventController(Controller):
    """For whoever would rather be told than ask again and again."""

    path = "/v1/generations/{generation_id:str}/events"
    tags = ("Generations",)
    opt = access(Access.EITHER)
    security = SECURITY[Access.EITHER]

    @get(responses=_ANSWERS, summary="Watch a generation")
    async def watch(
        self, request: ApiRequest, generation_id: GenerationName, application: Verbs, last_event_id: LastEventId = None
    ) -> ASGIResponse:
        """Follow a generation as server-sent events: every state, its place in the queue, its images, and its end.

        The events are told from the first one on, or from the one after `Last-Event-ID`, whichever process is asked.
        After `done` the stream ends; if it ends before, ask again. A comment comes every 15 seconds.
        """
        watched = GenerationId(identifier(GENERATION, generation_id))
        generation = await application.read_generation(principal_of(request), watched)
        if generation.status.final and not Snapshot(generation).after(last_event_id):
            return ASGIResponse(status_code=HTTPStatus.NO_CONTENT)
        snapshots = application.watch_generation(principal_of(request), watched)
        events = _events(snapshots, last_event_id, address(request, application))
        return EventStream(events, heartbeat_seconds=request.app.state.heartbeat_seconds)


async def _events(
    snapshots: AsyncGenerator[Snapshot, None], last: str | None, link: Address
) -> AsyncGenerator[bytes, None]:
    """What each snapshot has to tell after what the ones before it told."""
    with suppress(NotFound, DatabaseUnavailable):  # since a moment ago; who asks again is told
        async with aclosing(snapshots):
            async for snapshot in snapshots:
                for event in snapshot.after(last):
                    yield _written(EventView.of(event, link))
                    last = event.id


def _written(event: EventView) -> bytes:
    return f"id: {event.id}\nevent: {event.event}\ndata: {event.data}\n\n".encode()
