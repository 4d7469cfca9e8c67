"""`imagegen serve --workers N`: processes that answer on one socket, kept alive by one that does nothing else."""

import gc
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from types import FrameType
from typing import Final

from imagegen.bootstrap import assemble
from imagegen.bootstrap.listening import listen
from imagegen.bootstrap.logging import configure_logging
from imagegen.settings import Settings, SettingsInvalid

RESTART_SECONDS: Final = 1.0
"""Between the end of a process and the start of the one in its place: one that cannot start must not eat a core."""
_LOOK_SECONDS: Final = 0.2

logger = logging.getLogger("imagegen.supervisor")


def run(settings: Settings, count: int) -> int:
    """Serve with so many processes until SIGTERM or SIGINT, and return the exit code.

    One that ends by itself is replaced. Killed without notice, this process takes the others with it.

    Raises:
        SettingsInvalid: the settings describe no machine, or one that is no good for several processes.
    """
    if not assemble(settings).dispatch.distributed:
        raise SettingsInvalid(
            ("IMAGEGEN_QUEUE_URL: several processes need redis://…, on which they tell each other what happens",)
        )
    configure_logging()
    gc.enable()
    with closing(listen(settings.host, settings.port)) as listening:
        listening.listen()
        return _Fleet(listening, settings.host, count).run()


@dataclass(slots=True)
class _Fleet:
    listening: socket.socket
    host: str
    count: int
    _processes: list[subprocess.Popen[bytes]] = field(default_factory=list, init=False)
    _stopped: list[subprocess.Popen[bytes]] = field(default_factory=list, init=False)
    _stopping: bool = field(default=False, init=False)

    def run(self) -> int:
        ours, theirs = os.pipe()  # nobody writes: that it ends is the message
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        self._processes = [self._start(ours) for _ in range(self.count)]
        while not self._stopping:
            self._replace(ours)
            time.sleep(_LOOK_SECONDS)
        ended = [process.wait() for process in self._stopped]
        os.close(theirs)
        # One that was just started may not have heard of SIGTERM yet.
        return max((abs(code) for code in ended if code != -signal.SIGTERM), default=0)

    def _start(self, tether: int) -> subprocess.Popen[bytes]:
        socket_number = self.listening.fileno()
        command: Sequence[str] = [
            sys.executable,
            "-m",
            "imagegen",
            "serve",
            f"--host={self.host}",
            f"--socket={socket_number}",
            f"--tether={tether}",
        ]
        return subprocess.Popen(command, pass_fds=(socket_number, tether))  # noqa: S603 - our own command

    def _replace(self, tether: int) -> None:
        for place, process in enumerate(self._processes):
            if process.poll() is not None and not self._stopping:
                logger.error("process %s ended by itself with %s; it is replaced", process.pid, process.returncode)
                time.sleep(RESTART_SECONDS)
                if not self._stopping:
                    self._processes[place] = self._start(tether)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if not self._stopping:
            self._stopping = True
            self._stopped = [process for process in self._processes if process.poll() is None]
        for process in self._stopped:
            process.terminate()
