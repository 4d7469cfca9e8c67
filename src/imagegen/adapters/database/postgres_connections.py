"""The connections to Postgres: a pool for all there is to do, and one beside it that none of that can hold up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, Self

import asyncpg

COMMAND_SECONDS: Final = 15.0
"""For a statement's answer. By then the server has given up: who has not heard of that is on a dead line."""

_CONNECTIONS: Final = 10
_CACHED_STATEMENTS: Final = 500

# Seconds. The server gives up first, so that a statement that is given up has really ended.
_STATEMENT_TIMEOUT: Final = 10
_CONNECT_TIMEOUT: Final = 5
_POOL_TIMEOUT: Final = 10
_CLOSE_TIMEOUT: Final = 1
_RESERVED_TIMEOUT: Final = 1.5
"""For everything, a new connection included: who failed on a dead line has the time to renew a lease on another."""


class Connections:
    """Those that one process has; a line that does not answer is cut, and nobody else gets it."""

    def __init__(self, dsn: str, pool: asyncpg.Pool, command_seconds: float) -> None:
        self._dsn = dsn
        self._pool = pool
        self._command_seconds = command_seconds
        self._reserved: Any = None
        self._turn = asyncio.Lock()

    @classmethod
    async def open(cls, dsn: str, *, command_seconds: float = COMMAND_SECONDS) -> Self:
        """Make the first connection, or raise what the driver raises."""
        pool = await asyncpg.create_pool(
            dsn,
            min_size=1,
            max_size=_CONNECTIONS,
            timeout=_CONNECT_TIMEOUT,
            command_timeout=command_seconds,
            reset=_leave_as_it_is,
            **_options(_STATEMENT_TIMEOUT),
        )
        return cls(dsn, pool, command_seconds)

    @asynccontextmanager
    async def pooled(self) -> AsyncIterator[Any]:
        """One of the pool. Where one is dead the idle ones may be so too: they are replaced before they are used."""
        async with asyncio.timeout(_POOL_TIMEOUT):
            connection = await self._pool.acquire()
        try:
            yield connection
        except TimeoutError:
            connection.terminate()
            await self._pool.expire_connections()
            raise
        finally:
            await self._pool.release(connection)

    @asynccontextmanager
    async def reserved(self) -> AsyncIterator[Any]:
        """The one for what must not wait for anything else: opened when it is wanted, and anew after any error."""
        async with asyncio.timeout(_RESERVED_TIMEOUT), self._turn:
            try:
                if self._reserved is None or self._reserved.is_closed():
                    self._reserved = await asyncpg.connect(self._dsn, **_options(_RESERVED_TIMEOUT))
                yield self._reserved
            except BaseException:  # a timeout comes as a cancellation
                self._cut_reserved()
                raise

    async def close(self) -> None:
        """Wait for what runs, as long as a statement may, then disconnect."""
        async with self._turn:
            if self._reserved is not None:
                await self._reserved.close()
        try:
            async with asyncio.timeout(self._command_seconds):
                await self._pool.close()
        except TimeoutError:  # whoever has one cannot be waiting for an answer any more
            self._pool.terminate()

    def _cut_reserved(self) -> None:
        connection, self._reserved = self._reserved, None
        if connection is not None:
            connection.terminate()


class _Connection(asyncpg.Connection):  # type: ignore[misc]  # the driver has no types
    """One whose closing ends, whatever the line is like."""

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 - the driver's signature
        with suppress(TimeoutError):  # the driver has cut it by then
            await super().close(timeout=timeout or _CLOSE_TIMEOUT)


def _options(statement_seconds: float) -> dict[str, Any]:
    milliseconds = f"{round(statement_seconds * 1000)}ms"
    return {
        "connection_class": _Connection,
        "statement_cache_size": _CACHED_STATEMENTS,
        "server_settings": {
            "application_name": "imagegen",
            "statement_timeout": milliseconds,
            "idle_in_transaction_session_timeout": milliseconds,
        },
    }


async def _leave_as_it_is(_connection: Any) -> None:
    """Nothing changes a session here, so the driver's reset between two uses, a trip of its own, is spared."""
