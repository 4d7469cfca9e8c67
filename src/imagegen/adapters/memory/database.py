"""The database in memory, and its unit of work."""

from datetime import UTC, datetime
from functools import partial
from types import TracebackType
from typing import Self

from imagegen.adapters.memory.accounts import MemoryApiKeys, MemorySessions, MemoryUsers
from imagegen.adapters.memory.attempts import MemoryAttempts
from imagegen.adapters.memory.batches import MemoryBatches
from imagegen.adapters.memory.generations import MemoryGenerations
from imagegen.adapters.memory.idempotency_keys import MemoryIdempotencyKeys
from imagegen.adapters.memory.images import MemoryForgottenBlobs, MemoryImages
from imagegen.adapters.memory.transaction import Committed, Transaction
from imagegen.adapters.memory.usage import MemoryUsage
from imagegen.adapters.memory.webhooks import MemoryWebhookDeliveries, MemoryWebhookEndpoints
from imagegen.adapters.memory.workers import MemoryWorkers
from imagegen.domain.ports import Clock, UnitOfWork


class MemoryDatabase:
    """Remembers as long as it lives; one thread may use it. `clock` is the one that all who use it share."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._committed = Committed(clock or partial(datetime.now, UTC))

    def unit_of_work(self) -> UnitOfWork:
        """A new unit of work on what is remembered here."""
        return MemoryUnitOfWork(Transaction(self._committed))


class MemoryUnitOfWork(UnitOfWork):
    """One transaction and the repositories that take part in it."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self.users = MemoryUsers(transaction)
        self.sessions = MemorySessions(transaction)
        self.api_keys = MemoryApiKeys(transaction)
        self.generations = MemoryGenerations(transaction)
        self.batches = MemoryBatches(transaction)
        self.attempts = MemoryAttempts(transaction)
        self.images = MemoryImages(transaction)
        self.forgotten_blobs = MemoryForgottenBlobs(transaction)
        self.usage = MemoryUsage(transaction)
        self.workers = MemoryWorkers(transaction)
        self.idempotency_keys = MemoryIdempotencyKeys(transaction)
        self.webhook_endpoints = MemoryWebhookEndpoints(transaction)
        self.webhook_deliveries = MemoryWebhookDeliveries(transaction)

    async def now(self) -> datetime:
        """The moment by the clock that all share."""
        await self._transaction.read()
        return self._transaction.clock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._transaction.forget()

    async def commit(self) -> None:
        """Let everybody see the writes, all of them or none."""
        await self._transaction.commit()
