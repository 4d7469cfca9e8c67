"""What a fleet of many machines shares: a Postgres, a Valkey and an S3 server of its own, which may go down."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self
from uuid import uuid4

from e2e.service import clean_environment
from servers.postgres import create_database, start_postgres
from servers.process import Server
from servers.s3 import S3Account, start_s3
from servers.valkey import start_valkey

SECRET: Final = "a secret that all members share, made up for tests"


TEMPLATE: Final = "migrated"


@dataclass(slots=True)
class Outside:
    """The servers, each of which can be taken down and brought up again where it was."""

    postgres: Server
    valkey: Server
    s3: Server
    _migrated: bool = field(default=False, init=False)

    @classmethod
    @contextmanager
    def running(cls, folder: Path) -> Iterator[Self]:
        """All three, until the end of the block. They are nobody else's: no other test notices what happens to them."""
        with ExitStack() as stack:
            servers = []
            for start in (start_postgres, start_valkey, start_s3):
                servers.append(start(folder / start.__name__))
                stack.callback(servers[-1].stop)
            yield cls(*servers)

    async def database(self, name: str) -> str:
        """The url of a new migrated database: a copy of one that is made for the first who asks."""
        if not self._migrated:
            environment = clean_environment(IMAGEGEN_DATABASE_URL=await create_database(self.postgres.url, TEMPLATE))
            subprocess.run([sys.executable, "-m", "imagegen", "migrate"], env=environment, check=True)  # noqa: ASYNC221 - nothing else is to happen meanwhile
            self._migrated = True
        return await create_database(self.postgres.url, name, TEMPLATE)

    @property
    def account(self) -> S3Account:
        """Who may use the S3 server."""
        return S3Account.parse(self.s3.url)


@dataclass(frozen=True, slots=True)
class Share:
    """One fleet's share of them: a migrated database and an empty bucket."""

    outside: Outside
    database_url: str
    bucket: str

    @classmethod
    async def of(cls, outside: Outside) -> Self:
        """A new share."""
        name = f"crash-{uuid4().hex}"
        outside.account.create_bucket(name)
        return cls(outside, await outside.database(name.replace("-", "_")), name)

    @property
    def variables(self) -> Mapping[str, str]:
        """What the members need to know."""
        account = self.outside.account
        return {
            "IMAGEGEN_SECRET_KEY": SECRET,
            "IMAGEGEN_DATABASE_URL": self.database_url,
            "IMAGEGEN_QUEUE_URL": self.outside.valkey.url,
            "IMAGEGEN_STORAGE_URL": "r2:",
            "R2_ENDPOINT_URL": account.endpoint,
            "R2_BUCKET": self.bucket,
            "R2_ACCESS_KEY_ID": account.access_key,
            "R2_SECRET_ACCESS_KEY": account.secret_key,
        }
