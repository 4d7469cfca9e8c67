"""What is remembered: a repository for each thing, and the unit of work that commits to all of them at once."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self

from imagegen.domain.api_keys import ApiKey
from imagegen.domain.generations import Attempt, Generation, Status
from imagegen.domain.identifiers import ApiKeyId, GenerationId, ImageId, SessionId, UserId
from imagegen.domain.images import Image
from imagegen.domain.pages import Page, PageRequest
from imagegen.domain.ports.webhooks import WebhookDeliveries, WebhookEndpoints
from imagegen.domain.sessions import Session
from imagegen.domain.usage import UsageBucket, UsageQuery, UsageRecord
from imagegen.domain.users import Email, User


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


class Users(Protocol):
    """The accounts."""

    @abstractmethod
    async def get(self, user_id: UserId) -> User | None:
        """The user, or `None`."""

    @abstractmethod
    async def by_email(self, email: Email) -> User | None:
        """The user whose address has the same `key`, or `None`."""

    @abstractmethod
    def add(self, user: User) -> None:
        """Remember a new user. The commit raises `AlreadyExists("users.email")` when the address is taken."""

    @abstractmethod
    def update(self, user: User) -> None:
        """Remember a changed user. The commit raises `StaleWrite` unless `version` is the next one."""

    @abstractmethod
    def remove(self, user_id: UserId) -> None:
        """Forget the user and everything of theirs; forgetting twice is fine."""


class Sessions(Protocol):
    """The logins."""

    @abstractmethod
    async def get(self, session_id: SessionId) -> tuple[Session, User] | None:
        """The session with its user, or `None`."""

    @abstractmethod
    async def by_family(self, family_hash: bytes) -> tuple[Session, User] | None:
        """The session of a refresh token's family with its user, or `None`."""

    @abstractmethod
    async def of_user(self, user_id: UserId, now: datetime) -> Sequence[Session]:
        """The user's sessions that are alive at that moment, newest first (at most 100)."""

    @abstractmethod
    def add(self, session: Session) -> None:
        """Remember a new session."""

    @abstractmethod
    def update(self, session: Session) -> None:
        """Remember a changed session. The commit raises `StaleWrite` unless `version` is the next one."""

    @abstractmethod
    def end_all(self, user_id: UserId, now: datetime, *, but: SessionId | None = None) -> None:
        """End every session of the user, except one if named."""


class ApiKeys(Protocol):
    """The keys."""

    @abstractmethod
    async def get(self, key_id: ApiKeyId, owner: UserId) -> ApiKey | None:
        """The owner's key, or `None`."""

    @abstractmethod
    async def by_digest(self, digest: bytes) -> tuple[ApiKey, User] | None:
        """The key of that SHA-256 with its user, or `None`: one look-up."""

    @abstractmethod
    async def page(self, owner: UserId, wanted: PageRequest) -> Page[ApiKey]:
        """The owner's keys, revoked ones included."""

    @abstractmethod
    def add(self, key: ApiKey) -> None:
        """Remember a new key."""

    @abstractmethod
    def update(self, key: ApiKey) -> None:
        """Remember a changed key. The commit raises `StaleWrite` unless `version` is the next one."""

    @abstractmethod
    def used(self, key_id: ApiKeyId, now: datetime) -> None:
        """Remember that the key was used; leaves `version` alone and never turns time back."""


class Generations(Protocol):
    """The jobs, with their images."""

    @abstractmethod
    async def get(self, generation_id: GenerationId, owner: UserId) -> Generation | None:
        """The owner's generation, or `None`."""

    @abstractmethod
    async def find(self, generation_id: GenerationId) -> Generation | None:
        """Anybody's generation, or `None`: for the worker."""

    @abstractmethod
    async def page(self, owner: UserId, matching: GenerationFilter, wanted: PageRequest) -> Page[Generation]:
        """The owner's generations that match. Words match anywhere in prompt or title, whatever their case."""

    @abstractmethod
    async def unfinished(self, before: datetime) -> Sequence[GenerationId]:
        """Generations created before a moment that are queued or running, oldest first (at most 1,000)."""

    @abstractmethod
    async def locations(self, owner: UserId) -> Sequence[str]:
        """Where the images of the owner's finished generations are stored."""

    @abstractmethod
    def add(self, generation: Generation) -> None:
        """Remember a new generation."""

    @abstractmethod
    def update(self, generation: Generation) -> None:
        """Remember a changed generation. The commit raises `StaleWrite` unless `version` is the next one.

        Images are not touched: they are added through `Images`.
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
    async def stored_at(self, location: str) -> bool:
        """Whether any image lies at that location."""

    @abstractmethod
    def add(self, image: Image) -> None:
        """Remember a new image."""

    @abstractmethod
    def update(self, image: Image) -> None:
        """Remember another rating or other tags. The commit raises `StaleWrite` unless `version` is the next one."""

    @abstractmethod
    def remove(self, image_id: ImageId, owner: UserId) -> None:
        """Forget an image. The commit raises `StaleWrite` when it is not there."""


class Usage(Protocol):
    """The records of what was used: they outlive the history."""

    @abstractmethod
    async def report(self, query: UsageQuery) -> Sequence[UsageBucket]:
        """The sums per bucket, in the order of days, or of descending cost."""

    @abstractmethod
    def add(self, record: UsageRecord) -> None:
        """Remember a record. A second one of the same generation makes the commit raise `AlreadyExists`."""


class UnitOfWork(Protocol):
    """One short piece of work on what is remembered: read, then write, then commit.

    Reads are awaited and see what was committed when they ran. Writes are plain calls: they are gathered, and
    happen all together or not at all when `commit` is awaited, which is also when they are found stale or doubled.
    Leaving without a commit forgets them. Reading after a write in the same unit is a mistake and raises
    `RuntimeError`, since it could not see the write. A unit of work is never held across a call to a provider
    or a blob store.
    """

    users: Users
    sessions: Sessions
    api_keys: ApiKeys
    generations: Generations
    attempts: Attempts
    images: Images
    usage: Usage
    webhook_endpoints: WebhookEndpoints
    webhook_deliveries: WebhookDeliveries

    @abstractmethod
    async def __aenter__(self) -> Self: ...

    @abstractmethod
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    @abstractmethod
    async def commit(self) -> None:
        """Make the writes durable, all of them or none.

        Raises:
            StaleWrite: a row was changed or removed meanwhile.
            AlreadyExists: a unique value is taken.
            DatabaseUnavailable: the database did not answer.
        """


UnitOfWorkFactory = Callable[[], UnitOfWork]
