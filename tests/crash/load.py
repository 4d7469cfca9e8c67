"""Asking for pictures, many at a time, from a service that may be killed meanwhile."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final, Self

from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import PyreqwestError

from crash.fates import Mix, Plan
from crash.provider import KEY, WORDS

PASSWORD: Final = "a-password-of-the-load"
PATIENCE: Final = timedelta(seconds=150)
"""For an answer: longer than the service makes anybody wait."""
MODEL: Final = "gpt-image-2.6-flare"
DOORS: Final = ("/v1/generate", "/v1/generations")
ACKNOWLEDGED: Final = "x-imagegen-generation-id"
"""The header by which an answer of any status names the generation that it speaks of."""
PROMPT: Final = "load-"
"""What every prompt begins with."""
SECRETS: Final = (KEY, WORDS, PASSWORD, "Traceback")
"""What stands in no answer and in no log."""

_BREATH: Final = 0.1
"""Seconds for which a client leaves a service alone that does not take its connection."""


@dataclass(slots=True)
class Asked:
    """One request, and what was answered: a status, and the generation if it was acknowledged."""

    prompt: str
    plan: Plan
    count: int
    status: int | None = None
    generation: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """What it holds, of an answer that is a success."""
        assert self.status < HTTPStatus.BAD_REQUEST, self.body
        return json.loads(self.body)


@dataclass(slots=True, kw_only=True)
class Caller:
    """Somebody with a key. `offenses` are the answers with something in them that is to stay inside."""

    urls: Sequence[str]
    client: Client
    chance: random.Random
    credential: str = ""
    offenses: list[str] = field(default_factory=list)

    @classmethod
    @asynccontextmanager
    async def registered(cls, urls: Sequence[str], chance: random.Random) -> AsyncIterator[Self]:
        """A new user with a new key, at any of the urls."""
        async with ClientBuilder().http1_only().timeout(PATIENCE).build() as client:
            caller = cls(urls=urls, client=client, chance=chance)
            account = {"email": f"load-{chance.getrandbits(64):x}@example.com", "password": PASSWORD}
            caller.credential = (await caller.send("POST", "/v1/auth/register", account)).json()["access_token"]
            caller.credential = (await caller.send("POST", "/v1/keys", {})).json()["key"]
            yield caller

    async def send(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """Send one request to one of the urls; `PyreqwestError` if no whole answer came."""
        request = self.client.request(method, self.chance.choice(self.urls) + path).headers(headers)
        if self.credential:
            request = request.bearer_auth(self.credential)
        if body is not None:
            request = request.body_json(body)
        response = await request.build().send()
        answer = Answer(response.status, dict(response.headers.items()), bytes(await response.bytes()))
        if any(secret in answer.body for secret in map(str.encode, SECRETS)):
            self.offenses.append(f"{method} {path}: {answer.body[:200]!r}")
        return answer

    async def get(self, path: str) -> Any:
        """What is there, as JSON."""
        return (await self.send("GET", path)).json()

    async def everything(self, path: str) -> list[Any]:
        """A whole list, page by page."""
        found: list[Any] = []
        page = await self.get(f"{path}?limit=100")
        while True:
            found += page["data"]
            if page["next_cursor"] is None:
                return found
            page = await self.get(f"{path}?limit=100&cursor={page['next_cursor']}")


@dataclass(slots=True, kw_only=True)
class Load:
    """Requests like `mix`, each with a prompt of its own. What is not acknowledged is not asked for again."""

    caller: Caller
    mix: Mix
    chance: random.Random
    doors: Sequence[str] = DOORS
    asked: list[Asked] = field(default_factory=list)

    async def send(self, count: int, *, at_once: int) -> None:
        """Ask for so many, so many of them at the same time."""
        left = iter(range(count))  # shared: each client takes the next one

        async def client() -> None:
            for _ in left:
                await self.ask()

        await asyncio.gather(*(client() for _ in range(at_once)))

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

    async def ask(self) -> Asked:
        """Ask once; a connection that breaks leaves it open what became of the request."""
        plan = self.mix.draw(self.chance)
        asked = Asked(f"{PROMPT}{len(self.asked):06d} {plan}", plan, count=self.chance.choice((1, 1, 1, 2)))
        self.asked.append(asked)
        name = asked.prompt.split()[0]
        body = {"prompt": asked.prompt, "model": MODEL, "n": asked.count, "external_id": name}
        try:
            answer = await self.caller.send("POST", self.chance.choice(self.doors), body)
        except PyreqwestError:
            await asyncio.sleep(_BREATH)
        else:
            asked.status, asked.generation = answer.status, answer.headers.get(ACKNOWLEDGED)
        return asked

    @property
    def acknowledged(self) -> dict[str, Asked]:
        """The requests of which the service said that it has them, by the name of the generation."""
        return {asked.generation: asked for asked in self.asked if asked.generation is not None}

    def statuses(self) -> dict[str, int]:
        """How many were answered with each status, and how many not at all."""
        counts = Counter(str(asked.status or "none") for asked in self.asked)
        return dict(sorted(counts.items()))
