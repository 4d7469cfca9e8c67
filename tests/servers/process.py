"""Starting a server from a wheel, waiting until it answers, and ending it for certain."""

import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import IO, Final
from urllib.parse import urlsplit

TETHER: Final = Path(__file__).with_name("tether.py")
START_DEADLINE: Final = 60.0
POLL_INTERVAL: Final = 0.01
# Below the system's own choice for outgoing connections (32768 and up), where a port can be lost between being
# found free and being used. Each has a partner 10,000 higher, where SeaweedFS puts its gRPC service.
PORTS: Final = range(10_000, 22_768)
PARTNER: Final = 10_000


class ServerUnavailableError(Exception):
    """A server that the tests need is not installed or did not come up; the message says what to do."""


def _cannot() -> None:
    raise NotImplementedError("this server can only be stopped")


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    url: str
    """Where it is, credentials included."""
    stop: Callable[[], None]
    """Ends it and deletes its data; returns when it is gone. Calling it again does nothing."""
    down: Callable[[], None] = _cannot
    """Ends it, but keeps its data; returns when it is gone."""
    up: Callable[[], None] = _cannot
    """Starts one that is down again, where it was; returns when it answers."""


def wheel_file(distribution: str, name: str) -> Path:
    """Return the absolute path of the one file of an installed wheel whose path ends in `name`.

    Raises:
        ServerUnavailableError: The wheel is not installed, or holds no such file.
    """
    try:
        files = metadata.files(distribution) or []
    except metadata.PackageNotFoundError as error:
        raise ServerUnavailableError(
            f"{distribution} is not installed: add the dependency group `servers`, "
            "or name a server of your own in IMAGEGEN_TEST_*_URL"
        ) from error
    for file in files:
        if file.as_posix().endswith(name):
            return Path(os.path.abspath(file.locate()))  # noqa: PTH100 - resolve() would follow links out of the wheel
    raise ServerUnavailableError(f"{distribution} holds no {name} for this platform")


def free_ports(count: int) -> list[int]:
    """Return `count` different ports of 127.0.0.1 that nobody uses at this moment."""
    candidates = (port for port in random.sample(PORTS, len(PORTS)) if _is_free(port) and _is_free(port + PARTNER))
    return [next(candidates) for _ in range(count)]


def launch(
    url: str,
    command: Sequence[str | Path],
    folder: Path,
    ready: Callable[[], bool],
    *,
    stop_signal: str,
    user: int | None = None,
    environment: Mapping[str, str] | None = None,
    leftovers: Sequence[Path] = (),
) -> Server:
    """Run `command`, which is then found at `url`, inside `folder` until it is stopped or this process ends.

    Returns when `ready` says so. In the end the command gets `stop_signal` (SIGKILL if it does not listen) and the
    folder is deleted, and `leftovers` with it: files that the command puts elsewhere.

    Raises:
        ServerUnavailableError: The command ended or was not ready in time; with the last it wrote.
    """
    paths = os.pathsep.join(str(path) for path in (folder, *leftovers))
    tether = [sys.executable, "-S", str(TETHER), stop_signal, "" if user is None else str(user), paths]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [*tether, *command],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "TMPDIR": str(folder), **(environment or {})},
            start_new_session=True,  # Ctrl-C is for the tests; they end their servers themselves.
        )

        def stop() -> None:
            process.communicate()

        if not _wait(process, ready):
            stop()
            raise ServerUnavailableError(f"{command[0]} did not start:\n{_tail(log)}")

    def order(word: bytes, done: Callable[[], bool]) -> None:
        assert process.stdin is not None
        process.stdin.write(word + b"\n")
        process.stdin.flush()
        if not _wait(process, done):
            raise ServerUnavailableError(f"{command[0]} did not go {word.decode()}")

    def gone() -> bool:
        return not ready() and not _listens(url)

    return Server(url, stop, down=lambda: order(b"down", gone), up=lambda: order(b"up", ready))


def tried_twice(start: Callable[[Path], Server], folder: Path) -> Server:
    """Return `start(folder)`, tried once more if it fails: somebody else may have taken the port just found free.

    Raises:
        ServerUnavailableError: It failed both times.
    """
    try:
        return start(folder)
    except ServerUnavailableError:
        shutil.rmtree(folder, ignore_errors=True)
        return start(folder)


def _wait(process: subprocess.Popen[bytes], ready: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + START_DEADLINE
    while process.poll() is None and time.monotonic() < deadline:
        if ready():
            return True
        time.sleep(POLL_INTERVAL)
    return False


def _listens(url: str) -> bool:
    parts = urlsplit(url)
    with socket.socket() as probe:
        return probe.connect_ex((parts.hostname, parts.port)) == 0


def _tail(log: IO[bytes]) -> str:
    log.seek(0)
    return log.read()[-4000:].decode(errors="replace")


def _is_free(port: int) -> bool:
    with socket.socket() as candidate:
        try:
            candidate.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
