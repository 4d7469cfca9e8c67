"""What is remembered: repositories of who asks, and the unit of work that commits to all repositories at once."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self

from imagegen.domain.api_keys import ApiKey
from imagegen.domain.idempotency import IdempotencyKey
from imagegen.domain.identifiers import ApiKeyId, SessionId, UserId
from imagegen.domain.pages import Page, PageRequest
from imagegen.domain.ports.batches import Batches
from imagegen.domain.ports.history import Attempts, ForgottenBlobs, Generations, Images, Usage, Workers
from imagegen.domain.ports.webhooks import WebhookDeliveries, WebhookEndpoints
from imagegen.domain.sessions import Session
from imagegen.domain.users import Email, User


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


class IdempotencyKeys(Protocol):
    """Which requests were taken already."""

    @abstractmethod
    async def get(self, owner: UserId, key: str) -> IdempotencyKey | None:
        """The owner's key, or `None`."""

    @abstractmethod
    def add(self, key: IdempotencyKey) -> None:
        """Remember a key. The commit raises `AlreadyExists("idempotency_keys.user_id")` when the owner has it."""

    @abstractmethod
    def remove(self, key: IdempotencyKey) -> None:
        """Forget a key. The commit raises `StaleWrite` if it is not there, or has another target or `early` by now."""

    @abstractmethod
    def expire(self, before: datetime) -> None:
        """Forget all keys that were made before a moment."""


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
    batches: Batches
    attempts: Attempts
    images: Images
    forgotten_blobs: ForgottenBlobs
    usage: Usage
    workers: Workers
    idempotency_keys: IdempotencyKeys
    webhook_endpoints: WebhookEndpoints
    webhook_deliveries: WebhookDeliveries

    @abstractmethod
    async def now(self) -> datetime:
        """The moment by the clock of the database. All processes share it, while those of their machines disagree.

        What one process decides about the work of another is decided by this clock.
        """

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
