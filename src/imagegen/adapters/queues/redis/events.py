"""The announcements between processes: one channel for everything."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager, aclosing, asynccontextmanager, suppress
from typing import Any, Final
from uuid import UUID, uuid4

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from imagegen.adapters.queues.handling import finish, report
from imagegen.adapters.queues.redis.connection import LONGEST_PAUSE, TIMEOUT, Outage, cancelable
from imagegen.adapters.queues.watches import Watches
from imagegen.domain.generations import Generation, Status
from imagegen.domain.identifiers import GenerationId
from imagegen.domain.ports import GenerationEvents, Watch

QUIET_SECONDS: Final = 5.0
"""After so long without a word, Redis is asked whether it is still there."""


class RedisEvents(GenerationEvents):
    """Tells this process at once and the others through Redis, which are told no more than that there is news.

    A message is the word of who sent it, the generation and its status, with blanks between them. Whoever announces
    does not wait for Redis: a task sends all there is, in its order, and tries each once, so that nothing waits longer
    than one try takes. What is announced while this process cannot hear is lost to it: once it hears again, everybody
    who watches is told to look. An error that nobody foresaw is reported, and ends neither speaking nor hearing.
    """

    def __init__(self, client: Redis, *, namespace: str = "imagegen", quiet_seconds: float = QUIET_SECONDS) -> None:
        self._client = client
        self._quiet_seconds = quiet_seconds
        self._channel = f"{namespace}:events"
        self._word = uuid4().hex
        self._watches = Watches()
        self._unsent: asyncio.Queue[str] = asyncio.Queue()
        self._hearing = Outage("hearing announcements")
        self._speaking = Outage("announcing")

    def watch(self, generation_id: GenerationId) -> AbstractContextManager[Watch]:
        """Start watching; others are heard `listening`."""
        return self._watches.watch(generation_id)

    async def announce(self, generation: Generation) -> None:
        """Tell those here, and leave it to be told to the others."""
        self._watches.tell(generation.id, generation.status, generation)
        self._unsent.put_nowait(f"{self._word} {generation.id} {generation.status}")

    def cancellations(self) -> AsyncIterator[GenerationId]:
        """The canceled ones, as they are heard of."""
        return self._watches.cancellations()

    def release(self) -> None:
        """Let everybody look at the row who watches, now or later."""
        self._watches.release()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Hear the others and tell them meanwhile, whenever Redis is there; afterwards the client is closed."""
        async with aclosing(self._client):
            tasks = [asyncio.create_task(step(), name="announcements") for step in (self._listen, self._speak)]
            try:
                yield
            finally:
                try:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(TIMEOUT):
                            await self._unsent.join()
                finally:
                    await finish(tasks, grace=0)

    async def _speak(self) -> None:
        while True:
            messages = [await self._unsent.get()]
            while not self._unsent.empty():
                messages.append(self._unsent.get_nowait())
            try:
                with cancelable():
                    await self._send(messages)
            except RedisError as error:
                self._speaking.began(error)
            except Exception as error:  # noqa: BLE001 - reported; what is announced next is sent all the same
                report(error, "announcing")
            else:
                self._speaking.ended()
            finally:
                for _ in messages:
                    self._unsent.task_done()

    async def _send(self, messages: Sequence[str]) -> None:
        async with self._client.pipeline(transaction=False) as pipeline:
            for message in messages:
                pipeline.publish(self._channel, message)
            await pipeline.execute()

    async def _listen(self) -> None:
        while True:
            try:
                async with self._client.pubsub() as subscription:
                    with cancelable():
                        await subscription.subscribe(self._channel)
                    while True:
                        self._hear(await self._next(subscription))
            except RedisError as error:
                await self._hearing.sit_out(error)
            except Exception as error:  # noqa: BLE001 - reported, and not more often than it can be read
                report(error, "hearing announcements")
                await asyncio.sleep(LONGEST_PAUSE)

    def _hear(self, message: dict[str, Any]) -> None:
        if message["type"] == "subscribe":  # for the first time, or again after the connection was lost
            self._hearing.ended()
            self._watches.look()
        if message["type"] == "message":
            with suppress(ValueError):  # what another version says may not be understood, and the row tells as well
                word, generation_id, status = message["data"].decode().split()
                if word != self._word:
                    self._watches.tell(GenerationId(UUID(generation_id)), Status(status))

    async def _next(self, subscription: PubSub) -> dict[str, Any]:
        """The next message; a connection that is dead without knowing it is found out."""
        with cancelable():
            message = await subscription.get_message(timeout=self._quiet_seconds)
            if message is None:
                await subscription.ping()
                message = await subscription.get_message(timeout=None)  # that is, its client's, after which it raises
            return dict(message)
