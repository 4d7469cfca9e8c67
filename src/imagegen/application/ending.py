"""The end of a generation, as it is written down: in one unit of work, whoever ends it."""

from collections.abc import Iterable

from imagegen.domain.generations import Attempt, Generation
from imagegen.domain.identifiers import EventId
from imagegen.domain.ports import UnitOfWork
from imagegen.domain.usage import UsageRecord
from imagegen.domain.webhooks import WebhookEvent


def write_end(work: UnitOfWork, ended: Generation, attempts: Iterable[Attempt] = ()) -> None:
    """Gather what belongs to the end: the state, the calls that end with it, the images, the usage, and its event.

    The event has the generation's identifier: there is one end, and one event of it.
    """
    settled = list(attempts)
    work.generations.update(ended)
    for attempt in settled:
        work.attempts.update(attempt)
    for image in ended.images:
        work.images.add(image)
    work.usage.add(UsageRecord.of(ended, settled))
    work.webhook_deliveries.announce(WebhookEvent.of_generation(ended, EventId(ended.id)))
