"""What is done to users, sessions and keys."""

from datetime import timedelta
from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, MultipleResults, initialize, rule

from builders import new_key, new_session, new_user
from imagegen.domain.api_keys import ApiKey
from imagegen.domain.ports import UnitOfWork
from imagegen.domain.sessions import RefreshToken, Session
from imagegen.domain.users import Scope, User
from operations.machine import SELDOM, TEXT, StoreMachine, Stores

ADDRESSES: Final = ["ann@example.com", "Ann@Example.com", "ÄNN@example.com", "änn@example.com", "a_n@example.com"]


class AccountOperations(StoreMachine):
    """Users come and go, log in and out, and make keys. A bundle holds things as they were when they were new."""

    users = Bundle[User]("users")
    sessions = Bundle[Session]("sessions")
    keys = Bundle[ApiKey]("keys")

    def __init__(self, stores: Stores) -> None:
        super().__init__(stores)
        self.everybody: list[User] = []
        self.tokens: dict[bytes, RefreshToken] = {}
        self.first = new_user()
        self.arrive(self.first)

    @initialize(target=users)
    def begin(self) -> User:
        """There is somebody."""
        return self.first

    @initialize(target=sessions)
    def begin_session(self) -> Session | MultipleResults[Session]:
        """They have logged in."""
        return self.log_in(self.first)

    @initialize(target=keys)
    def begin_key(self) -> ApiKey | MultipleResults[ApiKey]:
        """They have a key."""
        return self.issue(self.first, "First")

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

    @rule(user=users, really=SELDOM)
    def leave(self, user: User, really: bool) -> None:
        """Remove a user, now and then."""
        if really:
            self.remove(user)

    def remove(self, user: User) -> None:
        """Remove a user."""
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
