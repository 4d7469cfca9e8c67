"""Whatever is done to them, memory, SQLite and Postgres cannot be told apart."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    multiple,
    rule,
    run_state_machine_as_test,
)

from builders import (
    NOW,
    SettableClock,
    new_attempt,
    new_generation,
    new_image,
    new_key,
    new_session,
    new_upload,
    new_user,
    succeeded,
)
from imagegen.domain.api_keys import ApiKey
from imagegen.domain.errors import AlreadyExists, Billed, IllegalTransition, NoImage, StaleWrite
from imagegen.domain.generations import Attempt, Failure, Generation, Status
from imagegen.domain.images import Image, Labels
from imagegen.domain.pages import PageRequest
from imagegen.domain.ports import GenerationFilter, UnitOfWork, UnitOfWorkFactory
from imagegen.domain.sessions import RefreshToken, Session
from imagegen.domain.usage import GroupBy, UsageBucket, UsageQuery, UsageRecord
from imagegen.domain.users import Scope, User
from stores import STORES, add, exact, open_store

ADDRESSES: Final = ["ann@example.com", "Ann@Example.com", "ÄNN@example.com", "änn@example.com", "a_n@example.com"]
TAGS: Final = ["fox", "Fox", "f_x", "f%", "ä", "🦊", '"', "\\"]
MODELS = st.sampled_from(["sketch-1", "sketch-2"])
COSTS = st.none() | st.integers(0, 2**53)
# What no store could keep, a NUL or half a character, is refused at the edge.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8) | st.text("aAäÄßẞS%_\\ ")
PROMPTS = TEXT.map(lambda text: text.strip() or "fox")
LABELS = st.builds(
    Labels,
    title=st.none() | TEXT,
    tags=st.lists(st.sampled_from(TAGS), unique=True, max_size=3).map(tuple),
    metadata=st.none() | st.dictionaries(TEXT, TEXT, max_size=2),
    external_id=st.none() | TEXT,
    favorite=st.booleans(),
)
FILTERS = st.builds(
    GenerationFilter,
    status=st.none() | st.sampled_from(Status),
    model=st.none() | MODELS,
    tag=st.none() | st.sampled_from(TAGS),
    favorite=st.none() | st.booleans(),
    words=st.lists(TEXT.map(lambda text: "".join(text.split())[:2]).filter(bool), max_size=1).map(tuple),
)
EVERYTHING: Final = PageRequest(limit=100)

Act = Callable[[UnitOfWork], Awaitable[object]]
Write = Callable[[UnitOfWork], None]


@dataclass(frozen=True, slots=True)
class Stores:
    """One store of each kind, and the event loop that they live on."""

    runner: asyncio.Runner
    kinds: Mapping[str, UnitOfWorkFactory]

    def agree(self, act: Act) -> Any:
        """Do the same on each of them, and return how it ended when it ended in the same way on all."""
        outcomes = {kind: self.runner.run(_done(store, act)) for kind, store in self.kinds.items()}
        told_apart = {kind: exact(outcome) for kind, outcome in outcomes.items()}
        assert told_apart == dict.fromkeys(told_apart, exact(outcomes["memory"]))
        return outcomes["memory"]


async def _done(store: UnitOfWorkFactory, act: Act) -> object:
    async with store() as work:
        return await act(work)


@pytest.fixture
def stores(request: pytest.FixtureRequest) -> Iterator[Stores]:
    """An empty store of each kind."""
    urls = {kind: request.getfixturevalue(f"{kind}_url") for kind in STORES}
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        kinds = {kind: runner.run(stack.enter_async_context(open_store(url))) for kind, url in urls.items()}
        yield Stores(runner, kinds)
        runner.run(stack.aclose())


class Operations(RuleBasedStateMachine):
    """What use cases do, in any order: they read what is there now, change it, and commit by one or by a few.

    The bundles hold things as they were when they were new; they may be gone since.
    """

    users = Bundle[User]("users")
    sessions = Bundle[Session]("sessions")
    keys = Bundle[ApiKey]("keys")
    generations = Bundle[Generation]("generations")
    attempts = Bundle[Attempt]("attempts")
    images = Bundle[Image]("images")

    def __init__(self, stores: Stores) -> None:
        super().__init__()
        self.stores = stores
        self.clock = SettableClock()
        self.everybody: list[User] = []
        self.tokens: dict[bytes, RefreshToken] = {}
        self.gathered: list[Write] = []
        self.batch = 1
        self.behind = False

    def write(self, *writes: Write) -> None:
        """Gather writes, and commit them when there are as many as wanted."""
        self.gathered += writes
        if len(self.gathered) >= self.batch:
            self.commit()

    def commit(self) -> None:
        """Commit what was gathered."""
        writes, self.gathered, self.batch = self.gathered, [], 1

        async def commit(work: UnitOfWork) -> object:
            for write in writes:
                write(work)
            try:
                await work.commit()
            except (AlreadyExists, StaleWrite) as refusal:
                # Of several reasons any may be told.
                return (type(refusal), getattr(refusal, "what", None)) if len(writes) == 1 else "refused"
            return "committed"

        self.stores.agree(commit)

    def now(self, thing: Any, read: Act) -> Any:
        """The thing as it is now; as it was when it is gone, or when the next change is to be behind."""
        found = None if self.behind else self.stores.agree(read)
        self.behind = False
        return thing if found is None else found

    @rule(size=st.integers(2, 4))
    def gather(self, size: int) -> None:
        """Commit the next few writes together."""
        self.batch = size

    @rule()
    def fall_behind(self) -> None:
        """Let the next change be made to what was read long ago."""
        self.behind = True

    @rule(seconds=st.sampled_from([1e-6, 1, 3600, 50_000]))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds=seconds)

    # --- accounts -------------------------------------------------------------------------------------------------

    @initialize(target=users)
    def begin(self) -> User:
        """There is somebody."""
        user = new_user(now=self.clock())
        self.arrive(user)
        return user

    @rule(target=users, address=st.none() | st.sampled_from(ADDRESSES))
    def register(self, address: str | None) -> User:
        """Add a user, perhaps at an address that is taken."""
        user = new_user(address, now=self.clock())
        self.arrive(user)
        return user

    def arrive(self, user: User) -> None:
        """Add a user, and remember to remove them."""
        self.everybody.append(user)
        self.write(lambda work: work.users.add(user))

    @rule(user=users, name=st.none() | TEXT)
    def rename(self, user: User, name: str | None) -> None:
        """Change a user."""
        user = self.now(user, lambda work: work.users.get(user.id))
        self.write(lambda work: work.users.update(user.with_profile(name=name, avatar_url=None)))

    @rule(user=users, unlikely=st.integers(0, 4))
    def remove(self, user: User, unlikely: int = 4) -> None:
        """Remove a user, now and then."""
        if unlikely == 4:
            self.write(lambda work: work.users.remove(user.id))

    @rule(target=sessions, user=users)
    def log_in(self, user: User) -> Session:
        """Open a session."""
        session, token = new_session(user, now=self.clock())
        self.tokens[session.secret_hash] = token
        self.write(lambda work: work.sessions.add(session))
        return session

    @rule(session=sessions, ended=st.booleans())
    def refresh(self, session: Session, ended: bool) -> None:
        """Rotate a session's token, or end the session."""

        async def read(work: UnitOfWork) -> Session | None:
            found = await work.sessions.get(session.id)
            return found and found[0]

        session = self.now(session, read)
        rotation = session.rotate(self.tokens[session.secret_hash], self.clock())
        assert rotation
        changed, self.tokens[rotation[0].secret_hash] = rotation
        self.write(lambda work: work.sessions.update(session.end(self.clock()) if ended else changed))

    @rule(session=sessions, spared=st.booleans())
    def end_all(self, session: Session, spared: bool) -> None:
        """End a user's sessions, or all but one."""
        now = self.clock()
        self.write(lambda work: work.sessions.end_all(session.user_id, now, but=session.id if spared else None))

    @rule(target=keys, user=users, name=TEXT)
    def issue(self, user: User, name: str) -> ApiKey:
        """Add a key."""
        key = new_key(user, name=name, now=self.clock())
        self.write(lambda work: work.api_keys.add(key))
        return key

    @rule(key=keys, scopes=st.frozensets(st.sampled_from(Scope)))
    def change_key(self, key: ApiKey, scopes: frozenset[Scope]) -> None:
        """Limit a key, or revoke one that is left no scope."""
        key, now = self.now(key, lambda work: work.api_keys.get(key.id, key.user_id)), self.clock()
        if key.revoked_at is None:
            changed = key.change(name="Other", scopes=scopes, expires_at=None, now=now) if scopes else key.revoke(now)
            self.write(lambda work: work.api_keys.update(changed))

    @rule(key=keys, late=st.integers(0, 3))
    def use_key(self, key: ApiKey, late: int) -> None:
        """Report the use of a key, perhaps late."""
        now = self.clock() - timedelta(seconds=late)
        self.write(lambda work: work.api_keys.used(key.id, now))

    # --- history --------------------------------------------------------------------------------------------------

    @rule(target=generations, user=users, wishes=st.lists(st.tuples(PROMPTS, LABELS, MODELS), min_size=1, max_size=3))
    def request(self, user: User, wishes: list[tuple[str, Labels, str]]) -> MultipleResults[Generation]:
        """Add generations."""
        now = self.clock()
        wanted = [
            new_generation(user, prompt=text, labels=labels, model=model, now=now) for text, labels, model in wishes
        ]
        self.write(*(partial(add, thing=generation) for generation in wanted))
        return multiple(*wanted)

    @rule(generation=generations, step=st.sampled_from(["start", "fail", "cancel", "relabel"]), labels=LABELS)
    def proceed(self, generation: Generation, step: str, labels: Labels) -> None:
        """Take a generation a step further if there is one, or file it otherwise."""
        generation, now = self.now(generation, lambda work: work.generations.find(generation.id)), self.clock()
        steps: dict[str, Callable[[], Generation]] = {
            "start": lambda: generation.start(now),
            "fail": lambda: generation.fail(Failure.of(NoImage(billed=Billed.UNKNOWN)), cost_micros=None, now=now),
            "cancel": lambda: generation.cancel(now),
            "relabel": lambda: generation.relabel(labels),
        }
        with suppress(IllegalTransition):
            changed = steps[step]()
            self.write(lambda work: work.generations.update(changed))

    @rule(generation=generations, order=st.permutations(range(3)), cost=COSTS)
    def draw(self, generation: Generation, order: list[int], cost: int | None) -> None:
        """Start a generation, and end it with images in any order and its usage record."""
        generation, now = self.now(generation, lambda work: work.generations.find(generation.id)), self.clock()
        if generation.status is not Status.QUEUED:
            return
        images = [new_image(generation, position, now=now) for position in range(3)]
        done = succeeded(generation, images, cost_micros=cost, now=now)
        self.write(
            lambda work: work.generations.update(generation.start(now)),
            lambda work: work.generations.update(done),
            *(partial(add, thing=images[position]) for position in order),
            lambda work: work.usage.add(UsageRecord.of(done)),
        )

    @rule(generation=generations)
    def count(self, generation: Generation) -> None:
        """Add the usage record of a generation that has ended, perhaps a second time."""
        generation = self.now(generation, lambda work: work.generations.find(generation.id))
        if generation.status.final:
            self.write(lambda work: work.usage.add(UsageRecord.of(generation)))

    @rule(generation=generations, unlikely=st.integers(0, 4))
    def forget(self, generation: Generation, unlikely: int) -> None:
        """Remove a generation or, now and then, all that have ended."""
        if unlikely == 4:
            self.write(lambda work: work.generations.clear(generation.user_id))
        else:
            self.write(lambda work: work.generations.remove(generation.id, generation.user_id))

    @rule(target=attempts, generation=generations, number=st.integers(1, 99))
    def call(self, generation: Generation, number: int) -> Attempt:
        """Add a call."""
        attempt = new_attempt(generation, number, now=self.clock())
        self.write(lambda work: work.attempts.add(attempt))
        return attempt

    @rule(attempt=attempts, cost=COSTS)
    def answer(self, attempt: Attempt, cost: int | None) -> None:
        """End a call."""
        ended = attempt.succeed(cost_micros=cost, request_id=None, billed=Billed.YES, now=self.clock())
        self.write(lambda work: work.attempts.update(ended))

    @rule(target=images, user=users)
    def upload(self, user: User) -> Image:
        """Add an image that belongs to no generation."""
        image = new_upload(user, now=self.clock())
        self.write(lambda work: work.images.add(image))
        return image

    @rule(target=images, generation=generations)
    def pick(self, generation: Generation) -> MultipleResults[Image]:
        """Take the images of a generation at hand."""
        return multiple(*self.now(generation, lambda work: work.generations.find(generation.id)).images)

    @rule(image=images, rating=st.none() | st.integers(0, 5), tags=st.lists(st.sampled_from(TAGS), max_size=2))
    def annotate(self, image: Image, rating: int | None, tags: list[str]) -> None:
        """Change an image."""
        image = self.now(image, lambda work: work.images.find(image.id))
        self.write(lambda work: work.images.update(image.annotate(rating=rating, tags=tuple(tags))))

    @rule(image=images)
    def remove_image(self, image: Image) -> None:
        """Remove an image."""
        self.write(lambda work: work.images.remove(image.id, image.user_id))

    # --- reading --------------------------------------------------------------------------------------------------

    @rule(user=users, matching=FILTERS, limit=st.integers(1, 5), oldest_first=st.booleans())
    def search(self, user: User, matching: GenerationFilter, limit: int, oldest_first: bool) -> None:
        """Read a filtered list page by page."""

        async def search(work: UnitOfWork) -> object:
            pages = []
            wanted: PageRequest | None = PageRequest(limit=limit, oldest_first=oldest_first)
            while wanted:
                page = await work.generations.page(user.id, matching, wanted)
                pages.append(list(page.items))
                wanted = replace(wanted, after=page.next) if page.next else None
            return pages

        self.stores.agree(search)

    @rule(user=users)
    def look(self, user: User) -> None:
        """Read everything of a user's."""
        self.stores.agree(everything_of(user, self.clock()))

    def teardown(self) -> None:
        """Compare all that is left, and remove it: the next sequence begins with nothing."""
        self.commit()
        for user in self.everybody:
            self.look(user)
            self.remove(user)
        for user in self.everybody:
            self.look(user)


def everything_of(user: User, now: datetime) -> Act:
    """Read all that belongs to a user, and which generations wait for anybody."""

    async def read(work: UnitOfWork) -> object:
        generations = (await work.generations.page(user.id, GenerationFilter(), EVERYTHING)).items
        queries = (UsageQuery(user_id=user.id, since=NOW, until=now, group_by=group_by) for group_by in GroupBy)
        reports = [await work.usage.report(query) for query in queries]
        assert all(costs(report) == sorted(costs(report), reverse=True) for report in reports[1:])
        return [
            await work.users.get(user.id),
            await work.users.by_email(user.email),
            list(await work.sessions.of_user(user.id)),
            list((await work.api_keys.page(user.id, EVERYTHING)).items),
            list(generations),
            [list(await work.attempts.of_generation(generation.id)) for generation in generations],
            list((await work.images.page(user.id, EVERYTHING)).items),
            sorted(await work.generations.locations(user.id)),
            list(await work.generations.unfinished(now)),
            list(reports[0]),
            [sorted(report, key=str) for report in reports[1:]],  # in no order among equal costs
        ]

    return read


def costs(report: Sequence[UsageBucket]) -> list[int]:
    """The costs of the buckets in their order."""
    return [bucket.cost_micros for bucket in report]


def test_stores_agree(stores: Stores) -> None:
    """Any sequence of operations ends in the same way on all stores, and leaves the same behind."""

    class OperationsHere(Operations):
        """The operations on these stores."""

        def __init__(self) -> None:
            super().__init__(stores)

    run_state_machine_as_test(
        OperationsHere,
        settings=settings(
            max_examples=40, stateful_step_count=80, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
