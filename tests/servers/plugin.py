"""The pytest side: `pytest_plugins = ["servers.plugin"]` in a conftest brings these fixtures.

Each server starts when the first test asks for it. To use servers of your own, set their url before the run:

    IMAGEGEN_TEST_POSTGRES_URL   postgresql://USER:PASSWORD@HOST:PORT/DATABASE, by a role that may create databases
    IMAGEGEN_TEST_VALKEY_URL     redis://HOST:PORT/0, with a database for each test worker
    IMAGEGEN_TEST_S3_URL         http://ACCESS_KEY:SECRET_KEY@HOST:PORT, the keys percent-encoded
"""

import os
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import pytest

from servers.pool import STARTERS, Pool, ServerPool, SharedPool
from servers.postgres import create_database, drop_database
from servers.s3 import S3Account

POOL: Final = pytest.StashKey[Pool]()


def own_servers(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the urls of the servers that the developer brings, by name."""
    variables = {name: f"IMAGEGEN_TEST_{name.upper()}_URL" for name in STARTERS}
    return {name: environment[variable] for name, variable in variables.items() if environment.get(variable)}


def pytest_configure(config: pytest.Config) -> None:
    """Give this process its pool: the controller (or the only process) owns one, a worker asks for the controller's."""
    if worker := getattr(config, "workerinput", None):
        config.stash[POOL] = SharedPool(worker["server_pool"])
    else:
        pool = ServerPool(own_servers(os.environ))
        config.stash[POOL] = pool
        config.add_cleanup(pool.stop)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist where the controller's pool is."""
    node.workerinput["server_pool"] = node.config.stash[POOL].share()


@pytest.fixture(scope="session")
def server_pool(request: pytest.FixtureRequest) -> Pool:
    """The servers of this run, by name."""
    return request.config.stash[POOL]


@pytest.fixture(scope="session")
def postgres_server(server_pool: Pool) -> str:
    """The url of a real Postgres, as a role that may create databases."""
    return server_pool.url("postgres")


@pytest.fixture(scope="session")
def postgres_template() -> str | None:
    """The database of which `postgres_database` hands out copies; override it to start from a migrated schema."""
    return None


@pytest.fixture
async def postgres_database(postgres_server: str, postgres_template: str | None) -> AsyncIterator[str]:
    """The url of a database of the test's own, dropped after it whoever is still connected."""
    name = f"test_{uuid4().hex}"
    yield await create_database(postgres_server, name, postgres_template)
    await drop_database(postgres_server, name)


@pytest.fixture(scope="session")
def valkey_server(server_pool: Pool, request: pytest.FixtureRequest) -> str:
    """The url of a real Valkey, each worker in a numbered database of its own (channels are shared by all)."""
    parts = urlsplit(server_pool.url("valkey"))
    worker = getattr(request.config, "workerinput", {}).get("workerid", "gw0")
    return urlunsplit(parts._replace(path=f"/{worker.removeprefix('gw')}"))


@pytest.fixture(scope="session")
def s3_server(server_pool: Pool) -> S3Account:
    """An account on a real S3 server; make a bucket of the test's own with `create_bucket`."""
    return S3Account.parse(server_pool.url("s3"))
