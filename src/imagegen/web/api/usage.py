"""Usage, and the models it is made with."""

from datetime import date
from typing import Annotated

from litestar import Controller, get
from litestar.params import FromQuery

from imagegen.domain.usage import GroupBy
from imagegen.web.api.moments import moment_parameter, read_moment
from imagegen.web.api.parameters import ApiRequest, Verbs, problems
from imagegen.web.api.views import ModelView, PageView, UsageView
from imagegen.web.authentication import SECURITY, Access, access, principal_of


class UsageController(Controller):
    """What was used, what it cost, and what could be used."""

    tags = ("Usage",)
    opt = access(Access.EITHER)
    security = SECURITY[Access.EITHER]

    @get("/v1/usage", responses=problems(401, 403, 422, 503), summary="Read the usage")
    async def usage(
        self,
        request: ApiRequest,
        application: Verbs,
        since: Annotated[str | None, moment_parameter("The first moment that counts.", "from")] = None,
        until: Annotated[str | None, moment_parameter("The first that does not.", "to")] = None,
        group_by: FromQuery[GroupBy] = GroupBy.DAY,
    ) -> PageView[UsageView]:
        """Read images, requests, failures and cost per day, key or model, by default of the last 30 days.

        A generation counts when it ends, and for good: clearing the history does not change the usage.
        """
        buckets = await application.read_usage(
            principal_of(request),
            since=read_moment("from", since),
            until=read_moment("to", until),
            group_by=group_by,
        )
        return PageView([UsageView.of(bucket) for bucket in buckets], None)

    @get("/v1/models", responses=problems(401, 403, 503), summary="List models")
    async def models(self, application: Verbs) -> PageView[ModelView]:
        """List every model that is known: what it can do and costs, and whether it is available now."""
        catalog = application.request_generation.catalog
        today: date = application.request_generation.clock().date()
        return PageView([ModelView.of(model, catalog, today) for model in catalog.models], None)
