"""Run a command for as long as standard input stays open, then end it and delete what it leaves behind.

Standard input is a pipe held by the tests: the system closes it however they end, `kill -9` included.
Arguments: the signal that ends the command, the user id to run it as (empty: this one), the paths to delete
(joined like those of PATH; the first is the folder to run in), the command.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import FrameType

PATIENCE = 5.0
"""Seconds between the polite signal and SIGKILL."""


def main(stop_signal: str, user: str, paths: str, *command: str) -> int:
    """Return the exit code of `command`, once it has ended and the paths are gone."""
    folder, *leftovers = map(Path, paths.split(os.pathsep))
    if user:
        child = subprocess.Popen(command, cwd=folder, user=int(user), group=int(user), extra_groups=[])
    else:
        child = subprocess.Popen(command, cwd=folder)

    def end() -> None:
        child.send_signal(signal.Signals[stop_signal])
        try:
            child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            child.kill()

    def end_when_left_alone() -> None:
        sys.stdin.buffer.read()
        end()

    def end_when_told(_number: int, _frame: FrameType | None) -> None:
        threading.Thread(target=end, daemon=True).start()

    signal.signal(signal.SIGTERM, end_when_told)
    threading.Thread(target=end_when_left_alone, daemon=True).start()
    code = child.wait()
    for leftover in leftovers:
        leftover.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
