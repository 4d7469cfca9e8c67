"""Asking for pictures, many at a time, from a service that may be killed meanwhile."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from pyreqwest.exceptions import PyreqwestError

from crash.caller import Answer, Caller
from crash.fates import Mix, Plan

MODEL: Final = "gpt-image-2.6-flare"
DOORS: Final = ("/v1/generate", "/v1/generations")
ACKNOWLEDGED: Final = "x-imagegen-generation-id"
"""The header by which an answer of any status names the generation that it speaks of."""
PROMPT: Final = "load-"
"""What every prompt begins with."""

_BREATH: Final = 0.1
"""Seconds for which a client leaves a service alone that does not answer or is not available."""


@dataclass(slots=True)
class Asked:
    """One request, and what was answered last: a status, and the generation if it was acknowledged."""

    prompt: str
    plan: Plan
    count: int
    status: int | None = None
    generation: str | None = None
    tries: int = 0
    canceled: bool = False
    """Whether anybody wanted it canceled."""

    @property
    def name(self) -> str:
        """What is special about its prompt."""
        return self.prompt.split()[0]


@dataclass(slots=True, kw_only=True)
class Load:
    """Requests like `mix`, each with a prompt of its own.

    What is not acknowledged is not asked for again, unless the load is `insistent`: then it repeats each request
    under a key of its own until it is.
    """

    caller: Caller
    mix: Mix
    chance: random.Random
    doors: Sequence[str] = DOORS
    insistent: bool = False
    asked: list[Asked] = field(default_factory=list)

    def draw(self) -> Asked:
        """A new request, not yet sent."""
        plan = self.mix.draw(self.chance)
        count = self.chance.choice((1, 1, 1, 2))
        self.asked.append(Asked(f"{PROMPT}{len(self.asked):06d} {plan}", plan, count))
        return self.asked[-1]

    async def post(self, asked: Asked, **headers: str) -> Answer:
        """Send a request and note its answer; `PyreqwestError` if no whole answer came."""
        asked.tries += 1
        body = {"prompt": asked.prompt, "model": MODEL, "n": asked.count, "external_id": asked.name}
        answer = await self.caller.send("POST", self.chance.choice(self.doors), body, **headers)
        asked.status = answer.status
        asked.generation = answer.headers.get(ACKNOWLEDGED, asked.generation)
        return answer

    async def ask(self) -> Asked:
        """Ask for something new; a connection that breaks leaves it open what became of the request."""
        asked = self.draw()
        headers = {"idempotency-key": asked.name} if self.insistent else {}
        while True:
            try:
                answered = (await self.post(asked, **headers)).status != HTTPStatus.SERVICE_UNAVAILABLE
            except PyreqwestError:
                answered = False
            if not answered:
                await asyncio.sleep(_BREATH)
            if asked.generation is not None or not self.insistent:
                return asked

    async def send(self, count: int, *, at_once: int) -> None:
        """Ask for so many, so many of them at the same time."""
        await repeat(self.ask, count, at_once=at_once)

    @asynccontextmanager
    async def running(self, clients: int) -> AsyncIterator[None]:
        """So many clients, each asking again as soon as it is answered, until the end of the block and the answers."""
        stopping = asyncio.Event()

        async def client() -> None:
            while not stopping.is_set():
                await self.ask()

        async with asyncio.TaskGroup() as tasks:
            for _ in range(clients):
                tasks.create_task(client())
            try:
                yield
            finally:
                stopping.set()

    @property
    def acknowledged(self) -> dict[str, Asked]:
        """The requests of which the service said that it has them, by the name of the generation."""
        return {asked.generation: asked for asked in self.asked if asked.generation is not None}

    def statuses(self) -> dict[str, int]:
        """How many were answered with each status, and how many not at all."""
        counts = Counter(str(asked.status or "none") for asked in self.asked)
        return dict(sorted(counts.items()))


async def repeat(step: Callable[[], Awaitable[object]], count: int, *, at_once: int) -> None:
    """Take a step so many times, so many at the same time."""
    left = iter(range(count))  # shared: each of them takes the next one

    async def walk() -> None:
        for _ in left:
            await step()

    await asyncio.gather(*(walk() for _ in range(at_once)))
