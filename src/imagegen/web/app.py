"""The HTTP application: routes, guards and the layers every request passes, put together."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from litestar import Litestar
from litestar.config.cors import CORSConfig
from litestar.datastructures import State
from litestar.di import Provide
from litestar.types import ASGIApp

from imagegen.application import Application
from imagegen.web.api.accounts import AuthenticationController, ProfileController, SessionController
from imagegen.web.api.api_keys import ApiKeyController
from imagegen.web.api.asking import GenerateController
from imagegen.web.api.batches import BatchController
from imagegen.web.api.events import EventController
from imagegen.web.api.generations import GenerationController
from imagegen.web.api.health import HealthController
from imagegen.web.api.images import ImageContentController, ImageController
from imagegen.web.api.openapi import openapi_config, openapi_document
from imagegen.web.api.problem_pages import problem_page
from imagegen.web.api.usage import UsageController
from imagegen.web.api.webhooks import WebhookController
from imagegen.web.authentication import Authentication
from imagegen.web.bodies import LARGEST_BODY, JsonRequest
from imagegen.web.event_stream import HEARTBEAT_SECONDS
from imagegen.web.gate import Gate
from imagegen.web.logging import RequestLog
from imagegen.web.problems import handle
from imagegen.web.reference import REFERENCE_HANDLERS
from imagegen.web.unused import without_unused

CONTROLLERS: Final = (
    AuthenticationController,
    SessionController,
    ProfileController,
    ApiKeyController,
    GenerateController,
    GenerationController,
    EventController,
    BatchController,
    ImageController,
    ImageContentController,
    UsageController,
    WebhookController,
    HealthController,
)

SECURITY_HEADERS: Final = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-site"),
)
"""What every answer carries unless its route says otherwise."""

_EXPOSED: Final = [
    "ETag",
    "Idempotent-Replayed",
    "Location",
    "Retry-After",
    "X-Imagegen-Generation-Id",
    "X-Request-ID",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class WebOptions:
    """What was decided about the edge, by the operator for the most part."""

    hosts: tuple[str, ...]
    cors_origins: tuple[str, ...] = ()
    public_url: str | None = None
    log_prompts: bool = False
    heartbeat_seconds: float = HEARTBEAT_SECONDS


def create_app(
    application: Application,
    options: WebOptions,
    *,
    running: Callable[[], AbstractAsyncContextManager[object]],
    write_log: Callable[[bytes], object],
) -> ASGIApp:
    """The ASGI application. `running` is entered while it serves; `write_log` takes one line of JSON at a time."""

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        async with running():
            yield

    def provide() -> Application:
        return application

    with without_unused():
        litestar = Litestar(
            route_handlers=[*CONTROLLERS, problem_page, openapi_document, *REFERENCE_HANDLERS],
            dependencies={"application": Provide(provide, sync_to_thread=False)},
            middleware=[Authentication],
            exception_handlers={Exception: handle},
            openapi_config=openapi_config(),
            cors_config=_cors(options.cors_origins),
            request_class=JsonRequest,
            request_max_body_size=LARGEST_BODY,
            state=State(
                {
                    "application": application,
                    "public_url": options.public_url,
                    "log_prompts": options.log_prompts,
                    "heartbeat_seconds": options.heartbeat_seconds,
                }
            ),
            lifespan=[lifespan],
            logging_config=None,
        )
    gate = Gate(litestar, frozenset(options.hosts))
    # A cache must not give a page of one origin what was answered to another's, or to none.
    varying = ((b"vary", b"Origin"),) if options.cors_origins else ()
    return RequestLog(gate, write_log, SECURITY_HEADERS + varying)


def _cors(origins: tuple[str, ...]) -> CORSConfig | None:
    if not origins:
        return None
    named: dict[str, Any] = {"allow_origins": list(origins), "allow_credentials": False}
    return CORSConfig(**named, allow_headers=["*"], expose_headers=_EXPOSED, max_age=600)
