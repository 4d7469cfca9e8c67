"""What only a real Postgres shows: lost connections, the schema it must have, and units of work in one trip."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from sqlalchemy import make_url

from builders import NOW, WORKER, new_attempt, new_event, new_generation, new_image, new_user, new_webhook
from imagegen.adapters.database import Database, SchemaBehind, open_database
from imagegen.adapters.database.migrations import upgrade
from imagegen.adapters.database.postgres import _DIALECT, PostgresEngine
from imagegen.adapters.database.postgres_connections import Connections
from imagegen.adapters.database.repositories.attempts import _LATEST_OF
from imagegen.adapters.database.repositories.webhooks import _WITH_DUE
from imagegen.adapters.database.statements import compiled
from imagegen.application.leasing import LIFETIME
from imagegen.domain.errors import DatabaseUnavailable, StaleWrite
from imagegen.domain.identifiers import EventId
from imagegen.domain.usage import UsageRecord
from imagegen.domain.users import User
from imagegen.domain.webhooks import WebhookEvent
from servers.process import free_ports
from stores import remember


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[Database]:
    """An open database."""
    async with opened(postgres_url) as database:
        yield database


@pytest.fixture
async def administrator(postgres_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection beside the database's own."""
    connection = await asyncpg.connect(postgres_url.replace("+asyncpg", ""))
    yield connection
    await connection.close()


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    """A database that is closed in the end."""
    database = open_database(url)
    await database.start()
    try:
        yield database
    finally:
        await database.close()


async def read_user(database: Database, user: User) -> User | None:
    """The user as they are remembered."""
    async with database.unit_of_work() as work:
        return await work.users.get(user.id)


# --- starting -----------------------------------------------------------------------------------------------------


async def test_a_schema_that_is_behind_is_refused(postgres_database: str) -> None:
    """An empty database is not migrated by itself, since others may use it: the message names the command."""
    with pytest.raises(SchemaBehind, match=r"is empty, this version needs \d{4}: run `imagegen migrate`"):
        await open_database(postgres_database).start()


async def test_a_server_that_is_away_is_told_without_the_password() -> None:
    """Where nobody listens the start fails, and says where that was and nothing of the credentials."""
    (port,) = free_ports(1)
    with pytest.raises(DatabaseUnavailable) as caught:
        await open_database(f"postgresql://me:very-secret@127.0.0.1:{port}/imagegen").start()
    assert caught.value.detail == f"Postgres at 127.0.0.1:{port} takes no connection: ConnectionRefusedError."


@pytest.mark.parametrize("wrong", [":99999999/x", "/x?sslmode=perhaps", "/x?no_such_parameter=1"])
async def test_an_url_that_cannot_work_is_told(postgres_url: str, wrong: str) -> None:
    """What only the driver or the server finds wrong with an URL is told like a server that is away."""
    server = postgres_url.rpartition("/")[0] if ":" not in wrong else "postgresql://me:very-secret@127.0.0.1"
    with pytest.raises(DatabaseUnavailable, match="takes no connection: ") as caught:
        await open_database(server + wrong).start()
    assert "very-secret" not in caught.value.detail


@pytest.mark.parametrize("url", ["postgresql://me:very-secret", "postgresql", "", "//"])
def test_what_is_no_url_is_not_quoted(url: str) -> None:
    """A password without a host behind it is taken for a port, and not told for that."""
    with pytest.raises(ValueError, match=r"^this is no URL of a database$"):
        open_database(url)


async def test_a_database_that_is_not_there_is_told(postgres_url: str) -> None:
    """A server without that database is as good as none."""
    with pytest.raises(DatabaseUnavailable, match="takes no connection: InvalidCatalogNameError"):
        await open_database(f"{postgres_url}_nowhere").start()


async def test_a_closed_database_says_so(postgres_url: str) -> None:
    """After closing, which may be done twice, everything is unavailable, and nothing hangs."""
    async with opened(postgres_url) as database:
        await database.close()
        with pytest.raises(DatabaseUnavailable):
            await database.check()
        with pytest.raises(DatabaseUnavailable):
            await remember(database.unit_of_work, new_user())


# --- connections --------------------------------------------------------------------------------------------------


async def end_connections(administrator: asyncpg.Connection) -> None:
    """End every other connection to the database, as a restart of the server does."""
    await administrator.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid != pg_backend_pid()"
    )


UNTIL_SOMEBODY_WAITS = """
DO $$ BEGIN
    WHILE NOT EXISTS (SELECT FROM pg_locks WHERE NOT granted) LOOP PERFORM pg_sleep(0.01); END LOOP;
END $$
"""
UNTIL_TEN_WAIT = """
DO $$ BEGIN
    WHILE (SELECT count(*) FROM pg_locks WHERE NOT granted) < 10 LOOP PERFORM pg_sleep(0.01); END LOOP;
END $$
"""


async def recovered(database: Database) -> None:
    """Return as soon as the database answers; those who ask before are told that it does not."""
    for _ in range(100):
        try:
            await database.check()
        except DatabaseUnavailable:
            await asyncio.sleep(0.01)
        else:
            return
    pytest.fail("it never came back")


async def test_lost_connections_are_replaced(database: Database, administrator: asyncpg.Connection) -> None:
    """When the server restarts, what is remembered is read again without a restart of ours."""
    users = [new_user() for _ in range(20)]
    await asyncio.gather(*(remember(database.unit_of_work, user) for user in users))
    await end_connections(administrator)
    await recovered(database)
    assert await asyncio.gather(*(read_user(database, user) for user in users)) == users


async def test_a_commit_whose_connection_is_lost_is_told(database: Database, administrator: asyncpg.Connection) -> None:
    """A commit that was under way when the connection went is unavailable, not a success and not a conflict."""
    user = new_user()
    await remember(database.unit_of_work, user)
    async with administrator.transaction():
        await administrator.execute("LOCK TABLE users")
        commit = asyncio.create_task(remember(database.unit_of_work, new_user()))
        await administrator.execute(UNTIL_SOMEBODY_WAITS)
        await end_connections(administrator)
        with pytest.raises(DatabaseUnavailable):
            await commit
    await recovered(database)
    assert await read_user(database, user) == user


async def test_a_network_that_is_down_for_a_while(postgres_url: str) -> None:
    """While the server cannot be reached everything is unavailable; when it can, work goes on by itself."""
    async with detoured(postgres_url) as (line, detour), opened(detour) as database:
        await remember(database.unit_of_work, user := new_user())
        await line.cut()
        for _ in range(3):
            with pytest.raises(DatabaseUnavailable):
                await read_user(database, user)
        await line.connect()
        await recovered(database)
        assert await read_user(database, user) == user


async def test_connections_that_fell_silent_are_replaced(postgres_url: str) -> None:
    """Lines that are dead and do not show it cost those who are on one: who comes next gets a new one."""
    async with detoured(postgres_url) as (line, detour):
        database = Database(PostgresEngine(make_url(detour), command_seconds=0.5))
        await database.start()
        users = [new_user() for _ in range(30)]
        await asyncio.gather(*(remember(database.unit_of_work, user) for user in users))
        line.freeze()
        with pytest.raises(DatabaseUnavailable):
            await read_user(database, users[0])
        assert await asyncio.gather(*(read_user(database, user) for user in users)) == users
        line.freeze()
        await database.close()


class Line:
    """A line to a server that can be cut and mended, and whose connections can fall silent."""

    def __init__(self, host: str, port: int, entrance: int) -> None:
        self._peer = host, port
        self._entrance = entrance
        self._server: asyncio.Server | None = None
        self._ends: list[asyncio.StreamWriter] = []
        self._relays: set[asyncio.Task[None]] = set()

    async def connect(self) -> None:
        """Let connections through."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._entrance)

    def freeze(self) -> None:
        """Let nothing more through on the connections that there are, and none of their ends know; take new ones."""
        for relay in self._relays:
            relay.cancel()

    async def cut(self) -> None:
        """End every connection, and take no new one."""
        if self._server:
            self._server.close()
        for end in self._ends:
            end.transport.abort()
        await asyncio.gather(*self._relays, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer_reader, peer_writer = await asyncio.open_connection(*self._peer)
        self._ends += writer, peer_writer
        for source, sink in ((reader, peer_writer), (peer_reader, writer)):
            relay = asyncio.create_task(_relay(source, sink))
            self._relays.add(relay)
            relay.add_done_callback(self._relays.discard)


async def _relay(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(65536):
        sink.write(data)
    sink.close()


@asynccontextmanager
async def detoured(url: str) -> AsyncIterator[tuple[Line, str]]:
    """A line to the server, and the url of the database at the other end of it."""
    parts = urlsplit(url)
    (port,) = free_ports(1)
    line = Line(parts.hostname or "", parts.port or 0, port)
    await line.connect()
    yield line, urlunsplit(parts._replace(netloc=f"{parts.username}@127.0.0.1:{port}"))
    await line.cut()


async def test_more_work_than_connections(database: Database) -> None:
    """Many at once wait for their turn, and all of them get one."""
    users = [new_user() for _ in range(300)]
    await asyncio.gather(*(remember(database.unit_of_work, user) for user in users))
    assert await asyncio.gather(*(read_user(database, user) for user in users)) == users


async def test_canceled_work_leaves_its_connection_usable(database: Database) -> None:
    """Callers who go away in the middle, at whatever point, take no connection with them."""
    for turns in range(30):
        work = asyncio.create_task(remember(database.unit_of_work, new_user(), new_user()))
        for _ in range(turns % 6):
            await asyncio.sleep(0)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
    await asyncio.gather(*(database.check() for _ in range(30)))


# --- leases -------------------------------------------------------------------------------------------------------


async def renew(database: Database) -> None:
    """Renew the worker's lease for as long as a real one has."""
    async with database.unit_of_work() as work:
        work.workers.renew(WORKER, LIFETIME)
        await work.commit()


async def leased(administrator: asyncpg.Connection) -> bool:
    """Whether the lease has not run out."""
    return bool(await administrator.fetchval("SELECT count(*) FROM workers WHERE expires_at > clock_timestamp()"))


async def test_a_lease_is_renewed_however_busy_the_pool_is(
    database: Database, administrator: asyncpg.Connection
) -> None:
    """While slow commits have every connection of the pool, and more wait for one, the renewal passes them all."""
    async with administrator.transaction():
        await administrator.execute("LOCK TABLE users")
        commits = [asyncio.create_task(remember(database.unit_of_work, new_user())) for _ in range(30)]
        await administrator.execute(UNTIL_TEN_WAIT)
        for _ in range(3):
            await renew(database)
        assert await leased(administrator)
        assert not any(commit.done() for commit in commits)
    await asyncio.gather(*commits)


async def test_a_silent_line_costs_no_lease(postgres_url: str, administrator: asyncpg.Connection) -> None:
    """A renewal on a dead line gives up soon enough for the next one, on a new line, to come in time."""
    async with detoured(postgres_url) as (line, detour), opened(detour) as database:
        await renew(database)
        line.freeze()
        with pytest.raises(DatabaseUnavailable):
            await renew(database)
        assert await leased(administrator)
        await asyncio.gather(*(renew(database) for _ in range(5)))


async def test_a_canceled_renewal_leaves_the_next_one_its_way(
    database: Database, administrator: asyncpg.Connection
) -> None:
    """Whoever goes away in the middle of a renewal, at whatever point, holds up no other."""
    for turns in range(12):
        renewal = asyncio.create_task(renew(database))
        for _ in range(turns):
            await asyncio.sleep(0)
        renewal.cancel()
        await asyncio.gather(renewal, renew(database), return_exceptions=True)
    await renew(database)
    assert await leased(administrator)


# --- units of work in one trip ------------------------------------------------------------------------------------


async def test_the_end_of_a_generation_is_one_transaction(
    database: Database, administrator: asyncpg.Connection
) -> None:
    """State, attempt, picture, usage, event: rows that refer to one another are written together, in one statement."""
    user = new_user()
    queued = new_generation(user)
    await remember(database.unit_of_work, user, queued, new_webhook(user))
    started = queued.start(WORKER, NOW)
    attempt, image = new_attempt(started), new_image(started)
    ended = started.succeed([image], cost_micros=7, now=NOW)
    async with database.unit_of_work() as work:
        work.generations.update(started)
        work.attempts.add(attempt)
        await work.commit()
    async with database.unit_of_work() as work:
        work.generations.update(ended)
        work.attempts.update(attempt)
        work.images.add(image)
        work.usage.add(UsageRecord.of(ended))
        work.webhook_deliveries.announce(WebhookEvent.of_generation(ended, EventId(ended.id)))
        await work.commit()
    tables = "generations", "attempts", "images", "usage_records", "webhook_deliveries"
    everything = " UNION ALL ".join(f"SELECT xmin::text FROM {table}" for table in tables)
    found = await administrator.fetch(everything)
    assert (len(found), len(set(found))) == (len(tables), 1)
    async with database.unit_of_work() as work:
        assert await work.generations.find(queued.id) == ended


async def test_a_webhook_that_is_being_removed_holds_no_end_up(
    database: Database, administrator: asyncpg.Connection
) -> None:
    """Whoever announces waits for the removal, and goes on without that webhook: what is announced must not fail."""
    user = new_user()
    going, staying = new_webhook(user), new_webhook(user)
    await remember(database.unit_of_work, user, going, staying)
    event, late = new_event(user), new_user()
    async with administrator.transaction():
        await administrator.execute("DELETE FROM webhook_endpoints WHERE id = $1", going.id)
        announcing = asyncio.create_task(remember(database.unit_of_work, event, late))
        await administrator.execute(UNTIL_SOMEBODY_WAITS)
    await announcing
    assert await read_user(database, late) == late
    async with database.unit_of_work() as work:
        assert await work.webhook_endpoints.with_due(NOW, prompt=False) == [staying]


async def test_webhooks_to_tell_are_found_from_what_waits(
    database: Database, administrator: asyncpg.Connection
) -> None:
    """However many webhooks there are, only those are looked up for which something waits."""
    user = new_user()
    await remember(database.unit_of_work, user, new_webhook(user))
    await remember(database.unit_of_work, new_event(user))
    await administrator.execute(
        "INSERT INTO webhook_endpoints (id, user_id, url, events, created_at, secret_number, retired, version)"
        " SELECT gen_random_uuid(), user_id, url, events, created_at, secret_number, retired, version"
        " FROM webhook_endpoints, generate_series(1, 10000)"
    )
    await administrator.execute("ANALYZE")
    question = compiled(_WITH_DUE.select, _DIALECT)
    values = question.bind({"now": NOW, "prompt": False})
    plan = [row[0] for row in await administrator.fetch(f"EXPLAIN {question.sql}", *values)]
    assert any("Index Scan using pk_webhook_endpoints" in step for step in plan)
    assert not any("Seq Scan on webhook_endpoints" in step for step in plan)


async def test_a_stale_write_undoes_its_statement(database: Database) -> None:
    """Where several writes are one statement, one that meets no row undoes the others."""
    user = new_user()
    queued = new_generation(user)
    await remember(database.unit_of_work, user, queued)
    started = queued.start(WORKER, NOW)
    late = new_generation(user)
    async with database.unit_of_work() as work:
        work.generations.update(replace(started, version=9))
        work.attempts.add(new_attempt(started))
        with pytest.raises(StaleWrite):
            await work.commit()
    async with database.unit_of_work() as work:
        work.attempts.add(new_attempt(late))
        work.usage.add(UsageRecord.of(started.succeed([new_image(started)], cost_micros=1, now=NOW)))
        with pytest.raises(StaleWrite):
            await work.commit()
    async with database.unit_of_work() as work:
        assert await work.generations.find(queued.id) == queued
        assert await work.attempts.of_generation(queued.id) == []


# --- the server's clock -------------------------------------------------------------------------------------------


async def set_clock(administrator: asyncpg.Connection, ahead: timedelta) -> None:
    """Set the clock that new statements see so far ahead of the real one."""
    await administrator.execute(
        "CREATE OR REPLACE FUNCTION ahead.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE "
        f"AS $$ SELECT pg_catalog.clock_timestamp() + interval '{ahead.total_seconds()} seconds' $$"
    )


async def test_leases_run_by_the_servers_clock(postgres_database: str) -> None:
    """Machines whose clocks disagree agree on who is alive: only the server's clock gives and judges leases."""
    await asyncio.to_thread(upgrade, postgres_database)
    administrator = await asyncpg.connect(postgres_database)
    name = await administrator.fetchval("SELECT current_database()")
    await administrator.execute("CREATE SCHEMA ahead")
    await administrator.execute(f'ALTER DATABASE "{name}" SET search_path = ahead, pg_catalog, public')
    await set_clock(administrator, timedelta(days=100))
    user = new_user()
    run = new_generation(user).start(WORKER, NOW)
    async with opened(postgres_database) as database:
        await remember(database.unit_of_work, user, run)
        async with database.unit_of_work() as work:
            work.workers.renew(WORKER, timedelta(hours=1))
            await work.commit()
        found = []
        for ahead in (timedelta(days=100), timedelta(0), timedelta(days=100, hours=2)):
            await set_clock(administrator, ahead)
            async with database.unit_of_work() as work:
                found.append((await work.workers.alive(), list(await work.generations.stranded())))
    assert found == [(1, []), (1, []), (0, [run.id])]
    await administrator.close()


async def test_a_connection_that_is_never_given_back_does_not_hold_up_the_end(postgres_url: str) -> None:
    """Closing waits as long as a statement may take, and no longer."""
    connections = await Connections.open(postgres_url, command_seconds=0.2)
    async with connections.pooled():
        await connections.close()


async def test_the_calls_of_a_worker_are_found_without_reading_a_whole_table(
    database: Database, administrator: asyncpg.Connection
) -> None:
    """Though nothing leads from a worker to what it drew, and however tempting it is to go through all of that."""
    user = new_user()
    run = new_generation(user).start(WORKER, NOW)
    await remember(database.unit_of_work, user, run, new_attempt(run))
    await multiply(administrator, "generations", id="md5(i::text)::uuid", worker_id="md5((i % 300)::text)::uuid")
    await multiply(administrator, "attempts", id="md5(i::text)::uuid", generation_id="md5(i::text)::uuid")
    await administrator.execute("ANALYZE generations, attempts")
    statement = compiled(_LATEST_OF.select, _DIALECT)
    plan = await administrator.fetch(f"EXPLAIN {statement.sql}", *statement.bind({"worker_id": WORKER}))
    steps = [step for (step,) in plan]
    assert any("Index Scan Backward using pk_attempts" in step for step in steps)
    assert any("Index Scan using pk_generations" in step for step in steps)
    assert not any("Seq Scan" in step for step in steps)


async def multiply(administrator: asyncpg.Connection, table: str, **values: str) -> None:
    """Add 30,000 copies of the one row of a table, which differ in those values, made of their number `i`."""
    different = ", ".join(f"'{name}', {value}" for name, value in values.items())
    await administrator.execute(
        f"INSERT INTO {table} SELECT (jsonb_populate_record(one, jsonb_build_object({different}))).* "
        f"FROM {table} AS one, generate_series(1, 30000) AS i"
    )
