"""Asking for pictures, and what is answered."""

import logging
from typing import Annotated, Final

from litestar import Controller, Response, post
from litestar.datastructures import ResponseHeader
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, JSONBody

from imagegen.application import Application
from imagegen.application.requesting import Asked
from imagegen.domain.errors import NotFound, StorageUnavailable
from imagegen.domain.generations import Generation
from imagegen.domain.idempotency import Once
from imagegen.domain.identifiers import GENERATION, external
from imagegen.domain.images import Image
from imagegen.web.api.addresses import address, inlined
from imagegen.web.api.parameters import REPLAYED, ApiRequest, IdempotencyKeyText, Verbs, one_key, problems
from imagegen.web.api.requests import NewGeneration
from imagegen.web.api.retries import asked_once
from imagegen.web.api.views import GenerationView
from imagegen.web.api.waiting import PATIENCE, wait_seconds
from imagegen.web.authentication import SECURITY, Access, access, principal_of
from imagegen.web.logging import wish_to_wait

ASKING: Final = {
    202: ResponseSpec(
        GenerationView,
        generate_examples=False,
        description="Not finished yet; look again at `Location`, after as many seconds as `Retry-After` says.",
    ),
    **problems(401, 403, 404, 409, 502, 503, 504, body=True),
}
NAMING: Final = [
    ResponseHeader("Location", value="", documentation_only=True, description="Where the generation can be read."),
    ResponseHeader("X-Imagegen-Generation-Id", value="", documentation_only=True, description="Its id."),
    REPLAYED,
]
UNFINISHED: Final = [
    *NAMING,
    ResponseHeader("Retry-After", value="", documentation_only=True, description="Seconds until it is worth a look."),
]
_POLL_SECONDS: Final = "2"

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

logger = logging.getLogger("imagegen.prompts")


class GenerateController(Controller):
    """The door for programs: an API key, a prompt, a picture."""

    path = "/v1/generate"
    tags = ("Generations",)
    opt = access(Access.KEY)
    security = SECURITY[Access.KEY]

    @post(responses=ASKING, response_headers=NAMING, summary="Generate and wait")
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
        return await ask(request, data, application, wait_seconds(prefer, PATIENCE), once)


async def ask(
    request: ApiRequest, data: NewGeneration, application: Application, wait: float, once: Once | None
) -> Response[GenerationView]:
    """Ask, wait, and answer with the generation; raise the error of one that has failed."""
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
    view = await _view(request, generation, data, application)
    return Response(view, status_code=201 if generation.status.final else 202, headers=naming(asked))


async def standing(request: ApiRequest, generation: Generation, application: Application) -> GenerationView:
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
        return await standing(request, generation, application)
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


def naming(asked: Asked) -> dict[str, str]:
    """The headers that say where it is, whether it was asked for before, and when it is worth a look."""
    name = external(GENERATION, asked.generation.id)
    headers = {"Location": f"/v1/generations/{name}", "X-Imagegen-Generation-Id": name}
    if asked.replayed:
        headers["Idempotent-Replayed"] = "true"
    if not asked.generation.status.final:
        headers["Retry-After"] = _POLL_SECONDS
    return headers


def _error(asked: Asked, name: str) -> Exception:
    assert asked.generation.failure is not None
    error = asked.generation.failure.error()
    error.provider = asked.generation.provider
    error.generation = name
    error.replayed = asked.replayed
    return error
