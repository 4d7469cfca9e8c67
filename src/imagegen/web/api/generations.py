"""Generations: ask for pictures, find them again."""

import logging
from typing import Annotated, Final, Literal

from litestar import Controller, Response, delete, get, patch, post
from litestar.datastructures import ResponseHeader
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromQuery, HeaderParameter, JSONBody, PathParameter, QueryParameter

from imagegen.application import Application
from imagegen.application.requesting import Asked
from imagegen.domain.errors import Fault, InvalidRequest, NotFound, StorageUnavailable
from imagegen.domain.generations import Generation, Status
from imagegen.domain.idempotency import Once
from imagegen.domain.identifiers import GENERATION, GenerationId, external
from imagegen.domain.images import Image
from imagegen.domain.ports import GenerationFilter
from imagegen.web.api.addresses import address, inlined
from imagegen.web.api.moments import moment_parameter, read_moment
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
from imagegen.web.api.requests import GenerationChange, NewGeneration
from imagegen.web.api.retries import asked_once
from imagegen.web.api.views import AttemptView, GenerationView, PageView, page_view
from imagegen.web.api.waiting import PATIENCE, wait_seconds
from imagegen.web.authentication import SECURITY, Access, access, principal_of
from imagegen.web.logging import wish_to_wait

_ASKING: Final = {
    202: ResponseSpec(
        GenerationView,
        generate_examples=False,
        description="Not finished yet; look again at `Location`, after as many seconds as `Retry-After` says.",
    ),
    **problems(401, 403, 404, 409, 502, 503, 504, body=True),
}
_NAMING: Final = [
    ResponseHeader("Location", value="", documentation_only=True, description="Where the generation can be read."),
    ResponseHeader("X-Imagegen-Generation-Id", value="", documentation_only=True, description="Its id."),
    REPLAYED,
]
_UNFINISHED: Final = [
    *_NAMING,
    ResponseHeader("Retry-After", value="", documentation_only=True, description="Seconds until it is worth a look."),
]
_POLL_SECONDS: Final = "2"
_MOST_WORDS: Final = 10
"""Each is looked for in every prompt of the caller."""

Prefer = Annotated[
    str | None, HeaderParameter(name="Prefer", description="`wait=N`: how many seconds to wait for the pictures.")
]

RetryCount = Annotated[
    str | None,
    HeaderParameter(
        name="X-Stainless-Retry-Count",
        description="Sent by official OpenAI clients. From 1 on, the same body is for 10 minutes the same generation.",
    ),
]

GenerationName = Annotated[str, PathParameter(description="The id of a generation, `gen_…`.")]


logger = logging.getLogger("imagegen.prompts")


class GenerateController(Controller):
    """The door for programs: an API key, a prompt, a picture."""

    path = "/v1/generate"
    tags = ("Generations",)
    opt = access(Access.KEY)
    security = SECURITY[Access.KEY]

    @post(responses=_ASKING, response_headers=_NAMING, summary="Generate and wait")
    async def generate(
        self,
        request: ApiRequest,
        data: JSONBody[NewGeneration],
        application: Verbs,
        prefer: Prefer = None,
        idempotency_key: IdempotencyKeyText = None,
        retry_count: RetryCount = None,
    ) -> Response[GenerationView]:
        """Draw pictures and wait for them: 201 with the whole generation, or 202 as it stands after 100 seconds.

        A caller that disconnects loses nothing; the generation is in the history. A failure is answered as a
        problem that says whether it was billed.
        """
        once = asked_once(principal_of(request), data, one_key(request, idempotency_key), retry_count)
        return await _ask(request, data, application, wait_seconds(prefer, PATIENCE), once)


class GenerationController(Controller):
    """The history, and the same door without waiting."""

    path = "/v1/generations"
    tags = ("Generations",)
    opt = access(Access.EITHER)
    security = SECURITY[Access.EITHER]

    @post(responses=_ASKING, response_headers=_NAMING, summary="Ask for a generation")
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
        return await _ask(request, data, application, wait_seconds(prefer, 0.0), once)

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
        return await _standing(request, generation, application)

    @get("/{generation_id:str}/attempts", responses=problems(401, 403, 404, 503), summary="List attempts")
    async def attempts(
        self, request: ApiRequest, generation_id: GenerationName, application: Verbs
    ) -> PageView[AttemptView]:
        """List every call made to a provider for a generation: its outcome, whether it was billed, its cost."""
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
        response_headers=_UNFINISHED,
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
        headers = {**_names(external(GENERATION, asked.generation.id)), "Retry-After": _POLL_SECONDS}
        if asked.replayed:
            headers["Idempotent-Replayed"] = "true"
        return Response(await _standing(request, asked.generation, application), status_code=202, headers=headers)

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


async def _ask(
    request: ApiRequest, data: NewGeneration, application: Application, wait: float, once: Once | None
) -> Response[GenerationView]:
    wish_to_wait(request.scope, wait)
    asked = await application.request_generation(
        principal_of(request),
        data.image_request(),
        labels=data.labels(),
        priority=data.priority,
        wait=wait,
        start_within=data.deadline_seconds,
        once=once,
    )
    generation = asked.generation
    name = external(GENERATION, generation.id)
    if request.app.state.log_prompts:
        logger.info("asked", extra={"generation": name, "prompt": data.prompt})
    if generation.failure is not None:
        raise _error(asked, name)
    headers = _names(name)
    if asked.replayed:
        headers["Idempotent-Replayed"] = "true"
    if not generation.status.final:
        headers["Retry-After"] = _POLL_SECONDS
    view = await _view(request, generation, data, application)
    return Response(view, status_code=201 if generation.status.final else 202, headers=headers)


async def _standing(request: ApiRequest, generation: Generation, application: Application) -> GenerationView:
    """The generation as it stands, with its place in the queue."""
    position = await application.read_position(generation)
    return GenerationView.of(generation, address(request, application), queue_position=position)


async def _view(
    request: ApiRequest, generation: Generation, data: NewGeneration, application: Application
) -> GenerationView:
    """The generation with the bytes of its images where the caller wished for them.

    It is paid for and remembered: bytes that cannot be had now do not hide it. Their image comes without `b64_json`
    and with its plain link, under which they can be asked for later.
    """
    if data.response_format == "url" or not generation.images:
        return await _standing(request, generation, application)
    link = address(request, application)
    texts = {image.id: await _inlined(image, application) for image in generation.images}
    if data.response_format == "b64_json":
        return GenerationView.of(generation, link, [*texts.values()])

    def inline(image: Image) -> str:
        text = texts[image.id]
        return link(image) if text is None else f"data:{image.content_type};base64,{text}"

    return GenerationView.of(generation, inline)


async def _inlined(image: Image, application: Application) -> str | None:
    try:
        return await inlined(image, application)
    except (NotFound, StorageUnavailable):
        return None


def _names(name: str) -> dict[str, str]:
    return {"Location": f"/v1/generations/{name}", "X-Imagegen-Generation-Id": name}


def _error(asked: Asked, name: str) -> Exception:
    assert asked.generation.failure is not None
    error = asked.generation.failure.error()
    error.provider = asked.generation.provider
    error.generation = name
    error.replayed = asked.replayed
    return error
