"""Run a command for as long as standard input stays open, then end it and delete what it leaves behind.

Standard input is a pipe held by the tests: the system closes it however they end, `kill -9` included. A line `down` on
it ends the command for a while, and `up` starts it again on the data that it left.
Arguments: the signal that ends the command, the user id to run it as (empty: this one), the paths to delete
(joined like those of PATH; the first is the folder to run in), the command.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PATIENCE = 5.0
"""Seconds between the polite signal and SIGKILL."""


class Tethered:
    """The command, running from the first moment on."""

    def __init__(self, command: Sequence[str], folder: Path, stop_signal: str, user: str) -> None:
        self._command = command
        self._options: dict[str, Any] = {"cwd": folder}
        if user:
            self._options |= {"user": int(user), "group": int(user), "extra_groups": []}
        self._signal = signal.Signals[stop_signal]
        self._down, self._up, self._over = threading.Event(), threading.Event(), threading.Event()
        self._child = self._start()

    def wait(self) -> int:
        """Return its exit code once it has ended, for good or by itself; start it again whenever it is to be up."""
        code = self._child.wait()
        while self._down.is_set():
            self._up.wait()
            self._up.clear()
            if self._over.is_set():
                break
            self._down.clear()
            self._child = self._start()
            if self._over.is_set():  # said while it started
                self._end()
            code = self._child.wait()
        return code

    def obey(self) -> None:
        """Do as the lines on standard input say, and end for good with them."""
        for order in sys.stdin.buffer:
            if order == b"up\n":
                self._up.set()
            else:
                self._down.set()
                self._end()
        self.end_for_good()

    def end_for_good(self) -> None:
        """End it, even if it is down."""
        self._over.set()
        self._up.set()
        self._end()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._command, **self._options)

    def _end(self) -> None:
        self._child.send_signal(self._signal)
        try:
            self._child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._child.kill()


def main(stop_signal: str, user: str, paths: str, *command: str) -> int:
    """Return the exit code of `command`, once it has ended and the paths are gone."""
    folder, *leftovers = map(Path, paths.split(os.pathsep))
    tethered = Tethered(command, folder, stop_signal, user)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=tethered.end_for_good, daemon=True).start())
    threading.Thread(target=tethered.obey, daemon=True).start()
    code = tethered.wait()
    for leftover in leftovers:
        leftover.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
