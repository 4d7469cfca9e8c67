"""Health: for load balancers and people on call."""

from collections.abc import Mapping

from litestar import Controller, Response, get
from litestar.openapi.datastructures import ResponseSpec
from msgspec import Struct

from imagegen.application.health import Condition, PartHealth
from imagegen.web.api.parameters import Verbs, problems
from imagegen.web.authentication import SECURITY, Access, access


class LiveView(Struct, frozen=True):
    """The process serves."""

    status: str


class PartView(Struct, frozen=True):
    """One part: how it is, how long its answer took, what is wrong."""

    status: Condition
    latency_ms: float
    detail: str | None


class ReadyView(Struct, frozen=True):
    """The whole and its parts."""

    status: Condition
    checks: Mapping[str, PartView]


class HealthController(Controller):
    """Never draws a picture, never needs a credential."""

    path = "/health"
    tags = ("Operations",)
    opt = access(Access.PUBLIC)
    security = SECURITY[Access.PUBLIC]

    @get("/live", responses=problems(), summary="Is the process serving?", sync_to_thread=False)
    def live(self) -> LiveView:
        """Answer 200 while the process serves."""
        return LiveView("ok")

    @get(
        "/ready",
        responses={
            **problems(),
            503: ResponseSpec(ReadyView, generate_examples=False, description="An essential part is away."),
        },
        summary="Can it do its work?",
    )
    async def ready(self, application: Verbs) -> Response[ReadyView]:
        """Answer 200 when database, storage, queue and workers do their work, 503 when one of them does not.

        A provider that is away makes it `degraded`, still 200: history and storage work.
        """
        health = await application.check_health()
        status = 503 if health.status is Condition.UNAVAILABLE else 200
        checks = {name: _view(part) for name, part in health.checks.items()}
        return Response(ReadyView(health.status, checks), status_code=status)


def _view(part: PartHealth) -> PartView:
    return PartView(part.status, part.latency_ms, part.detail)
