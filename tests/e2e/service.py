"""`imagegen serve`, started as a user starts it: the installed command, in a folder of its own."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

READY_SECONDS: Final = 60
STOP_SECONDS: Final = 40
PASSWORD: Final = "securepassword123"
COMMAND: Final = str(Path(sys.executable).parent / "imagegen")


@dataclass(slots=True)
class Service:
    """A running service. `lines` are its log so far, one JSON object each."""

    process: subprocess.Popen[bytes]
    lines: list[bytes] = field(default_factory=list)
    url: str = ""

    def stop(self) -> int:
        """Ask it to stop and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)

    def records(self) -> list[dict[str, Any]]:
        """The log, read."""
        return [json.loads(line) for line in self.lines]


def clean_environment(**variables: str) -> dict[str, str]:
    """This process's environment without any setting of the service, and with these.

    Bytecode is written, as where imagegen is installed: without it every start would compile all of it again.
    """
    ours = ("IMAGEGEN_", "R2_", "GOOGLE_", "GEMINI_", "OPENAI_", "PYTHONDONTWRITEBYTECODE")
    kept = {name: text for name, text in os.environ.items() if not name.startswith(ours)}
    return {**kept, **variables}


@contextmanager
def serving(folder: Path, variables: Mapping[str, str], *options: str) -> Iterator[Service]:
    """A service in that folder with those variables on a free port, ready; killed in the end if it still runs."""
    process = subprocess.Popen(
        [COMMAND, "serve", "--port", "0", *options],
        cwd=folder,
        env=clean_environment(**{"IMAGEGEN_DRAIN_SECONDS": "0", **variables}),  # no balancer has to take notice
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
    )
    service = Service(process)
    listening = threading.Event()
    reader = threading.Thread(target=_read, args=(service, listening), daemon=True)
    reader.start()
    try:
        if not listening.wait(READY_SECONDS) or not service.url:
            raise AssertionError(f"the service did not start: {service.lines}")
        yield service
    finally:
        process.kill()
        process.wait()
        reader.join()
        assert process.stderr is not None
        process.stderr.close()


@contextmanager
def drawing(folder: Path, variables: Mapping[str, str], *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker in that folder with those variables; killed in the end if it still runs."""
    command = [COMMAND, "worker", *options]
    with subprocess.Popen(command, cwd=folder, env=clean_environment(**variables), stderr=subprocess.DEVNULL) as worker:
        try:
            yield worker
        finally:
            worker.kill()


def _read(service: Service, listening: threading.Event) -> None:
    assert service.process.stderr is not None
    for line in service.process.stderr:
        service.lines.append(line)
        if b'"listening on ' in line and not service.url:
            service.url = str(json.loads(line)["message"]).removeprefix("listening on ")
            listening.set()
    listening.set()


def key_of(client: httpx.Client, email: str = "test@example.com") -> dict[str, str]:
    """The header of a new user's new key."""
    login = client.post("/v1/auth/register", json={"email": email, "password": PASSWORD}).json()
    bearer = {"Authorization": f"Bearer {login['access_token']}"}
    key = client.post("/v1/keys", json={}, headers=bearer).json()["key"]
    return {"Authorization": f"Bearer {key}"}


def client_of(service: Service) -> httpx.Client:
    """A client of a running service."""
    return httpx.Client(base_url=service.url, timeout=60)


def generate(client: httpx.Client, key: dict[str, str], **body: Any) -> httpx.Response:
    """Ask for a picture."""
    return client.post("/v1/generate", json={"prompt": "a cat in a hat", **body}, headers=key)
