"""What Postgres and its driver raise, in the words of the core."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg
from sqlalchemy import URL, UniqueConstraint

from imagegen.adapters.database.errors import NoConnection
from imagegen.adapters.database.tables import metadata
from imagegen.domain.errors import AlreadyExists, DatabaseUnavailable, StaleWrite

_UNIQUE: Final = {
    str(constraint.name): f"{table.name}.{constraint.columns[0].name}"
    for table in metadata.tables.values()
    for constraint in (table.primary_key, *table.constraints)
    if constraint is table.primary_key or isinstance(constraint, UniqueConstraint)
}

_PORT: Final = 5432

_AWAY: Final = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,  # the connection or the pool is closed
    asyncpg.InternalClientError,  # the server has said good-bye, and the driver has not yet seen the line close
    asyncpg.PostgresConnectionError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,  # shutting down, starting up, or the statement took too long
    asyncpg.PostgresSystemError,
    asyncpg.ReadOnlySQLTransactionError,  # a standby
    asyncpg.TransactionRollbackError,  # a deadlock
)


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raise what happens within as the core knows it; what only a defect of ours can cause stays as it is."""
    try:
        yield
    except asyncpg.UniqueViolationError as error:
        raise AlreadyExists(_UNIQUE.get(error.constraint_name, error.table_name)) from None
    except (asyncpg.ForeignKeyViolationError, asyncpg.DivisionByZeroError):
        raise StaleWrite from None
    except asyncpg.DataError:
        raise
    except _AWAY as error:
        raise DatabaseUnavailable from error


@contextmanager
def connecting(url: URL) -> Iterator[None]:
    """Raise whatever keeps a first connection from being made as `NoConnection`, for the operator."""
    try:
        yield
    except (*_AWAY, asyncpg.PostgresError, ValueError, OverflowError) as error:
        host = url.host or url.query.get("host") or "localhost"
        raise NoConnection(str(host), url.port or _PORT, error) from None
