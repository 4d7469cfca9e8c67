"""The servers that other tests rely on: they are real, they are strict, and none is left behind."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest
from botocore.exceptions import ClientError

from servers.plugin import own_servers
from servers.pool import STARTERS, ServerPool, SharedPool
from servers.postgres import create_database, drop_database, start_postgres
from servers.process import Server, ServerUnavailableError, free_ports, wheel_file
from servers.s3 import S3Account
from servers.valkey import start_valkey

TESTS = Path(__file__).parents[1]


async def _query(url: str, statement: str) -> Any:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def test_postgres_answers(postgres_server: str) -> None:
    """The Postgres of a run is a Postgres, of the version that the service is run on."""
    assert await _query(postgres_server, "SELECT current_setting('server_version_num')::int / 10000") == 18


async def test_a_database_of_the_tests_own_is_empty(postgres_database: str) -> None:
    """A test that asks for a database gets one that nobody has written to."""
    assert await _query(postgres_database, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0


async def test_a_database_is_a_copy_of_its_template(postgres_server: str) -> None:
    """What is in the template is in its copy, and what is written to the copy stays there."""
    template, copy = f"template_{uuid4().hex}", f"copy_{uuid4().hex}"
    template_url = await create_database(postgres_server, template)
    await _query(template_url, "CREATE TABLE pictures AS SELECT 7 AS width")
    copy_url = await create_database(postgres_server, copy, template)
    await _query(copy_url, "UPDATE pictures SET width = 8")
    assert await _query(copy_url, "SELECT width FROM pictures") == 8
    assert await _query(template_url, "SELECT width FROM pictures") == 7
    await drop_database(postgres_server, copy)
    await drop_database(postgres_server, template)
    left = "SELECT count(*) FROM pg_database WHERE datname IN ('{}', '{}')"
    assert await _query(postgres_server, left.format(copy, template)) == 0


async def test_a_database_in_use_is_dropped(postgres_server: str) -> None:
    """A connection that a test forgot does not keep its database alive."""
    name = f"busy_{uuid4().hex}"
    connection = await asyncpg.connect(await create_database(postgres_server, name))
    await drop_database(postgres_server, name)
    assert await _query(postgres_server, f"SELECT count(*) FROM pg_database WHERE datname = '{name}'") == 0
    connection.terminate()


@pytest.mark.parametrize("name", ["", 'a"b', "a-b", "x" * 64])
async def test_a_database_name_is_a_plain_word(postgres_server: str, name: str) -> None:
    """A name that Postgres would cut short, or read as something else, is refused."""
    with pytest.raises(ValueError, match="not a database name"):
        await create_database(postgres_server, name)


def test_valkey_remembers(valkey_server: str) -> None:
    """What is set in Valkey is read from it, in the database that the url names."""
    address = urlsplit(valkey_server)
    peer = (address.hostname or "", address.port or 0)
    with socket.create_connection(peer) as connection, connection.makefile("rb") as replies:
        connection.sendall(f"SELECT {address.path[1:]}\r\nSET picture 7\r\nGET picture\r\n".encode())
        assert [replies.readline() for _ in range(4)] == [b"+OK\r\n", b"+OK\r\n", b"$1\r\n", b"7\r\n"]


@pytest.fixture
def bucket(s3_server: S3Account) -> str:
    """A bucket of the test's own."""
    name = f"test-{uuid4().hex}"
    s3_server.create_bucket(name)
    return name


def test_s3_keeps_an_object(s3_server: S3Account, bucket: str) -> None:
    """An object comes back byte for byte with its type, and a range of it alone."""
    with s3_server.client() as client:
        client.put_object(Bucket=bucket, Key="a/b.png", Body=b"0123456789", ContentType="image/png")
        whole = client.get_object(Bucket=bucket, Key="a/b.png")
        part = client.get_object(Bucket=bucket, Key="a/b.png", Range="bytes=3-5")
        assert (whole["ContentType"], whole["Body"].read()) == ("image/png", b"0123456789")
        assert (part["ContentRange"], part["Body"].read()) == ("bytes 3-5/10", b"345")


def test_s3_writes_once_if_asked_to(s3_server: S3Account, bucket: str) -> None:
    """A conditional put does not replace what is there."""
    with s3_server.client() as client:
        client.put_object(Bucket=bucket, Key="k", Body=b"first", IfNoneMatch="*")
        with pytest.raises(ClientError, match="PreconditionFailed"):
            client.put_object(Bucket=bucket, Key="k", Body=b"second", IfNoneMatch="*")
        assert client.get_object(Bucket=bucket, Key="k")["Body"].read() == b"first"


def test_s3_refuses_a_wrong_secret(s3_server: S3Account, bucket: str) -> None:
    """A request signed with another secret is refused, so a test may rely on credentials being used."""
    stranger = replace(s3_server, secret_key="wrong")
    with stranger.client() as client, pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        client.put_object(Bucket=bucket, Key="k", Body=b"")


def test_s3_makes_no_bucket_by_itself(s3_server: S3Account) -> None:
    """Writing to a bucket that nobody made fails, as it does in production."""
    with s3_server.client() as client, pytest.raises(ClientError, match="NoSuchBucket"):
        client.put_object(Bucket=f"never-{uuid4().hex}", Key="k", Body=b"")


def test_an_s3_account_is_one_url() -> None:
    """Keys of any characters survive being written into a url."""
    account = S3Account(endpoint="http://127.0.0.1:9000", access_key="a/b", secret_key="c@d:e+f")
    assert S3Account.parse(account.url) == account


START_AND_REPORT = """
import sys, time
from pathlib import Path
from servers.pool import STARTERS
print(STARTERS[sys.argv[1]](Path(sys.argv[2])).url, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("name", STARTERS)
def test_a_server_does_not_outlive_its_tests(name: str, reachable_folder: Path) -> None:
    """A run that is killed leaves neither a process nor data behind."""
    folder = reachable_folder / name
    with subprocess.Popen(
        [sys.executable, "-c", START_AND_REPORT, name, folder],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
    ) as tests:
        assert tests.stdout
        port = urlsplit(tests.stdout.readline()).port or 0
        assert folder.exists()
        tests.send_signal(signal.SIGKILL)
    _until(lambda: not folder.exists())
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port)).close()


@pytest.fixture
def reachable_folder() -> Iterator[Path]:
    """A folder that the unprivileged user of Postgres can reach, unlike pytest's."""
    pool = ServerPool({})
    yield pool.folder
    pool.stop()


async def test_a_server_that_was_down_has_its_data(reachable_folder: Path) -> None:
    """While it is down nobody answers; up again it is where it was, and so is what was written to it."""
    server = start_postgres(reachable_folder / "postgres")
    await _query(server.url, "CREATE TABLE pictures AS SELECT 7 AS width")
    for _ in range(2):
        server.down()
        with pytest.raises(OSError, match="onnect"):
            await _query(server.url, "SELECT 1")
        server.up()
        assert await _query(server.url, "SELECT width FROM pictures") == 7
    server.stop()
    assert not (reachable_folder / "postgres").exists()


def test_a_server_can_be_stopped_while_it_is_down(reachable_folder: Path) -> None:
    """Nothing is left of it, as if it had been up."""
    server = start_valkey(reachable_folder / "valkey")
    server.down()
    server.stop()
    assert not (reachable_folder / "valkey").exists()


def _until(condition: Callable[[], bool]) -> None:
    """Wait until `condition` holds; a generous limit only keeps a broken run from hanging."""
    pause = threading.Event()
    for _ in range(3000):
        if condition():
            return
        pause.wait(0.01)
    pytest.fail("it never came true")


def test_a_server_starts_once_for_all_workers() -> None:
    """Workers that ask at the same moment, through the address of the pool, are told of the same server."""
    starts: list[Path] = []

    def start(folder: Path) -> Server:
        starts.append(folder)
        return Server(f"made-up:{len(starts)}", lambda: None)

    pool = ServerPool({}, {"made-up": start})
    worker = SharedPool(pool.share())
    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(worker.url, ["made-up"] * 8)) == {pool.url("made-up")} == {"made-up:1"}
    pool.stop()


def test_a_pool_stops_what_it_started() -> None:
    """The end of a run ends its servers, and deletes the folder they were in."""
    stopped: list[str] = []
    pool = ServerPool({}, {"made-up": lambda _: Server("", lambda: stopped.append("made-up"))})
    pool.url("made-up")
    pool.stop()
    assert stopped == ["made-up"]
    assert not pool.folder.exists()


def test_a_server_that_does_not_start_fails_every_worker() -> None:
    """A broken server is a failure with its reason wherever it is asked for, and is not tried again."""
    attempts: list[Path] = []

    def start(folder: Path) -> Server:
        attempts.append(folder)
        raise ServerUnavailableError("no such thing")

    pool = ServerPool({}, {"made-up": start})
    for asked in (pool, SharedPool(pool.share())):
        with pytest.raises(ServerUnavailableError, match="no such thing"):
            asked.url("made-up")
    pool.stop()
    assert len(attempts) == 1


def test_a_server_of_ones_own_is_used_instead() -> None:
    """A developer names a running server in the environment, and none is started."""
    own = own_servers({"IMAGEGEN_TEST_VALKEY_URL": "redis://mine:6379/0", "IMAGEGEN_TEST_S3_URL": ""})
    assert own == {"valkey": "redis://mine:6379/0"}
    pool = ServerPool(own)
    assert pool.url("valkey") == "redis://mine:6379/0"
    pool.stop()


def test_a_missing_wheel_is_a_failure_with_advice() -> None:
    """A server that is not installed is never skipped over in silence."""
    with pytest.raises(ServerUnavailableError, match="add the dependency group `servers`"):
        wheel_file("no-such-wheel", "bin/server")


def test_free_ports_are_different_and_not_for_outgoing_connections() -> None:
    """Ports lie below the range from which the system takes ports for connections."""
    ports = free_ports(8)
    assert len(set(ports)) == 8
    assert max(ports) < 32768
