"""Fitting a request to a model: what was wished for becomes a generation, before any money is spent."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from imagegen.domain.catalog import Catalog, ImageModel
from imagegen.domain.generations import Generation, Priority, Status
from imagegen.domain.identifiers import GenerationId
from imagegen.domain.images import ImageRequest, Labels
from imagegen.domain.users import Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody wants drawn, how it is filed, and how urgent it is.

    It is given up unless it starts within `start_within` seconds. `retry_of` is what the same was asked for before.
    """

    request: ImageRequest
    labels: Labels
    priority: Priority = Priority.NORMAL
    start_within: float | None = None
    retry_of: GenerationId | None = None


def fitted(
    wish: Wish, catalog: Catalog, *, principal: Principal, id: GenerationId, now: datetime
) -> tuple[Generation, ImageModel]:
    """The generation that the wish becomes, queued and remembered nowhere yet, and the model that will draw it.

    Raises:
        UnknownModel, UnsupportedParameters, ProviderNotConfigured: as `Catalog.fit` does.
        InvalidRequest: its labels are not valid.
    """
    found = catalog.fit(wish.request, now.date())
    generation = Generation(
        id=id,
        user_id=principal.user_id,
        api_key_id=principal.api_key_id,
        status=Status.QUEUED,
        requested=wish.request,
        applied=found.applied,
        adjustments=found.adjustments,
        provider=found.model.provider,
        model=found.model.id,
        labels=wish.labels.checked(),
        priority=wish.priority,
        created_at=now,
        start_by=None if wish.start_within is None else now + timedelta(seconds=wish.start_within),
        retry_of=wish.retry_of,
    )
    return generation, found.model
