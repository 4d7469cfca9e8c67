"""The end of a generation, as it is written down: in one unit of work, whoever ends it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from imagegen.domain.attempts import Attempt, Outcome
from imagegen.domain.errors import Billed, GenerationCanceled, ProviderUnreachable
from imagegen.domain.generations import Generation
from imagegen.domain.identifiers import EventId
from imagegen.domain.ports import UnitOfWork
from imagegen.domain.usage import UsageRecord
from imagegen.domain.webhooks import WebhookEvent

_NEVER_MADE: Final = ProviderUnreachable("The database did not say that the call was on record.", billed=Billed.NO)


def write_end(work: UnitOfWork, ended: Generation, attempts: Iterable[Attempt] = ()) -> None:
    """Gather what belongs to the end: the state, the calls that end with it, the images, the usage, and its event.

    The event has the generation's identifier: there is one end, and one event of it.
    """
    settled = list(attempts)
    work.generations.update(ended)
    for attempt in settled:
        work.attempts.update(attempt)
    if ended.finished_at is not None and any(attempt.error_code is not None for attempt in settled):
        # What was to follow a failed call is on record and was never made, if the answer to that commit was lost.
        work.attempts.end_open(ended.id, _NEVER_MADE, ended.finished_at)
    for image in ended.images:
        work.images.add(image)
    work.usage.add(UsageRecord.of(ended, settled))
    work.webhook_deliveries.announce(WebhookEvent.of_generation(ended, EventId(ended.id)))


def write_cancellation(
    work: UnitOfWork, generation: Generation, attempts: Iterable[Attempt], now: datetime
) -> Generation:
    """Gather what belongs to taking a generation back, with the calls that were made for it; return it as it ends."""
    under_way = [one for one in attempts if one.outcome is Outcome.STARTED]
    canceled = generation.cancel(now, calling=bool(under_way))  # what had ended and was tried again was not billed
    error = GenerationCanceled(billed=Billed.UNKNOWN)
    write_end(work, canceled, [one.fail(error, now) for one in under_way])
    return canceled
