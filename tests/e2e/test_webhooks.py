"""Webhooks of a real service: what was acknowledged is told, however the service ended."""

import asyncio
import signal
import sqlite3
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx
import pytest

from e2e.conftest import Variables
from e2e.service import STOP_SECONDS, Service, client_of, drawing, generate, key_of, serving
from wire.webhooks import Receiver, believed

WITHIN: Final = {"IMAGEGEN_WEBHOOKS_ALLOW_PRIVATE": "1"}
KILLS: Final = 5
FORGET_CLAIMS: Final = "UPDATE webhook_deliveries SET next_try_at = tried_at WHERE tried_at < next_try_at"


def listen(client: httpx.Client, key: dict[str, str], url: str) -> dict[str, Any]:
    """A new webhook with its secret."""
    answer = client.post("/v1/webhooks", json={"url": url, "events": ["generation.succeeded"]}, headers=key)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def made(client: httpx.Client, key: dict[str, str]) -> str:
    """The id of a generation that was acknowledged as succeeded."""
    answer = generate(client, key, size="64x64")
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def kill(service: Service) -> None:
    """End it without a warning."""
    service.process.kill()
    service.process.wait()


def told(receiver: Receiver, secret: str) -> list[str]:
    """The generations that a receiver was told of so far, in genuine messages."""
    now = datetime.now(UTC)
    return [str(believed(request, secret, now).data["id"]) for request in receiver.requests]


def pass_claims(folder: Path, variables: Variables) -> None:
    """Let as much time pass as a claim lasts, where no service runs."""
    url = variables.get("IMAGEGEN_DATABASE_URL")
    if url is None:
        with closing(sqlite3.connect(folder / "imagegen-data" / "imagegen.db")) as connection, connection:
            connection.execute(FORGET_CLAIMS)
        return

    async def forget() -> None:
        connection = await asyncpg.connect(url)
        await connection.execute(FORGET_CLAIMS)
        await connection.close()

    asyncio.run(forget())


@pytest.fixture(params=["embedded", "postgres"])
def variables(request: pytest.FixtureRequest) -> Variables:
    """A service by itself on SQLite, or on Postgres."""
    return WITHIN if request.param == "embedded" else WITHIN | request.getfixturevalue("migrated")


def test_an_acknowledged_end_is_told_although_the_service_was_killed(tmp_path: Path, variables: Variables) -> None:
    """Killed right after the answer, again and again: each end is told at least once, and nothing else is."""
    with Receiver() as receiver:
        with serving(tmp_path, variables) as service, client_of(service) as client:
            key = key_of(client)
            secret = listen(client, key, receiver.url)["secret"]
            ends = [made(client, key)]
            kill(service)
        for _ in range(KILLS):
            with serving(tmp_path, variables) as service, client_of(service) as client:
                ends.append(made(client, key))
                kill(service)
        pass_claims(tmp_path, variables)
        with serving(tmp_path, variables):
            while not set(ends) <= set(told(receiver, secret)):
                receiver.wait_for(len(receiver.requests) + 1)
        assert set(told(receiver, secret)) == set(ends)


def test_a_message_that_a_crash_cut_short_comes_again(tmp_path: Path) -> None:
    """Killed while the receiver had it and had not answered: nobody knows whether it counts, so it is sent again."""
    with Receiver(held=True) as receiver:
        with serving(tmp_path, WITHIN) as service, client_of(service) as client:
            key = key_of(client)
            secret = listen(client, key, receiver.url)["secret"]
            end = made(client, key)
            receiver.wait_for(1)
            kill(service)
        receiver.let_go()
        pass_claims(tmp_path, WITHIN)
        with serving(tmp_path, WITHIN):
            first, second = receiver.wait_for(2)
        assert told(receiver, secret) == [end, end]
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


def test_a_service_that_stops_finishes_what_is_on_its_way(tmp_path: Path) -> None:
    """SIGTERM while a receiver thinks: its answer is waited for within the grace, and it is not told again."""
    with Receiver(held=True) as receiver:
        with serving(tmp_path, WITHIN) as service, client_of(service) as client:
            key = key_of(client)
            webhook = listen(client, key, receiver.url)
            made(client, key)
            receiver.wait_for(1)
            service.process.send_signal(signal.SIGTERM)
            with suppress(httpx.TransportError):  # until nobody is let in any more
                while True:
                    httpx.get(f"{service.url}/health/live")
            receiver.let_go()
            assert service.process.wait(STOP_SECONDS) == 0
        with serving(tmp_path, WITHIN) as service, client_of(service) as client:
            (delivery,) = client.get(f"/v1/webhooks/{webhook['id']}/deliveries", headers=key).json()["data"]
    assert (delivery["status"], delivery["tries"], len(receiver.requests)) == ("delivered", 1, 1)


def test_a_receiver_that_hangs_keeps_no_service_from_stopping(tmp_path: Path) -> None:
    """When the grace is over the service ends in order, and the message waits for the next one."""
    variables = WITHIN | {"IMAGEGEN_GRACE_SECONDS": "1"}
    with Receiver(held=True) as receiver:
        with serving(tmp_path, variables) as service, client_of(service) as client:
            key = key_of(client)
            webhook = listen(client, key, receiver.url)
            made(client, key)
            receiver.wait_for(1)
            assert service.stop() == 0
        assert not [record for record in service.records() if record["level"] == "error"]
        with serving(tmp_path, variables) as service, client_of(service) as client:
            (delivery,) = client.get(f"/v1/webhooks/{webhook['id']}/deliveries", headers=key).json()["data"]
    assert (delivery["status"], delivery["tries"]) == ("pending", 1)


def test_workers_tell_what_services_took(tmp_path: Path, migrated: Variables, valkey_server: str) -> None:
    """Where others draw, others deliver, signed with the secret that the service has shown."""
    variables = WITHIN | migrated | {"IMAGEGEN_QUEUE_URL": valkey_server, "IMAGEGEN_SECRET_KEY": "k" * 32}
    with Receiver() as receiver, serving(tmp_path, variables) as service, client_of(service) as client:
        key = key_of(client)
        secret = listen(client, key, receiver.url)["secret"]
        with drawing(tmp_path, variables):
            end = made(client, key)
            receiver.wait_for(1)
        assert told(receiver, secret) == [end]
