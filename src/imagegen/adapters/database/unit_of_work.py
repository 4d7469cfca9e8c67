"""The unit of work on a database."""

from datetime import datetime
from operator import itemgetter
from types import TracebackType
from typing import Final, Self

from sqlalchemy import select

from imagegen.adapters.database.engine import Engine
from imagegen.adapters.database.moments import moment_of_database
from imagegen.adapters.database.repositories.api_keys import SqlApiKeys
from imagegen.adapters.database.repositories.attempts import SqlAttempts
from imagegen.adapters.database.repositories.batches import SqlBatches
from imagegen.adapters.database.repositories.forgotten_blobs import SqlForgottenBlobs
from imagegen.adapters.database.repositories.generations import SqlGenerations
from imagegen.adapters.database.repositories.idempotency_keys import SqlIdempotencyKeys
from imagegen.adapters.database.repositories.images import SqlImages
from imagegen.adapters.database.repositories.sessions import SqlSessions
from imagegen.adapters.database.repositories.usage import SqlUsage
from imagegen.adapters.database.repositories.users import SqlUsers
from imagegen.adapters.database.repositories.webhooks import SqlWebhookDeliveries, SqlWebhookEndpoints
from imagegen.adapters.database.repositories.workers import SqlWorkers
from imagegen.adapters.database.statements import Query
from imagegen.adapters.database.transaction import Transaction
from imagegen.domain.ports import UnitOfWork

_NOW: Final[Query[datetime]] = Query(select(moment_of_database()), itemgetter(0))


class SqlUnitOfWork(UnitOfWork):
    """One transaction and the repositories that take part in it. It holds no connection between its steps."""

    def __init__(self, engine: Engine) -> None:
        self._transaction = transaction = Transaction(engine)
        self.users = SqlUsers(transaction)
        self.sessions = SqlSessions(transaction)
        self.api_keys = SqlApiKeys(transaction)
        self.generations = SqlGenerations(transaction)
        self.batches = SqlBatches(transaction)
        self.attempts = SqlAttempts(transaction)
        self.images = SqlImages(transaction)
        self.forgotten_blobs = SqlForgottenBlobs(transaction)
        self.usage = SqlUsage(transaction)
        self.workers = SqlWorkers(transaction)
        self.idempotency_keys = SqlIdempotencyKeys(transaction)
        self.webhook_endpoints = SqlWebhookEndpoints(transaction)
        self.webhook_deliveries = SqlWebhookDeliveries(transaction)

    async def now(self) -> datetime:
        """Ask the database."""
        (now,) = await self._transaction.look_up(_NOW, {})
        return now

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._transaction.forget()

    async def commit(self) -> None:
        """Apply the writes in one transaction."""
        await self._transaction.commit()
