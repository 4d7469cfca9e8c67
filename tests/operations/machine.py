"""Doing the same on several stores and comparing how it ended."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from builders import SettableClock
from imagegen.domain.errors import AlreadyExists, StaleWrite
from imagegen.domain.ports import UnitOfWork, UnitOfWorkFactory
from stores import exact

Act = Callable[[UnitOfWork], Awaitable[object]]
Write = Callable[[UnitOfWork], None]

SELDOM = st.sampled_from([False] * 9 + [True])
# What no store could keep, a NUL or half a character, is refused at the edge.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8) | st.text("aAäÄßẞS%_\\ ")


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


class StoreMachine(RuleBasedStateMachine):
    """Things are read as they are now, changed, and committed by one or by a few, on all stores."""

    def __init__(self, stores: Stores) -> None:
        super().__init__()
        self.stores = stores
        self.clock = SettableClock()
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

    @rule(seconds=st.sampled_from([1e-6, 1, 3600, 50_000]), batch=st.integers(1, 4), behind=st.booleans())
    def turn(self, seconds: float, batch: int, behind: bool) -> None:
        """Let time pass, the next few writes be committed together, and the next change be made to what was new."""
        self.clock.advance(seconds=seconds)
        self.batch, self.behind = batch, behind
