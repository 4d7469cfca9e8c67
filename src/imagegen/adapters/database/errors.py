"""What can be wrong with a database before anything is asked of it; the messages are for the operator."""

from pathlib import Path

from imagegen.domain.errors import DatabaseUnavailable


class DatabaseInUse(DatabaseUnavailable):
    """Another process has the SQLite file open."""

    def __init__(self, path: Path, holder: str) -> None:
        by = f" by process {holder}" if holder else ""
        super().__init__(
            f"The database {path} is in use{by}. An SQLite file serves one process: stop the other one, "
            "or set IMAGEGEN_DATABASE_URL to a Postgres database to run several."
        )


class NoConnection(DatabaseUnavailable):
    """Postgres takes no connection; the driver's own words are left out, for they may quote the URL."""

    def __init__(self, host: str, port: int, reason: Exception) -> None:
        super().__init__(f"Postgres at {host}:{port} takes no connection: {type(reason).__name__}.")


class SchemaBehind(DatabaseUnavailable):
    """The schema of the database is older than this code."""

    def __init__(self, found: str | None, wanted: str) -> None:
        super().__init__(f"The database schema is {_at(found)}, this version needs {wanted}: run `imagegen migrate`.")


class SchemaAhead(DatabaseUnavailable):
    """The schema of the database is newer than this code."""

    def __init__(self, found: str, wanted: str) -> None:
        super().__init__(
            f"The database schema is {_at(found)}, this version knows only {wanted}: install a newer imagegen."
        )


def _at(revision: str | None) -> str:
    return f"at revision {revision}" if revision else "empty"
