"""The processes of a service: started, killed, frozen and started again, each with its log in a file."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from e2e.service import clean_environment

READY_SECONDS: Final = 60.0
STOP_SECONDS: Final = 60.0
LOOK_SECONDS: Final = 0.02
LONGEST_ABSENCE: Final = 1.0
"""Seconds for which a killed process stays away."""

_DRAWS: Final = b"drawing up to"
"""What a worker says when it has begun."""


@dataclass(slots=True, kw_only=True)
class Member:
    """One process: an `imagegen` command in a folder, `url` being where it serves, if it does."""

    name: str
    command: Sequence[str]
    folder: Path
    variables: Mapping[str, str]
    url: str | None = None
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _told_before: int = field(default=0, init=False)

    @property
    def log(self) -> Path:
        """What it has written to standard error in all its lives."""
        return self.folder / f"{self.name}.log"

    @property
    def pid(self) -> int:
        """The process of its present life."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Begin a new life."""
        with self.log.open("ab") as log:
            self._told_before = log.tell()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "imagegen", *self.command],
                cwd=self.folder,
                env=clean_environment(**self.variables),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal: SIGSTOP freezes it, SIGCONT wakes it."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at this instant."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    async def stop(self) -> int:
        """Ask it to stop, and return its exit code."""
        assert self._process is not None
        self._process.terminate()
        return await asyncio.to_thread(self._process.wait, STOP_SECONDS)

    async def ready(self) -> float:
        """Wait until it is ready and return after how many seconds: one that serves, when it says so if asked."""
        begun = time.monotonic()
        while not (self._draws() if self.url is None else await is_ready(self.url)):
            self.must_live()
            if time.monotonic() - begun > READY_SECONDS:
                raise AssertionError(f"{self.name} is not ready; its log is {self.log}")
            await asyncio.sleep(LOOK_SECONDS)
        return time.monotonic() - begun

    def _draws(self) -> bool:
        with self.log.open("rb") as log:
            log.seek(self._told_before)
            return _DRAWS in log.read()

    def must_live(self) -> None:
        """Raise an `AssertionError` if it has ended by itself."""
        assert self._process is not None
        code = self._process.poll()
        assert code is None, f"{self.name} ended with {code}:\n{self.log.read_text()[-2000:]}"

    def peak_mib(self) -> float:
        """The most memory that it held in this life, or since that was forgotten."""
        return self._memory_mib("VmHWM")

    def forget_peak(self) -> float:
        """Count the most memory from now on, and return what it holds now."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")  # which is how Linux is told
        return self._memory_mib("VmRSS")

    def _memory_mib(self, name: str) -> float:
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024


async def is_ready(url: str) -> bool:
    """Whether a service says that it can do its work."""
    host, _, port = url.removeprefix("http://").partition(":")
    with suppress(OSError, asyncio.IncompleteReadError):
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            writer.write(f"GET /health/ready HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n".encode())
            return (await reader.readuntil(b"\r\n")).split(b" ")[1] == b"200"
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
    return False


@dataclass(slots=True, kw_only=True)
class Fleet:
    """The members of one service, what they share, and where its database, its files and its logs are."""

    name: str
    members: Sequence[Member]
    database_url: str
    """As SQLAlchemy's asynchronous engine takes it."""
    files: Callable[[], Mapping[str, str]]
    """What is in its store, SHA-256 by location, and whatever else is on its disks, by a path that begins with `/`."""
    starts: list[float] = field(default_factory=list)
    """For each time that something was killed: seconds from its start until all were ready again."""

    @property
    def workers(self) -> Sequence[Member]:
        """The members that draw."""
        return [member for member in self.members if member.url is None] or self.members

    @property
    def urls(self) -> list[str]:
        """Where it serves."""
        return [member.url for member in self.members if member.url is not None]

    async def start(self) -> None:
        """Start all, and wait until all are ready."""
        for member in self.members:
            member.start()
        await self.ready()

    async def ready(self) -> float:
        """Wait until all are ready and return after how many seconds the last one was."""
        return max(await asyncio.gather(*(member.ready() for member in self.members)))

    async def stop(self) -> None:
        """Ask all to stop; each ends with 0."""
        codes = await asyncio.gather(*(member.stop() for member in self.members))
        assert codes == [0] * len(codes), f"stopped with {codes}"

    def kill(self) -> None:
        """End all at this instant."""
        for member in self.members:
            member.kill()

    async def kill_some(self, chance: random.Random) -> None:
        """End one or more at one instant, start them again, and wait until all are ready."""
        victims = chance.sample(self.members, chance.randint(1, len(self.members)))
        for member in victims:
            member.must_live()
            member.kill()
        await asyncio.sleep(chance.uniform(0, LONGEST_ABSENCE))
        for member in victims:
            member.start()
        self.starts.append(await self.ready())

    def logs(self) -> Iterable[str]:
        """Every line that any member wrote."""
        return (line for member in self.members for line in member.log.read_text().splitlines())
