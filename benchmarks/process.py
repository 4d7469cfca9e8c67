"""Child processes and single HTTP requests: what starting and asking a target takes."""

import http.client
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Final

_START_SECONDS: Final = 120.0
_STOP_SECONDS: Final = 10.0


class Process:
    """A child in a process group of its own, its output in the file `log` of its folder."""

    def __init__(self, command: tuple[str, ...], environment: dict[str, str], folder: Path) -> None:
        self._log = folder / "log"
        self._started = time.perf_counter()
        with self._log.open("ab") as log:
            self._child = subprocess.Popen(
                command,
                env=_environment(folder, environment),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.pid = self._child.pid

    def wait_until_healthy(self, url: str) -> float:
        """Return after how many seconds since the start `url` was answered with 200; RuntimeError if it never was."""
        while (waited := time.perf_counter() - self._started) < _START_SECONDS and self._child.poll() is None:
            try:
                if request("GET", url)[0] == 200:
                    return time.perf_counter() - self._started
            except (OSError, http.client.HTTPException):
                pass  # not listening yet
            time.sleep(0.005)
        raise RuntimeError(f"not healthy after {waited:.1f} s:\n{self._log.read_text()[-2000:]}")

    def stop(self) -> None:
        """Ask it to end, wait, and end what is left of its group."""
        os.killpg(self.pid, signal.SIGTERM)
        try:
            self._child.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.pid, signal.SIGKILL)
            self._child.wait()


def run(command: tuple[str, ...], environment: dict[str, str], folder: Path) -> None:
    """Run a command to its end; CalledProcessError if it fails."""
    subprocess.run(command, env=_environment(folder, environment), cwd=folder, check=True, stdin=subprocess.DEVNULL)


def request(
    method: str, url: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, bytes]:
    """Make one HTTP request on a connection of its own and return status and body."""
    asked = urllib.request.Request(url, body, headers or {}, method=method)
    try:
        with urllib.request.urlopen(asked, timeout=60) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def free_port() -> int:
    """A port of the loopback address that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _environment(folder: Path, given: dict[str, str]) -> dict[str, str]:
    """Nothing but what is given: no setting of the caller's own may reach a target."""
    return {"PATH": os.environ["PATH"], "HOME": str(folder), **given}
