"""What only a real SQLite file shows: its settings, its one writer, its lock, and what a sudden death leaves behind."""

import asyncio
import logging
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, Final

import pytest
from sqlalchemy import Delete, Select, Update, make_url
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from builders import WORKER, new_key, new_user
from imagegen.adapters.database import Database, DatabaseInUse, open_database, repositories
from imagegen.adapters.database.migrations import upgrade
from imagegen.adapters.database.sqlite import SqliteEngine
from imagegen.adapters.database.sqlite_file import open_reader, open_writer
from imagegen.adapters.database.sqlite_writer import SqliteWriter, Step
from imagegen.adapters.database.statements import Change, Query
from imagegen.domain.errors import AlreadyExists, DatabaseUnavailable, StaleWrite
from imagegen.domain.pages import PageRequest
from imagegen.domain.ports import GenerationFilter
from imagegen.domain.users import User
from stores import remember

TESTS: Final = Path(__file__).parents[1]


@pytest.fixture
def file(sqlite_url: str) -> Path:
    """A migrated file of the test's own."""
    return Path(sqlite_url.removeprefix("sqlite:///"))


@pytest.fixture
async def database(sqlite_url: str) -> AsyncIterator[Database]:
    """An open database."""
    database = open_database(sqlite_url)
    await database.start()
    yield database
    await database.close()


async def read_user(database: Database, user: User) -> User | None:
    """The user as they are remembered."""
    async with database.unit_of_work() as work:
        return await work.users.get(user.id)


# --- how a file is opened -----------------------------------------------------------------------------------------


def pragma(connection: sqlite3.Connection, name: str) -> object:
    """The value of a setting."""
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def test_the_writer_is_durable_and_strict(file: Path) -> None:
    """The writer flushes every commit to the disk, holds rows to their references, and waits for the file's lock."""
    with closing(open_writer(file, "FULL")) as writer:
        found = {name: pragma(writer, name) for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")}
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}


def test_a_reader_cannot_write(file: Path) -> None:
    """A reader that tries to write is refused by SQLite itself."""
    with closing(open_reader(file)) as reader, pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.execute("DELETE FROM users")


@pytest.mark.parametrize(("parameter", "level"), [("", 2), ("?synchronous=FULL", 2), ("?synchronous=normal", 1)])
async def test_durability_can_be_traded_for_speed(sqlite_url: str, parameter: str, level: int) -> None:
    """A parameter of the URL says how surely a commit is on the disk; without one it is entirely."""
    database = open_database(sqlite_url + parameter)
    await database.start()
    writer = database._engine._connections.writer._connection  # type: ignore[attr-defined]  # nothing else tells
    assert pragma(writer, "synchronous") == level
    await database.close()


@pytest.mark.parametrize(
    "url",
    ["sqlite://", "sqlite:///:memory:", "sqlite:////a.db?synchronous=OFF", "mysql://somewhere/db", "nonsense"],
)
def test_a_url_that_cannot_be_served_is_refused(url: str) -> None:
    """What would lose data, or is no database of ours, is refused before anything is opened."""
    with pytest.raises(ValueError, match=r"SQLite|URL"):
        open_database(url)


async def test_a_file_is_made_where_there_is_none(tmp_path: Path) -> None:
    """The first start makes folder, file and tables; nobody but the owner may read the file."""
    file = tmp_path / "deep" / "down" / "imagegen.db"
    database = open_database(f"sqlite+aiosqlite:///{file}")
    await database.start()
    await remember(database.unit_of_work, user := new_user())
    assert await read_user(database, user) == user
    await database.close()
    assert {path.name: path.stat().st_mode & 0o077 for path in file.parent.iterdir()} == {
        "imagegen.db": 0,
        "imagegen.db.lock": 0,
    }


async def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """Where no file can be, the message names it and the system's reason."""
    (tmp_path / "file").touch()
    database = open_database(f"sqlite:///{tmp_path}/file/imagegen.db")
    with pytest.raises(DatabaseUnavailable, match=r"file/imagegen\.db cannot be opened: \w+"):
        await database.start()


async def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    """A file of something else is refused, and left alone."""
    file = tmp_path / "notes.txt"
    file.write_text("Remember the milk. " * 100)
    with pytest.raises(DatabaseUnavailable, match="not a database"):
        await open_database(f"sqlite:///{file}").start()
    assert file.read_text() == "Remember the milk. " * 100


# --- closing and opening again ------------------------------------------------------------------------------------


async def test_what_is_committed_survives_a_restart(sqlite_url: str, file: Path) -> None:
    """A file that was closed and opened again holds what it held; the log is folded into it."""
    user, log = new_user(), file.with_name(f"{file.name}-wal")
    database = open_database(sqlite_url)
    for _ in range(2):
        await database.start()
        if await read_user(database, user) is None:
            await remember(database.unit_of_work, user)
        await database.close()
        assert not log.exists()
    await database.start()
    assert await read_user(database, user) == user
    await database.close()


async def test_closing_finishes_what_was_accepted(sqlite_url: str) -> None:
    """Commits under way when the database is closed are kept, and answered."""
    database = open_database(sqlite_url)
    await database.start()
    users = [new_user() for _ in range(20)]
    commits = [asyncio.create_task(remember(database.unit_of_work, user)) for user in users]
    await asyncio.sleep(0)
    await database.close()
    await asyncio.gather(*commits)
    await database.start()
    assert [await read_user(database, user) for user in users] == users
    await database.close()


async def test_a_closed_database_says_so(database: Database) -> None:
    """After closing, which may be done twice, everything is unavailable, and nothing hangs."""
    await database.close()
    await database.close()
    with pytest.raises(DatabaseUnavailable):
        await database.check()
    with pytest.raises(DatabaseUnavailable):
        await read_user(database, new_user())
    with pytest.raises(DatabaseUnavailable):
        await remember(database.unit_of_work, new_user())


async def test_a_lost_file_is_noticed(database: Database, file: Path) -> None:
    """The check reads, so it fails when there is nothing left to read."""
    await database.check()
    file.write_bytes(b"no database any more" * 1000)  # noqa: ASYNC240 - nobody waits
    with pytest.raises(DatabaseUnavailable):
        await database.check()
    with pytest.raises(DatabaseUnavailable) as caught:
        await read_user(database, new_user())
    assert isinstance(caught.value.__cause__, sqlite3.DatabaseError)


# --- one process --------------------------------------------------------------------------------------------------

START = """
import asyncio, sys
from imagegen.adapters.database import open_database
asyncio.run(open_database(sys.argv[1]).start())
"""
MIGRATE = """
import sys
from imagegen.adapters.database.migrations import upgrade
upgrade(sys.argv[1])
"""


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program in another process."""
    return subprocess.run([sys.executable, "-c", program, *arguments], check=False, capture_output=True, text=True)


@pytest.mark.parametrize("program", [START, MIGRATE], ids=["start", "migrate"])
async def test_a_second_process_is_refused(database: Database, sqlite_url: str, program: str) -> None:
    """Neither a second server nor a migration touches a file in use; the message says who has it and what to do."""
    second = await asyncio.to_thread(run, program, sqlite_url)
    assert second.returncode
    assert f"is in use by process {os.getpid()}" in second.stderr
    assert "IMAGEGEN_DATABASE_URL" in second.stderr
    await database.check()


async def test_a_file_is_opened_once(database: Database, sqlite_url: str) -> None:
    """Not even the same process opens it twice; after it was closed, anybody may."""
    with pytest.raises(DatabaseInUse):
        await open_database(sqlite_url).start()
    await database.close()
    assert await asyncio.to_thread(upgrade, sqlite_url)


WRITE_FOR_EVER = """
import asyncio, sys
from builders import WORKER, new_key, new_user
from imagegen.adapters.database import open_database
from stores import remember

async def write(database):
    while True:
        user = new_user()
        await remember(database.unit_of_work, user, new_key(user))
        print(user.id, flush=True)

async def main():
    database = open_database(sys.argv[1])
    await database.start()
    await asyncio.gather(*(write(database) for _ in range(16)))

asyncio.run(main())
"""


def write_until_killed(url: str, acknowledged: int) -> list[str]:
    """Have a process write, kill it after it has acknowledged so many, and return all that it acknowledged."""
    command = [sys.executable, "-c", WRITE_FOR_EVER, url]
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout
        heard = [process.stdout.readline() for _ in range(acknowledged)]
        process.send_signal(signal.SIGKILL)
        return heard + [line for line in process.stdout if line.endswith("\n")]


@pytest.mark.parametrize("acknowledged", [1, 40, 200])
async def test_a_killed_process_loses_nothing_it_acknowledged(sqlite_url: str, file: Path, acknowledged: int) -> None:
    """Killed in the midst of its commits, a process leaves a sound file: all it acknowledged, and nothing by halves."""
    heard = await asyncio.to_thread(write_until_killed, sqlite_url, acknowledged)
    database = open_database(sqlite_url)  # the lock died with its holder
    await database.start()
    await database.close()
    with closing(sqlite3.connect(file)) as connection:
        users = {bytes(row[0]) for row in connection.execute("SELECT id FROM users")}
        owners = {bytes(row[0]) for row in connection.execute("SELECT user_id FROM api_keys")}
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert {bytes.fromhex(line.strip().replace("-", "")) for line in heard} <= users
    assert owners == users


# --- one writer ---------------------------------------------------------------------------------------------------


@contextmanager
def traced(connection: sqlite3.Connection) -> Iterator[list[str]]:
    """What the connection is asked to do."""
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    yield statements
    connection.set_trace_callback(None)


def added(number: int) -> Step:
    """A step that adds a row of which there can be one."""
    return Step("INSERT INTO things VALUES (?)", [number], checked=False)


@pytest.fixture
async def things(tmp_path: Path) -> AsyncIterator[tuple[SqliteWriter, sqlite3.Connection]]:
    """A writer with its connection, and a table for numbers."""
    connection = open_writer(tmp_path / "things.db", "FULL")
    connection.execute("CREATE TABLE things (number INTEGER PRIMARY KEY)")
    writer = SqliteWriter(connection)
    yield writer, connection
    await writer.close()


async def numbers(writer: SqliteWriter, connection: sqlite3.Connection) -> list[int]:
    """What is in the table, read when the writer has nothing to do."""
    await writer.commit([])
    return [row[0] for row in connection.execute("SELECT number FROM things ORDER BY number")]


async def test_commits_that_arrive_together_share_a_transaction(
    things: tuple[SqliteWriter, sqlite3.Connection],
) -> None:
    """Many at once are committed in a few transactions, and each of them is there."""
    writer, connection = things
    with traced(connection) as statements:
        await asyncio.gather(*(writer.commit([added(number)]) for number in range(100)))
    assert statements.count("COMMIT") <= 10
    assert await numbers(writer, connection) == list(range(100))


async def test_one_that_fails_harms_no_other(things: tuple[SqliteWriter, sqlite3.Connection]) -> None:
    """Of a group each hears of its own result, and only the one that failed is undone, all of it."""
    writer, connection = things
    doubled = [added(200), added(7)]
    stale = [added(300), Step("DELETE FROM things WHERE number = ?", [999], checked=True)]
    senseless = [added(400), Step("INSERT INTO things VALUES (?)", [2**70], checked=False)]
    units = [*([added(number)] for number in range(20)), doubled, stale, senseless, *([added(n)] for n in (20, 21))]
    with traced(connection) as statements:
        results = await asyncio.gather(*(writer.commit(unit) for unit in units), return_exceptions=True)
    assert "SAVEPOINT unit" in statements
    assert [type(result) for result in results if result] == [AlreadyExists, StaleWrite, OverflowError]
    assert await numbers(writer, connection) == list(range(22))


async def test_a_unique_value_is_named_by_its_column(things: tuple[SqliteWriter, sqlite3.Connection]) -> None:
    """What is doubled is told as on Postgres: by table and column."""
    writer, _ = things
    await writer.commit([added(1)])
    with pytest.raises(AlreadyExists) as caught:
        await writer.commit([added(1)])
    assert caught.value.what == "things.number"


async def test_a_full_disk_fails_the_commit_and_nothing_else(
    things: tuple[SqliteWriter, sqlite3.Connection],
) -> None:
    """While there is no room everything waiting is told that it was not written; when there is, work goes on."""
    writer, connection = things
    connection.execute("CREATE TABLE pictures (bytes BLOB)")
    large = Step("INSERT INTO pictures VALUES (zeroblob(?))", [10**6], checked=False)
    connection.execute("PRAGMA max_page_count = 20")
    results = await asyncio.gather(*(writer.commit([large]) for _ in range(3)), return_exceptions=True)
    assert [type(result) for result in results] == [DatabaseUnavailable] * 3
    await writer.commit([added(1)])
    connection.execute("PRAGMA max_page_count = 10000")
    await writer.commit([large])
    assert await numbers(writer, connection) == [1]


async def test_a_defect_is_not_taken_for_an_outage(things: tuple[SqliteWriter, sqlite3.Connection]) -> None:
    """A statement that is wrong is an error of ours: it is raised as it is."""
    writer, _ = things
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        await writer.commit([Step("INSERT INTO nowhere VALUES (1)", [], checked=False)])


async def test_a_scan_that_takes_too_long_is_cut_off(sqlite_url: str) -> None:
    """Others wait for the one scanner: an endless search ends as unavailable, and the next one is served."""
    endless = "WITH RECURSIVE more(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM more) SELECT count(*) FROM more"
    engine = SqliteEngine(make_url(sqlite_url), scan_seconds=0.1)
    await engine.start()
    async with asyncio.timeout(10):
        with pytest.raises(DatabaseUnavailable, match="took too long"):
            await engine._scanned(endless, ())
        assert [*await engine._scanned("SELECT 7", ())] == [(7,)]
    await engine.close()


async def test_a_writer_whose_file_is_damaged_answers_everybody(tmp_path: Path) -> None:
    """When not even a transaction can begin, nobody waits for ever: each commit is told, and so is closing."""
    file = tmp_path / "damaged.db"
    file.write_bytes(b"no database any more" * 1000)
    writer = SqliteWriter(sqlite3.connect(file, isolation_level=None, check_same_thread=False))
    async with asyncio.timeout(10):
        for number in range(3):
            with pytest.raises(DatabaseUnavailable):
                await writer.commit([added(number)])
        await writer.close()


async def test_a_tool_that_holds_the_file_is_waited_for(database: Database, file: Path) -> None:
    """Somebody who writes with a tool of their own delays a commit, and does not fail it."""
    user = new_user()
    with closing(sqlite3.connect(file, isolation_level=None)) as tool:
        tool.execute("BEGIN IMMEDIATE")
        commit = asyncio.create_task(remember(database.unit_of_work, user))
        await asyncio.sleep(0.05)
        assert not commit.done()
        tool.execute("ROLLBACK")
    await commit
    assert await read_user(database, user) == user


def statements() -> Iterator[tuple[str, Select[Any] | Change]]:
    """Every statement that a repository has at hand, with a name for its test."""
    for module in iter_modules(repositories.__path__):
        for name, thing in vars(import_module(f"{repositories.__name__}.{module.name}")).items():
            for kind, one in thing.items() if isinstance(thing, dict) else [("", thing)]:
                if isinstance(one, Query | Update | Delete):
                    yield f"{module.name}.{name}{kind}", one.select if isinstance(one, Query) else one


STATEMENTS: Final = dict(statements())
SMALL: Final = {
    "SCAN workers",  # a row for each process
    "SCAN waiting",  # the webhooks for which something waits, a step of an index for each
    "SCAN generations USING INDEX ix_generations_unfinished",  # it holds only what has not ended
    "SCAN generations USING INDEX ix_generations_waiting",  # and this only what is queued
    "SCAN generations USING INDEX ix_generations_waiting_batched",  # as does this
    "SCAN batches USING INDEX ix_batches_open",  # and this what is not finished
    "SCAN latest",  # the few thousand calls that are younger than all others
    "SCAN CONSTANT ROW",  # no table at all
    "SCAN item",  # those of a batch that its index found
}


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS)
def test_no_statement_reads_a_whole_table(file: Path, statement: Select[Any] | Change) -> None:
    """Everything is found by an index, however many rows other people have and however long the history."""
    text = str(statement.compile(dialect=SQLiteDialect_pysqlite()))
    with closing(sqlite3.connect(file)) as connection:
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {text}", [None] * text.count("?"))]
    assert plan
    assert {step for step in plan if step.startswith("SCAN")} <= SMALL


async def test_a_lease_ends_at_a_moment_like_any_other(database: Database, file: Path) -> None:
    """SQLite's own clock writes a moment as we do, in UTC and of the same width, so that the two compare."""
    lifetime = timedelta(days=400, seconds=6)
    before = datetime.now(UTC)
    async with database.unit_of_work() as work:
        work.workers.renew(WORKER, lifetime)
        await work.commit()
    with closing(sqlite3.connect(file)) as connection:
        ((written,),) = connection.execute("SELECT expires_at FROM workers").fetchall()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}", written)
    expires_at = datetime.fromisoformat(f"{written}+00:00")
    assert before - timedelta(milliseconds=1) <= expires_at - lifetime <= datetime.now(UTC)


async def test_what_people_look_for_is_not_logged(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    """Not even the debug log holds a value of a statement."""
    user = new_user()
    with caplog.at_level(logging.DEBUG):
        await remember(database.unit_of_work, user, new_key(user))
        async with database.unit_of_work() as work:
            await work.generations.page(user.id, GenerationFilter(words=("secret-banana",)), PageRequest())
    assert "secret-banana" not in caplog.text
    assert user.email.text not in caplog.text
