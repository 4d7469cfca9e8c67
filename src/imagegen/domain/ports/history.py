"""What is remembered of the work: jobs, calls, pictures, what they came to, and who is at it."""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from imagegen.domain.attempts import Attempt
from imagegen.domain.errors import ProviderError
from imagegen.domain.generations import Generation, Priority, Status
from imagegen.domain.identifiers import AttemptId, GenerationId, ImageId, UserId, WorkerId
from imagegen.domain.images import Image
from imagegen.domain.pages import Page, PageRequest
from imagegen.domain.usage import UsageBucket, UsageQuery, UsageRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationFilter:
    """Which of a user's generations are wanted; what is `None` (or empty) does not matter."""

    status: Status | None = None
    provider: str | None = None
    model: str | None = None
    tag: str | None = None
    favorite: bool | None = None
    words: tuple[str, ...] = ()
    created_after: datetime | None = None
    created_before: datetime | None = None


class Generations(Protocol):
    """The jobs, with their images."""

    @abstractmethod
    async def get(self, generation_id: GenerationId, owner: UserId) -> Generation | None:
        """The owner's generation, or `None`."""

    @abstractmethod
    async def find(self, generation_id: GenerationId) -> Generation | None:
        """Anybody's generation, or `None`: for the worker."""

    @abstractmethod
    async def running_at(self, worker_id: WorkerId, begun_before: datetime) -> Sequence[GenerationId]:
        """Generations that run at that worker and began before a moment (at most 1,000)."""

    @abstractmethod
    async def page(self, owner: UserId, matching: GenerationFilter, wanted: PageRequest) -> Page[Generation]:
        """The owner's generations that match. Words match anywhere in prompt or title, whatever their case."""

    @abstractmethod
    async def waiting(self, *, batched: bool = False) -> Sequence[GenerationId]:
        """Generations that are queued, in the order in which they go (at most 1,000).

        What belongs to a batch waits in a line of its own, and so it is in the next two.
        """

    @abstractmethod
    async def ahead(self, generation: Generation) -> int:
        """How many go before this one of those queued in its line: of a higher priority, or of the same and older."""

    @abstractmethod
    async def first_above(self, priority: Priority, limit: int = 1, *, batched: bool = False) -> Sequence[GenerationId]:
        """Those that go first of those queued in the line with a higher priority, at most `limit`, in their order."""

    @abstractmethod
    async def overdue(self, now: datetime) -> Sequence[GenerationId]:
        """Queued generations that were to start by a moment that has passed (at most 1,000)."""

    @abstractmethod
    async def stranded(self) -> Sequence[GenerationId]:
        """Running generations whose worker's lease has run out by the clock of the database (at most 1,000)."""

    @abstractmethod
    def add(self, generation: Generation) -> None:
        """Remember a new generation."""

    @abstractmethod
    def update(self, generation: Generation) -> None:
        """Remember how far a generation has come. The commit raises `StaleWrite` unless `version` is the next one.

        Its labels are not touched, nor are its images: these are added through `Images`.
        """

    @abstractmethod
    def relabel(self, generation: Generation) -> None:
        """Remember its labels, and nothing else. The commit raises `StaleWrite` unless `version` is the next one."""

    @abstractmethod
    def hold(self, generation: Generation) -> None:
        """Count its version on. The commit raises `StaleWrite` unless it still runs at the same worker with its lease.

        So whoever read it before cannot end it any more without reading it again.
        """

    @abstractmethod
    def take_over(self, generation: Generation) -> None:
        """Change nothing; the commit raises `StaleWrite` unless it still runs at the same worker without a lease.

        The clock of the database tells.
        """

    @abstractmethod
    def remove(self, generation_id: GenerationId, owner: UserId) -> None:
        """Forget a finished generation, its attempts and its images.

        The commit raises `StaleWrite` when it is not there or not finished.
        """

    @abstractmethod
    def clear(self, owner: UserId) -> None:
        """Forget the owner's finished generations; what is queued or running stays."""


class Attempts(Protocol):
    """The calls to providers."""

    @abstractmethod
    async def of_generation(self, generation_id: GenerationId) -> Sequence[Attempt]:
        """The calls made for a generation, in their order."""

    @abstractmethod
    def add(self, attempt: Attempt) -> None:
        """Remember a call that is about to be made."""

    @abstractmethod
    def update(self, attempt: Attempt) -> None:
        """Remember how a call ended."""

    @abstractmethod
    async def get(self, attempt_id: AttemptId) -> Attempt | None:
        """The call, or `None`."""

    @abstractmethod
    async def latest_of(self, worker_id: WorkerId) -> Sequence[Attempt]:
        """Calls made at a worker that have ended on record, those first that began last (at most 1,000).

        A worker's calls are younger than the worker, as the identifiers of both tell. However many calls there are,
        only the latest 10,000, of whichever worker, are looked at.
        """

    @abstractmethod
    def end_open(self, generation_id: GenerationId, error: ProviderError, now: datetime) -> None:
        """Let the calls for a generation end with that error that have not ended on record."""


class Images(Protocol):
    """The pictures."""

    @abstractmethod
    async def get(self, image_id: ImageId, owner: UserId) -> Image | None:
        """The owner's image, or `None`."""

    @abstractmethod
    async def find(self, image_id: ImageId) -> Image | None:
        """Anybody's image, or `None`: for a signed link."""

    @abstractmethod
    async def page(self, owner: UserId, wanted: PageRequest) -> Page[Image]:
        """The owner's images."""

    @abstractmethod
    async def stored_at(self, location: str, attempt_id: AttemptId) -> bool:
        """Whether an image of the generation that the call was made for lies at that location."""

    @abstractmethod
    def add(self, image: Image) -> None:
        """Remember a new image."""

    @abstractmethod
    def update(self, image: Image) -> None:
        """Remember another rating or other tags. The commit raises `StaleWrite` unless `version` is the next one."""

    @abstractmethod
    def remove(self, image_id: ImageId, owner: UserId) -> None:
        """Forget an image. The commit raises `StaleWrite` when it is not there."""


class ForgottenBlobs(Protocol):
    """Where the bytes of images lie that are forgotten, until they are gone, too.

    Nobody adds to it. Whatever forgets an image, be it by itself, with its generation or with its user, notes where its
    bytes lie in the same commit. A location that is a `data:` URL is not noted: it was the bytes.
    """

    @abstractmethod
    async def of_user(self, owner: UserId) -> Sequence[str]:
        """Locations of what was the user's, who may be gone (at most 1,000)."""

    @abstractmethod
    async def following(self, location: str) -> Sequence[str]:
        """Locations of what was anybody's, in their order, those after that one (at most 1,000)."""

    @abstractmethod
    def gone(self, locations: Iterable[str]) -> None:
        """Note that nothing lies there any more; noting it twice is fine."""


class Workers(Protocol):
    """Who draws, and until when they are taken to be alive."""

    @abstractmethod
    async def alive(self) -> int:
        """How many leases have not run out, by the clock of the database."""

    @abstractmethod
    async def dead(self) -> Sequence[WorkerId]:
        """Workers whose lease has run out, by the clock of the database, and at whom nothing runs (at most 1,000)."""

    @abstractmethod
    def renew(self, worker_id: WorkerId, lifetime: timedelta) -> None:
        """Give the worker a lease that ends `lifetime` from now by the clock of the database, whatever it had."""

    @abstractmethod
    def remove(self, worker_id: WorkerId) -> None:
        """End and forget the worker's lease; ending it twice is fine."""

    @abstractmethod
    def end_others(self, worker_id: WorkerId) -> None:
        """Let every lease but this worker's run out now: for a database that only one process can use."""

    @abstractmethod
    def remove_lapsed(self, worker_id: WorkerId) -> None:
        """Forget the worker's lease if it has run out."""


class Usage(Protocol):
    """The records of what was used: they outlive the history."""

    @abstractmethod
    async def report(self, query: UsageQuery) -> Sequence[UsageBucket]:
        """The sums per bucket, in the order of days, or of descending cost."""

    @abstractmethod
    def add(self, record: UsageRecord) -> None:
        """Remember a record. A second one of the same generation makes the commit raise `AlreadyExists`."""
