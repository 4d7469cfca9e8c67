"""Databases and stores that fail as they are told, and otherwise do what those in memory do."""

import asyncio
from collections.abc import Awaitable, Callable
from math import inf

from builders import SettableClock
from imagegen.adapters.memory import MemoryBlobStore, MemoryDatabase
from imagegen.domain.errors import DatabaseUnavailable, StorageUnavailable
from imagegen.domain.generations import Generation
from imagegen.domain.identifiers import GenerationId
from imagegen.domain.ports import UnitOfWork


class Interrupted(MemoryDatabase):
    """A database that is `away` for so many units of work, or for good with `inf`."""

    away: float = 0

    def unit_of_work(self) -> UnitOfWork:
        """A unit of work, if it is there."""
        if self.away:
            self.away -= 1
            raise DatabaseUnavailable
        return super().unit_of_work()

    def always(self) -> UnitOfWork:
        """A unit of work for somebody from whom it is not away."""
        return super().unit_of_work()


class LostAnswer(Interrupted):
    """A database that commits and then fails to say so, at the commit that it is told: the next is the first.

    It is away for a few units of work afterwards, and `meanwhile` something may happen. If it is `forgetful`, it does
    not even commit.
    """

    lost = 0
    away_after: float = 0
    forgetful = False

    def unit_of_work(self) -> UnitOfWork:
        """A unit of work whose commit may raise although it happened."""
        work = super().unit_of_work()
        commit = work.commit

        async def commit_silently() -> None:
            self.lost -= 1
            if self.lost != 0 or not self.forgetful:
                await commit()
            if self.lost == 0:
                self.away = self.away_after
                raise DatabaseUnavailable

        work.commit = commit_silently  # type: ignore[method-assign]  # this is the fault that is played
        return work


class Choosy(MemoryBlobStore):
    """A store that refuses what it is told to, every time or so many times."""

    def __init__(
        self,
        clock: SettableClock,
        refuses: Callable[[str], bool],
        *,
        times: float = inf,
        error: Exception | None = None,
    ) -> None:
        super().__init__(clock)
        self._error = error or StorageUnavailable()
        self._refuses = refuses
        self._times = times

    async def put(self, key: str, data: bytes, content_type: str) -> str:
        """Keep it, unless it is refused."""
        if self._times > 0 and self._refuses(key):
            self._times -= 1
            raise self._error
        return await super().put(key, data, content_type)


class Watched(MemoryBlobStore):
    """A store that tells somebody what it has been given, and goes on when that one has heard it."""

    def __init__(self, clock: SettableClock) -> None:
        super().__init__(clock)
        self.given: Callable[[str], Awaitable[object]] | None = None

    async def put(self, key: str, data: bytes, content_type: str) -> str:
        """Keep it, and tell."""
        location = await super().put(key, data, content_type)
        if self.given is not None:
            await self.given(key)
        return location


class Late(Watched):
    """A store at which so many who ask for bytes, once some are to `wait`, are `asked` and get there when they may."""

    def __init__(self, clock: SettableClock) -> None:
        super().__init__(clock)
        self.wait: float = 0
        self.asked, self.may_ask = asyncio.Semaphore(0), asyncio.Event()

    async def get(self, location: str) -> bytes:
        """The bytes, in the end."""
        if self.wait:
            self.wait -= 1
            self.asked.release()
            await self.may_ask.wait()
        return await super().get(location)


class Keeping(MemoryBlobStore):
    """A store that refuses to remove anything, as long as it `keeps`."""

    keeps = True

    async def delete(self, *locations: str) -> None:
        """Remove them, or not."""
        if self.keeps:
            raise StorageUnavailable
        await super().delete(*locations)


class Hanging(MemoryBlobStore):
    """A store that never comes back to whoever wants something removed, as long as it `hangs`."""

    def __init__(self, clock: SettableClock) -> None:
        super().__init__(clock)
        self.hangs = True
        self.deleting = asyncio.Event()

    async def delete(self, *locations: str) -> None:
        """Remove them, unless it hangs."""
        self.deleting.set()
        if self.hangs:
            await asyncio.Event().wait()
        await super().delete(*locations)


class Damaged(MemoryDatabase):
    """A database with one row that cannot be read; the error quotes what nobody may read in a log."""

    bad: GenerationId | None = None
    quoted = "a fox that nobody may read about"

    def unit_of_work(self) -> UnitOfWork:
        """A unit of work that stumbles over that row."""
        work = super().unit_of_work()
        find = work.generations.find

        async def stumble(generation_id: GenerationId) -> Generation | None:
            if generation_id == self.bad:
                raise ValueError(self.quoted)
            return await find(generation_id)

        work.generations.find = stumble  # type: ignore[method-assign]  # this is the fault that is played
        return work


class Halted(Interrupted):
    """A database whose next commit, once it was told to `halt`, stops when `reached` until it may `go_on`.

    It stops before it happens, or `after`, before it says so.
    """

    def __init__(self, clock: SettableClock | None = None, *, after: bool = False) -> None:
        super().__init__(clock)
        self._after = after
        self.reached, self.go_on = asyncio.Event(), asyncio.Event()
        self._halted = False

    def halt(self) -> None:
        """Hold the next commit."""
        self._halted = True

    def unit_of_work(self) -> UnitOfWork:
        """A unit of work whose commit may take its time."""
        work = super().unit_of_work()
        commit = work.commit

        async def commit_slowly() -> None:
            halted, self._halted = self._halted, False
            if self._after:
                await commit()
            if halted:
                self.reached.set()
                await self.go_on.wait()
            if not self._after:
                await commit()

        work.commit = commit_slowly  # type: ignore[method-assign]  # this is the fault that is played
        return work
