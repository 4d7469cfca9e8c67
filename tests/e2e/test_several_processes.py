"""Services that answer and workers that draw, each a process of its own, started as an operator starts them."""

import signal
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import httpx
import pytest

from e2e.conftest import Variables
from e2e.service import (
    COMMAND,
    STOP_SECONDS,
    Service,
    clean_environment,
    client_of,
    drawing,
    generate,
    key_of,
    serving,
)

WAIT: Final = 60.0
"""Seconds that no test waits for: a limit against hanging."""


@pytest.fixture
def shared(migrated: Variables, valkey_server: str, tmp_path: Path) -> Variables:
    """The variables of what processes share: database, queue and folder."""
    return {
        **migrated,
        "IMAGEGEN_QUEUE_URL": valkey_server,
        "IMAGEGEN_DATA_DIR": str(tmp_path / "shared"),
        "IMAGEGEN_SKETCH_FAULTS": "1",
        "IMAGEGEN_SECRET_KEY": "k" * 32,
    }


def children(parent: int) -> list[int]:
    """The processes that a process has started."""
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(parent)], capture_output=True, text=True, check=False)
    return [int(pid) for pid in listed.stdout.split()]


def gone(pid: int) -> bool:
    """Whether a process has ended."""
    try:
        return "State:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return True


def until(condition: Callable[[], bool]) -> None:
    """Look again and again until it is so."""
    ends = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.05)


def ready(url: str) -> bool:
    """Whether a service would like to be sent something."""
    try:
        return httpx.get(f"{url}/health/ready").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def test_services_answer_and_workers_draw(tmp_path: Path, shared: Variables) -> None:
    """Without a worker the service is not ready and what is asked for waits; with one it is drawn."""
    with serving(tmp_path, shared, "--workers", "2") as service, client_of(service) as client:
        headers = key = key_of(client)
        assert client.get("/health/ready").json()["checks"]["workers"]["status"] == "unavailable"
        asked = client.post("/v1/generations", json={"prompt": "a fox"}, headers=headers).json()
        assert asked["status"] == "queued"
        with drawing(tmp_path, shared, "--concurrency", "4") as worker:
            until(lambda: ready(service.url))
            assert generate(client, key, prompt="another fox").status_code == httpx.codes.CREATED
            place = f"/v1/generations/{asked['id']}"
            until(lambda: bool(client.get(place, headers=headers).json()["status"] == "succeeded"))
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(STOP_SECONDS) == 0
        assert client.get("/health/ready").json()["checks"]["workers"]["status"] == "unavailable"
        assert service.stop() == 0


def test_a_process_that_ends_is_replaced(tmp_path: Path, shared: Variables) -> None:
    """The port is answered on whatever becomes of one of the processes behind it."""
    with serving(tmp_path, shared, "--workers", "2") as service:
        first, second = children(service.process.pid)
        subprocess.run(["kill", "-9", str(first)], check=True)
        until(lambda: gone(first) and len([pid for pid in children(service.process.pid) if not gone(pid)]) == 2)
        assert second in children(service.process.pid)
        assert httpx.get(f"{service.url}/health/live").status_code == httpx.codes.OK
        assert service.stop() == 0
        assert gone(second)


def test_nobody_outlives_the_one_who_started_them(tmp_path: Path, shared: Variables) -> None:
    """When the process above them is killed, the others stop by themselves."""
    with serving(tmp_path, shared, "--workers", "2") as service:
        below = children(service.process.pid)
        service.process.kill()
        until(lambda: all(map(gone, below)))


def test_a_service_that_stops_sends_others_elsewhere_first(tmp_path: Path) -> None:
    """Asked to stop, it says so while it still answers, closes connections as it does, and then goes."""
    with serving(tmp_path, {"IMAGEGEN_DRAIN_SECONDS": "5"}) as service, client_of(service) as client:
        client.get("/health/live")
        service.process.send_signal(signal.SIGTERM)
        until(lambda: not ready(service.url))
        last = client.get("/health/live")
        assert last.status_code == httpx.codes.OK
        assert last.headers["connection"] == "close"
        assert service.process.wait(STOP_SECONDS) == 0


def test_a_rolling_restart_fails_no_request(tmp_path: Path, shared: Variables) -> None:
    """Two services restarted in turn under load: whoever heeds their health loses nothing."""

    def ask(service_url: str, key: dict[str, str]) -> int:
        with httpx.Client(base_url=service_url, timeout=WAIT) as client:
            return generate(client, key, prompt="a fox").status_code

    def load(places: list[Service], key: dict[str, str], answers: list[int], ends: list[bool]) -> None:
        while not ends:
            well = [place.url for place in places if ready(place.url)]
            if well:  # a loaded machine may be too slow for a check of one's health
                answers.append(ask(well[0], key))

    drained = {**shared, "IMAGEGEN_DRAIN_SECONDS": "3"}
    answers: list[int] = []
    ends: list[bool] = []
    with drawing(tmp_path, shared), serving(tmp_path, drained) as first, serving(tmp_path, drained) as second:
        until(lambda: ready(first.url) and ready(second.url))
        with client_of(first) as client:
            key = key_of(client)
        with ThreadPoolExecutor(4) as threads:
            orders = ([first, second], [second, first]) * 2
            loads = [threads.submit(load, order, key, answers, ends) for order in orders]
            time.sleep(1)
            first.process.send_signal(signal.SIGTERM)
            assert first.process.wait(STOP_SECONDS) == 0
            with serving(tmp_path, drained) as third:
                until(lambda: ready(third.url))
                first.url = third.url
                second.process.send_signal(signal.SIGTERM)
                assert second.process.wait(STOP_SECONDS) == 0
                second.url = third.url
                time.sleep(0.5)
                ends.append(True)
                for running in loads:
                    running.result(WAIT)
    assert len(answers) > 4
    assert set(answers) == {httpx.codes.CREATED}


@pytest.mark.parametrize(
    ("command", "told"),
    [(("worker",), "the service draws by itself"), (("serve", "--workers", "2"), "several processes need redis")],
    ids=str,
)
def test_what_one_process_does_alone_is_not_shared(tmp_path: Path, command: tuple[str, ...], told: str) -> None:
    """Without a queue to share there is neither a worker nor a second process, and the message says why."""
    done = subprocess.run(
        [COMMAND, *command], cwd=tmp_path, env=clean_environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert told in done.stderr


def test_a_file_is_not_shared(tmp_path: Path, valkey_server: str) -> None:
    """Processes that share a queue share a database on a server."""
    variables = clean_environment(IMAGEGEN_QUEUE_URL=valkey_server)
    done = subprocess.run([COMMAND, "serve"], cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "must be Postgres" in done.stderr
