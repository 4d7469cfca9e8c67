"""Generations: asked for as jobs, found again, taken back, filed and forgotten."""

from typing import Annotated, Final, Literal

from litestar import Controller, Response, delete, get, patch, post
from litestar.params import FromQuery, JSONBody, PathParameter, QueryParameter

from imagegen.domain.errors import Fault, InvalidRequest
from imagegen.domain.generations import Status
from imagegen.domain.identifiers import GENERATION, GenerationId
from imagegen.domain.ports import GenerationFilter
from imagegen.web.api.addresses import address
from imagegen.web.api.asking import ASKING, NAMING, UNFINISHED, Prefer, RetryCount, ask, naming, standing
from imagegen.web.api.moments import moment_parameter, read_moment
from imagegen.web.api.parameters import (
    PAGE_SIZE,
    ApiRequest,
    CursorText,
    IdempotencyKeyText,
    Limit,
    Verbs,
    identifier,
    no_null,
    one_key,
    page_request,
    problems,
)
from imagegen.web.api.requests import GenerationChange, NewGeneration
from imagegen.web.api.retries import asked_once
from imagegen.web.api.views import AttemptView, GenerationView, PageView, page_view
from imagegen.web.api.waiting import wait_seconds
from imagegen.web.authentication import SECURITY, Access, access, principal_of

_MOST_WORDS: Final = 10
"""Each is looked for in every prompt of the caller."""

GenerationName = Annotated[str, PathParameter(description="The id of a generation, `gen_…`.")]


class GenerationController(Controller):
    """The history, and the same door without waiting."""

    path = "/v1/generations"
    tags = ("Generations",)
    opt = access(Access.EITHER)
    security = SECURITY[Access.EITHER]

    @post(responses=ASKING, response_headers=NAMING, summary="Ask for a generation")
    async def ask(
        self,
        request: ApiRequest,
        data: JSONBody[NewGeneration],
        application: Verbs,
        prefer: Prefer = None,
        idempotency_key: IdempotencyKeyText = None,
        retry_count: RetryCount = None,
    ) -> Response[GenerationView]:
        """Take a request and answer at once with 202, or wait for it as `Prefer: wait=N` says."""
        once = asked_once(principal_of(request), data, one_key(request, idempotency_key), retry_count)
        return await ask(request, data, application, wait_seconds(prefer, 0.0), once)

    @get(responses=problems(401, 403, 422, 503), summary="List generations")
    async def list_generations(
        self,
        request: ApiRequest,
        application: Verbs,
        limit: Limit = PAGE_SIZE,
        cursor: CursorText = None,
        status: FromQuery[Status | None] = None,
        provider: Annotated[str | None, QueryParameter(max_length=50)] = None,
        model: Annotated[str | None, QueryParameter(max_length=100)] = None,
        tag: Annotated[str | None, QueryParameter(max_length=64)] = None,
        favorite: FromQuery[bool | None] = None,
        q: Annotated[str | None, QueryParameter(max_length=500, description="Words in prompt or title.")] = None,
        created_after: Annotated[str | None, moment_parameter("Only those asked for after this moment.")] = None,
        created_before: Annotated[str | None, moment_parameter("Only those asked for before it.")] = None,
        sort: Annotated[
            Literal["-created_at", "created_at"], QueryParameter(description="Newest or oldest first.")
        ] = "-created_at",
    ) -> PageView[GenerationView]:
        """List the caller's generations, newest first, those that match every filter given."""
        no_null(request, status=status, favorite=favorite)
        matching = GenerationFilter(
            status=status,
            provider=provider,
            model=model,
            tag=tag,
            favorite=favorite,
            words=_words(q or ""),
            created_after=read_moment("created_after", created_after),
            created_before=read_moment("created_before", created_before),
        )
        wanted = page_request(limit, cursor, oldest_first=sort == "created_at")
        page = await application.list_generations(principal_of(request), matching, wanted)
        see = address(request, application)
        return page_view(page, lambda generation: GenerationView.of(generation, see))

    @delete(status_code=204, responses=problems(401, 403, 503), summary="Clear the history")
    async def clear(self, request: ApiRequest, application: Verbs) -> None:
        """Forget all finished generations and their images' bytes; what is queued or running stays."""
        await application.clear_history(principal_of(request))

    @get("/{generation_id:str}", responses=problems(401, 403, 404, 503), summary="Read a generation")
    async def read(self, request: ApiRequest, generation_id: GenerationName, application: Verbs) -> GenerationView:
        """Read one of the caller's generations as it stands."""
        generation = await application.read_generation(principal_of(request), _id(generation_id))
        return await standing(request, generation, application)

    @get("/{generation_id:str}/attempts", responses=problems(401, 403, 404, 503), summary="List attempts")
    async def attempts(
        self, request: ApiRequest, generation_id: GenerationName, application: Verbs
    ) -> PageView[AttemptView]:
        """List every attempt at a call to a provider for a generation: its outcome, whether it was billed, its cost.

        Where in the end nobody was called, because the provider is left alone for a moment after failures or the
        generation was canceled before, the attempt has failed and is not billed.
        """
        attempts = await application.list_attempts(principal_of(request), _id(generation_id))
        return PageView([AttemptView.of(attempt) for attempt in attempts], None)

    @post(
        "/{generation_id:str}/cancel",
        status_code=200,
        responses=problems(401, 403, 404, 409, 503),
        summary="Cancel a generation",
    )
    async def cancel(self, request: ApiRequest, generation_id: GenerationName, application: Verbs) -> GenerationView:
        """Take a generation back; one that has ended stays as it is.

        What is queued never starts. The call of what runs is abandoned; its provider may bill it all the same, so
        `billed` is `unknown` then.
        """
        generation = await application.cancel_generation(principal_of(request), _id(generation_id))
        return GenerationView.of(generation, address(request, application))

    @post(
        "/{generation_id:str}/retry",
        status_code=202,
        responses=problems(401, 403, 404, 409, 422, 503),
        response_headers=UNFINISHED,
        summary="Retry a generation",
    )
    async def retry(
        self,
        request: ApiRequest,
        generation_id: GenerationName,
        application: Verbs,
        idempotency_key: IdempotencyKeyText = None,
        retry_count: RetryCount = None,
    ) -> Response[GenerationView]:
        """Ask for the same again after a generation failed or was canceled, as a new one that names the first.

        imagegen never does this by itself where the first may have been billed.
        """
        principal = principal_of(request)
        once = asked_once(principal, {"retry_of": generation_id}, one_key(request, idempotency_key), retry_count)
        asked = await application.retry_generation(principal, _id(generation_id), once=once)
        view = await standing(request, asked.generation, application)
        return Response(view, status_code=202, headers=naming(asked))

    @patch(
        "/{generation_id:str}",
        responses=problems(401, 403, 404, 409, 503, body=True),
        summary="Relabel a generation",
    )
    async def relabel(
        self, request: ApiRequest, generation_id: GenerationName, data: JSONBody[GenerationChange], application: Verbs
    ) -> GenerationView:
        """Change title, tags, favorite or metadata; what is left out stays, `null` clears."""
        generation = await application.relabel_generation(principal_of(request), _id(generation_id), data.applied_to)
        return GenerationView.of(generation, address(request, application))

    @delete(
        "/{generation_id:str}",
        status_code=204,
        responses=problems(401, 403, 404, 409, 503),
        summary="Delete a generation",
    )
    async def remove(self, request: ApiRequest, generation_id: GenerationName, application: Verbs) -> None:
        """Forget a finished generation and its images' bytes. What it cost stays in the usage."""
        await application.delete_generation(principal_of(request), _id(generation_id))


def _words(text: str) -> tuple[str, ...]:
    words = tuple(dict.fromkeys(text.split()))
    if len(words) > _MOST_WORDS:
        raise InvalidRequest(faults=(Fault("#q", f"Up to {_MOST_WORDS} words can be looked for at once."),))
    return words


def _id(text: str) -> GenerationId:
    return GenerationId(identifier(GENERATION, text))
