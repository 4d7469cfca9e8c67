"""Which revision of the schema this code was written for, told without loading Alembic, which takes a while."""

from functools import cache
from pathlib import Path
from typing import Final

from imagegen.adapters.database.errors import SchemaAhead, SchemaBehind

REVISION_QUERY: Final = "SELECT version_num FROM alembic_version"


@cache
def migrations() -> Path:
    """The folder of the migrations: inside an installed package, else at the root of the repository."""
    here = Path(__file__)
    installed, repository = here.parents[2] / "migrations", here.parents[4] / "migrations"
    return installed if installed.is_dir() else repository


@cache
def head() -> str:
    """The newest revision: the number at the front of the last file's name."""
    return max(file.name for file in (migrations() / "versions").glob("*.py")).partition("_")[0]


def require_head(found: str | None) -> None:
    """Let a database pass whose schema is at that revision (`None`: it has none).

    Raises:
        SchemaBehind: a migration is needed.
        SchemaAhead: this code is too old.
    """
    if found is not None and found > head():
        raise SchemaAhead(found, head())
    if found != head():
        raise SchemaBehind(found, head())
