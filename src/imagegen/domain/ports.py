"""Everything the core asks of the world: the table of contents of the outside.

A port's docstrings are promises that every adapter keeps; `tests/contract` holds each adapter to them.
"""

from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self
from uuid import UUID

from imagegen.domain.api_keys import ApiKey
from imagegen.domain.errors import Billed
from imagegen.domain.generations import Attempt, Generation, Status
from imagegen.domain.identifiers import ApiKeyId, GenerationId, ImageId, SessionId, UserId
from imagegen.domain.images import Dimensions, Image, ImageFormat, ImageRequest
from imagegen.domain.pages import Page, PageRequest
from imagegen.domain.prices import TokenUsage
from imagegen.domain.sessions import Session
from imagegen.domain.usage import UsageBucket, UsageQuery, UsageRecord
from imagegen.domain.users import Email, User

Clock = Callable[[], datetime]
"""Now, with a time zone (UTC)."""

NewId = Callable[[], UUID]
"""A new version-7 UUID; within one process each is greater than the one before."""

# --- what is remembered -------------------------------------------------------------------------------------------


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
    async def of_user(self, user_id: UserId) -> Sequence[Session]:
        """The user's sessions that were not ended, newest first (at most 100), expired ones included."""

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
    async def locations(self, owner: UserId, generation_id: GenerationId | None = None) -> Sequence[str]:
        """Where the images of one finished generation, or of all of them, are stored."""

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

# --- providers ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderAnswer:
    """What a call brought: the encoded pictures as they came, the counted tokens, and the call's name there."""

    pictures: tuple[bytes, ...]
    usage: TokenUsage | None
    request_id: str | None
    billed: Billed = Billed.YES


class ImageProvider(Protocol):
    """Somebody who draws.

    An adapter translates and raises; it does not retry, does not sleep, and does not follow redirects. An answer
    is at most 64 MiB. Errors carry no text of the provider's beyond its short code.
    """

    name: str

    @abstractmethod
    async def generate(self, request: ImageRequest, *, count: int, deadline: float) -> ProviderAnswer:
        """Draw `count` pictures for an applied request (its model is one of this provider's), in one call.

        `deadline` is the whole time allowed in seconds. Cancelling the call abandons it; it may be billed.

        Raises:
            ProviderError: one of its leaves, saying where it failed and whether it was billed.
        """

    @abstractmethod
    async def check(self) -> None:
        """Find out for free whether the provider would answer; raise a `ProviderError` when it would not."""

    @abstractmethod
    async def close(self) -> None:
        """Let go of connections."""


# --- bytes --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """A blob that a listing found, and when it was written."""

    location: str
    modified: datetime


class BlobStore(Protocol):
    """Where the bytes of pictures lie."""

    @abstractmethod
    async def put(self, key: str, data: bytes, content_type: str) -> str:
        """Store bytes durably under a key of ours and return the location to remember.

        The same key written twice holds the second bytes. Nobody ever sees half of them.

        Raises:
            StorageUnavailable: they are not stored.
        """

    @abstractmethod
    async def get(self, location: str) -> bytes:
        """The bytes at a location.

        Raises:
            NotFound: nothing lies there.
            StorageUnavailable: the store did not answer.
        """

    @abstractmethod
    async def delete(self, location: str) -> None:
        """Remove what lies there; removing twice is fine."""

    @abstractmethod
    def link(self, location: str) -> str | None:
        """An address under which anybody may read the bytes without us, or `None` when there is none."""

    @abstractmethod
    def blobs(self) -> AsyncIterator[StoredBlob]:
        """Everything that is stored, in no order."""

    @abstractmethod
    async def check(self) -> None:
        """Raise `StorageUnavailable` unless bytes could be stored now."""

    @abstractmethod
    async def close(self) -> None:
        """Let go of connections and threads."""


class Pixels(Protocol):
    """What can be done with encoded pictures, bounded and off the event loop where it is slow."""

    @abstractmethod
    def measure(self, data: bytes) -> Dimensions:
        """Size and format of a whole PNG, JPEG or WebP, read from its structure to the last byte.

        Raises:
            UnreadablePicture: it is none of these, or not whole.
        """

    @abstractmethod
    async def transcode(self, data: bytes, wanted: ImageFormat) -> bytes:
        """The same picture in another encoding; transparency is laid on white where it would be lost.

        Raises:
            UnreadablePicture: it cannot be decoded, or is beyond 50 megapixels.
        """


class UnreadablePicture(Exception):
    """Bytes that are no picture we can read."""


# --- jobs ---------------------------------------------------------------------------------------------------------


class GenerationQueue(Protocol):
    """The doorbell: the row is the job, a ring only makes somebody look at it."""

    @abstractmethod
    async def submit(self, generation_id: GenerationId) -> None:
        """Ring for a committed generation. A ring may be lost or repeated."""

    @abstractmethod
    async def consume(self, handle: Callable[[GenerationId], Awaitable[None]]) -> None:
        """Call `handle` for everything submitted, many at a time, until canceled.

        Canceling stops taking, lets what runs finish within the adapter's grace, and then cancels it. A handler
        that raises is logged and harms nobody else.
        """


class Watch(Protocol):
    """Somebody waiting for one generation to end."""

    @abstractmethod
    async def outcome(self, timeout: float) -> Generation | None:  # noqa: ASYNC109 - a wait that ends quietly is the promise
        """The finished generation, or `None` when the time (in seconds) is over or only the row can tell."""


class GenerationEvents(Protocol):
    """Tells those who wait that a generation has ended, so that nobody polls the database."""

    @abstractmethod
    def watch(self, generation_id: GenerationId) -> AbstractContextManager[Watch]:
        """Start watching: what is announced from now on is not missed."""

    @abstractmethod
    async def announce(self, generation: Generation) -> None:
        """Tell everybody who watches that this generation, now final and committed, has ended."""


# --- credentials --------------------------------------------------------------------------------------------------


class PasswordHasher(Protocol):
    """Argon2id, bounded and off the event loop."""

    @abstractmethod
    async def hash(self, password: str) -> str:
        """An encoded hash with its own salt.

        Raises:
            Overloaded: too many are waiting.
        """

    @abstractmethod
    async def verify(self, password: str, encoded: str | None) -> bool:
        """Whether the password belongs to the hash. `None` takes as long and is never right.

        Raises:
            Overloaded: too many are waiting.
        """

    @abstractmethod
    def outdated(self, encoded: str) -> bool:
        """Whether it was made with other parameters than today's."""

    @abstractmethod
    async def common(self, password: str) -> bool:
        """Whether it is, however capitalized, among the commonest 3,000 that are long enough.

        Raises:
            Overloaded: too many are waiting.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessClaims:
    """What an access token says: whose it is, of which session, and until when."""

    user_id: UserId
    session_id: SessionId
    issued_at: datetime
    expires_at: datetime


class TokenSigner(Protocol):
    """Access tokens: signed, short-lived, verified strictly."""

    @abstractmethod
    def sign(self, claims: AccessClaims) -> str:
        """The token's text."""

    @abstractmethod
    def read(self, token: str, now: datetime) -> AccessClaims:
        """What a genuine token that has not expired says.

        Raises:
            InvalidAccessToken: anything else, whatever is wrong with it.
        """
