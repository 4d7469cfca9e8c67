"""What an HTTP status other than 200 means for a call, wherever the provider says nothing closer."""

from http import HTTPStatus
from typing import Any

from imagegen.domain.errors import (
    Billed,
    OutcomeUnknown,
    ProviderAccount,
    ProviderBusy,
    ProviderError,
    ProviderMisbehaved,
    ProviderUnreachable,
    Stage,
)


def failure(
    status: int,
    *,
    declined: bool = False,
    provider_code: str | None = None,
    retry_after: float | None = None,
    request_id: str | None = None,
) -> ProviderError:
    """The error that a status stands for.

    What was refused was not billed. A provider that failed may have billed. A 503 counts as refused only if the call
    was `declined`: if its body is the provider's own word that it has no room. Whoever stands in between answers 503 as
    well, when it has passed the request on and the provider's answer gets lost.
    """
    said: dict[str, Any] = {"provider_code": provider_code, "request_id": request_id}
    error: ProviderError
    match status:
        case 401 | 402 | 403 | 404:  # key, credit, permission, model or address: the operator's to mend
            error = ProviderAccount(**said)
        case 429:
            error = ProviderBusy(retry_after=retry_after, **said)
        case 503 if declined:
            detail = "The provider is not available."
            error = ProviderUnreachable(detail, billed=Billed.NO, retry_after=retry_after, **said)
        case 408 | 499 | 504 | 524:  # somebody stopped waiting, 524 a delivery network, while the provider works on
            error = OutcomeUnknown(**said)
        case 502 | 503:  # somebody in between has no answer of the provider's
            error = OutcomeUnknown("The provider's answer was lost on the way.", **said)
        case _ if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            error = ProviderUnreachable("The provider failed.", **said)
        case _ if status >= HTTPStatus.BAD_REQUEST:
            error = ProviderMisbehaved("The provider refused the request.", stage=Stage.INPUT, billed=Billed.NO, **said)
        case _ if status >= HTTPStatus.MULTIPLE_CHOICES:
            detail = "The provider has moved."
            error = ProviderMisbehaved(detail, stage=Stage.TRANSPORT, billed=Billed.NO, **said)
        case _:
            error = ProviderMisbehaved(**said)
    return error
