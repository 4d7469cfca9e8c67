"""A user of the service, who notices when an answer tells too much, or is no proper one."""

import json
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final, Self

from pyreqwest.client import Client, ClientBuilder

from crash.provider import KEY, WORDS

PASSWORD: Final = "a-password-of-the-load"
PATIENCE: Final = timedelta(seconds=150)
"""For an answer: longer than the service makes anybody wait."""
PROBLEM: Final = "application/problem+json"
SECRETS: Final = (KEY, WORDS, PASSWORD, "Traceback")
"""What stands in no answer and in no log."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    path: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def code(self) -> str | None:
        """What went wrong, by the code of the problem document that it then has to be; `None` when nothing did.

        Raises:
            ValueError: it is an error without such a document.
        """
        if self.status < HTTPStatus.BAD_REQUEST:
            return None
        problem = json.loads(self.body)
        told = {name: problem.get(name) for name in ("status", "type", "instance")}
        proper = {"status": self.status, "type": f"/problems/{problem.get('code')}", "instance": self.path}
        if self.headers.get("content-type") != PROBLEM or told != proper:
            raise ValueError("no problem document")
        return str(problem["code"])

    def json(self) -> Any:
        """What it holds, of an answer that is a success."""
        assert self.status < HTTPStatus.BAD_REQUEST, self.body
        return json.loads(self.body)


@dataclass(slots=True, kw_only=True)
class Caller:
    """Somebody with a key. `offenses` are the answers that tell too much, or do not tell properly what is wrong."""

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
        answer = Answer(
            path.partition("?")[0], response.status, dict(response.headers.items()), bytes(await response.bytes())
        )
        if any(secret in answer.body for secret in map(str.encode, SECRETS)):
            self.offenses.append(f"{method} {path}: {answer.body[:200]!r}")
        try:
            _ = answer.code
        except ValueError as error:
            self.offenses.append(f"{method} {path}: {answer.status} with {error}: {answer.body[:200]!r}")
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
