"""The servers of one test run: each started when first asked for, shared by all workers, ended with the run."""

import json
import shutil
import socket
import socketserver
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Protocol

from servers.postgres import start_postgres
from servers.process import Server, ServerUnavailableError
from servers.s3 import start_s3
from servers.valkey import start_valkey

STARTERS: Final[Mapping[str, Callable[[Path], Server]]] = {
    "postgres": start_postgres,
    "valkey": start_valkey,
    "s3": start_s3,
}


class Pool(Protocol):
    """Where a test process learns where the servers are."""

    def url(self, name: str) -> str:
        """Return the url of the server `name` (one of `STARTERS`), started if need be.

        Raises:
            ServerUnavailableError: It cannot be started; asking again answers the same.
        """


class ServerPool(Pool):
    """The pool of the process that owns the servers. `own` maps a name to the url of a server to use instead."""

    def __init__(self, own: Mapping[str, str], starters: Mapping[str, Callable[[Path], Server]] = STARTERS) -> None:
        self._urls = dict(own)
        self._starters = starters
        self._failures: dict[str, ServerUnavailableError] = {}
        self._servers: list[Server] = []
        self._locks = {name: threading.Lock() for name in starters}
        self._door: _Door | None = None
        # Outside pytest's own base folder, which is closed to the user that Postgres runs as.
        self.folder = Path(tempfile.mkdtemp(prefix="imagegen-servers-"))
        self.folder.chmod(0o711)

    def url(self, name: str) -> str:
        """Return the url of the server `name`, started by the first call; later calls wait for that one."""
        with self._locks[name]:
            if name in self._failures:
                raise self._failures[name]
            if name not in self._urls:
                self._urls[name] = self._start(name).url
            return self._urls[name]

    def share(self) -> str:
        """Return an address at which a `SharedPool` in another process reaches this one."""
        if self._door is None:
            self._door = _Door(self, self.folder / "pool.sock")
        return str(self._door.server_address)

    def stop(self) -> None:
        """End every server that was started and delete its data."""
        if self._door:
            self._door.close()
        while self._servers:
            self._servers.pop().stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self, name: str) -> Server:
        try:
            server = self._starters[name](self.folder / name)
        except ServerUnavailableError as error:
            self._failures[name] = error
            raise
        self._servers.append(server)
        return server


class SharedPool(Pool):
    """The pool of a worker process: asks the owner's, at the address that `ServerPool.share` returned."""

    def __init__(self, address: str) -> None:
        self._address = address

    def url(self, name: str) -> str:
        """Return the url of the server `name`, after the owner has started it."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(self._address)
            connection.sendall(f"{name}\n".encode())
            with connection.makefile("rb") as reply:
                answer = json.loads(reply.read())
        if "error" in answer:
            raise ServerUnavailableError(answer["error"])
        return str(answer["url"])


class _Door(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def __init__(self, pool: Pool, address: Path) -> None:
        self.pool = pool
        super().__init__(str(address), _Question)
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Question(socketserver.StreamRequestHandler):
    server: _Door

    def handle(self) -> None:
        name = self.rfile.readline().decode().strip()
        try:
            answer = {"url": self.server.pool.url(name)}
        except ServerUnavailableError as error:
            answer = {"error": str(error)}
        self.wfile.write(json.dumps(answer).encode())
