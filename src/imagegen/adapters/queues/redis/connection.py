"""How Redis is spoken to: never waiting long, and never telling its password."""

import asyncio
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Final
from urllib.parse import parse_qs, urlsplit

from redis.asyncio import BlockingConnectionPool, Redis
from redis.exceptions import RedisError

from imagegen.domain.errors import Unavailable

TIMEOUT: Final = 2.0
"""Seconds for a connection, and for an answer, which takes Redis microseconds."""
CONNECTIONS: Final = 16
"""Of one client at once; beyond them a command waits for its turn."""
FIRST_PAUSE: Final = 0.05
LONGEST_PAUSE: Final = 2.0

_DATABASE: Final = re.compile(r"(/\d*)?")

logger = logging.getLogger("imagegen.queue")


def connect(url: str, *, timeout: float = TIMEOUT) -> Redis:
    """A client of the Redis at an address, which connects when it is used; `timeout` is for each step, in seconds.

    A connection that was closed meanwhile is replaced before it is used, and nothing is tried twice.

    Raises:
        ValueError: it is no such address; the text does not repeat it.
    """
    _check(url)
    try:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS,
            timeout=timeout,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
        )
        # An unknown option is told now, and not at the first command.
        pool.make_connection()  # type: ignore[no-untyped-call]  # redis-py does not type it
    except (TypeError, ValueError, RedisError):
        raise ValueError("an option of its query is not known to redis-py") from None
    return Redis.from_pool(pool)


def _check(url: str) -> None:
    """Refuse what redis-py would quietly take for something else, or quote in an error."""
    try:
        parts = urlsplit(url)
        known = bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise ValueError("special characters of a password are written like %2F") from None
    if not known or parts.fragment or not _DATABASE.fullmatch(parts.path):
        raise ValueError("it needs a host, and the number of a database at most")
    if not all(name.startswith("ssl_") for name in parse_qs(parts.query, keep_blank_values=True)):
        raise ValueError("the options of its query begin with ssl_")


@contextmanager
def cancelable() -> Iterator[None]:
    """Raise a cancellation that redis-py lost: before Python 3.12, `asyncio.wait_for` loses one that meets its end."""
    task = asyncio.current_task()
    assert task is not None
    before = task.cancelling()
    try:
        yield
    finally:
        if task.cancelling() > before:
            raise asyncio.CancelledError


@contextmanager
def translated() -> Iterator[None]:
    """Redis's errors in the words of the core, without what they say."""
    try:
        with cancelable():
            yield
    except RedisError as error:
        raise Unavailable(f"The queue in Redis is not available ({type(error).__name__}).") from None


class Outage:
    """Whether Redis is away for somebody: logged at either end, and sat out in pauses that grow."""

    def __init__(self, whose: str) -> None:
        self._whose = whose
        self._since: float | None = None

    async def sit_out(self, error: RedisError) -> None:
        """Leave it alone for as long again as it has been away, within bounds."""
        away = self.began(error)
        await asyncio.sleep(min(max(away, FIRST_PAUSE), LONGEST_PAUSE))

    def began(self, error: RedisError) -> float:
        """It did not do what was asked; returned is how long it has been away, in seconds."""
        if self._since is None:
            self._since = monotonic()
            # The class and not the text, which names hosts and users.
            logger.warning("%s: Redis is away (%s)", self._whose, type(error).__name__)
        return monotonic() - self._since

    def ended(self) -> None:
        """It did."""
        if self._since is not None:
            self._since = None
            logger.info("%s: Redis is back", self._whose)
