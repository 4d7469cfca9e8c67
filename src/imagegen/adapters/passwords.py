"""Argon2id off the event loop, and bounded: guessing at the login must not be able to stop the service."""

import asyncio
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.machinery import SourceFileLoader
from importlib.metadata import distribution
from secrets import token_bytes
from threading import BoundedSemaphore
from types import ModuleType
from typing import Final, TypeVar

import argon2

from imagegen.domain.errors import Overloaded
from imagegen.domain.ports import PasswordHasher
from imagegen.domain.users import PASSWORD_LENGTH

OWASP: Final = argon2.PasswordHasher(memory_cost=19_456, time_cost=2, parallelism=1)
"""19 MiB, two passes, one lane: the first choice of the OWASP password storage cheat sheet."""
COMMONEST: Final = 3_000

_RETRY_AFTER: Final = 1.0
"""Seconds: about what a full line of the default length takes."""

T = TypeVar("T")


class Argon2Hasher(PasswordHasher):
    """Argon2id in threads of its own.

    `threads` passwords are worked on at once and up to `waiting` more wait for their turn; beyond that callers are
    turned away. Each at work takes the memory of `argon2id`, 19 MiB by default.

    A stored hash that is none raises `ValueError`: that is a fault of the data and no wrong password.
    """

    def __init__(self, argon2id: argon2.PasswordHasher = OWASP, *, threads: int = 2, waiting: int = 64) -> None:
        self._argon2id = argon2id
        self._decoy = _decoy(argon2id)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="passwords")
        self._room = BoundedSemaphore(threads + waiting)
        self._commonest: frozenset[str] | None = None

    async def hash(self, password: str) -> str:
        """An encoded hash with its own salt."""
        return await self._run(partial(self._argon2id.hash, _bytes(password)))

    async def verify(self, password: str, encoded: str | None) -> bool:
        """Whether the password belongs to the hash; without a hash, a decoy is worked on as long."""
        return await self._run(partial(self._belongs, _bytes(password), encoded))

    def outdated(self, encoded: str) -> bool:
        """Whether it was made with other parameters than these."""
        return self._argon2id.check_needs_rehash(encoded)

    async def common(self, password: str) -> bool:
        """Whether it is, capitalized in whatever way, among the commonest that are long enough."""
        if self._commonest is None:
            self._commonest = await self._run(_commonest)
        return password.casefold() in self._commonest

    async def close(self) -> None:
        """Finish what was taken on, and let go of the threads."""
        await asyncio.to_thread(self._threads.shutdown)

    async def _run(self, work: Callable[[], T]) -> T:
        if not self._room.acquire(blocking=False):
            raise Overloaded(retry_after=_RETRY_AFTER)
        future = self._threads.submit(work)
        # Not in a `finally` here: a caller that gives up does not stop the thread that works for it.
        future.add_done_callback(lambda _: self._room.release())
        return await asyncio.wrap_future(future)

    def _belongs(self, password: bytes, encoded: str | None) -> bool:
        try:
            self._argon2id.verify(self._decoy if encoded is None else encoded, password)
        except argon2.exceptions.VerifyMismatchError:
            return False
        except (argon2.exceptions.VerificationError, ValueError) as error:
            raise ValueError("the stored password hash cannot be checked") from error
        return encoded is not None


def _bytes(password: str) -> bytes:
    # Every text has a hash; which texts are acceptable as passwords was decided before.
    return password.encode("utf-8", "surrogatepass")


def _decoy(argon2id: argon2.PasswordHasher) -> str:
    """An encoded hash that no password is known for, as slow to check as a genuine one."""
    cost = f"m={argon2id.memory_cost},t={argon2id.time_cost},p={argon2id.parallelism}"
    salt, digest = (
        b64encode(token_bytes(length)).rstrip(b"=").decode() for length in (argon2id.salt_len, argon2id.hash_len)
    )
    return f"$argon2id$v={argon2.low_level.ARGON2_VERSION}${cost}${salt}${digest}"


def _commonest() -> frozenset[str]:
    """The commonest passwords of the allowed length, in lower case, by how often zxcvbn's authors met them in leaks.

    The list is run apart and let go: imported in the usual way, all of zxcvbn would stay in memory (14 MiB).
    """
    source = distribution("zxcvbn").locate_file("zxcvbn/frequency_lists.py")
    lists = ModuleType("frequency_lists")
    SourceFileLoader(lists.__name__, str(source)).exec_module(lists)
    by_rank: list[str] = lists.FREQUENCY_LISTS["passwords"]
    return frozenset([password for password in by_rank if len(password) in PASSWORD_LENGTH][:COMMONEST])
