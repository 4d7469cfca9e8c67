"""The command line: `imagegen serve`, `worker`, `migrate`, `check`."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from imagegen import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

    from imagegen.bootstrap.assembly import Assembly
    from imagegen.settings import Settings


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="imagegen")
def main() -> None:
    """Image generation that outlives the model, behind one HTTP contract.

    Settings come from the environment, from .env and from imagegen.toml in the current folder.
    """
    # To start makes a hundred thousand objects and no garbage; looking for it would take a fifth of the time. What goes
    # on for long turns it on again.
    gc.disable()


@main.command()
@click.option("--host", help="The address to listen on (IMAGEGEN_HOST).")
@click.option("--port", type=int, help="The port to listen on (IMAGEGEN_PORT).")
@click.option("--workers", type=click.IntRange(1, 64), default=1, help="Processes that answer; more than 1 need Redis.")
@click.option("--socket", "descriptor", type=int, hidden=True)
@click.option("--tether", type=int, hidden=True)
def serve(host: str | None, port: int | None, workers: int, descriptor: int | None, tether: int | None) -> None:
    """Serve the API, drawing in this process unless there is a queue for workers of their own."""
    given = {"IMAGEGEN_HOST": host, "IMAGEGEN_PORT": None if port is None else str(port)}
    with _FaultsTold():
        settings = _settings({name: value for name, value in given.items() if value is not None})
        if workers > 1:
            from imagegen import supervisor  # noqa: PLC0415 - as below

            sys.exit(supervisor.run(settings, workers))
        from imagegen import server  # noqa: PLC0415 - the web framework takes a quarter of a second

        listening = None if descriptor is None else socket.socket(fileno=descriptor)
        server.run(settings, listening=listening, tether=tether)


@main.command()
@click.option("--concurrency", type=click.IntRange(1), help="Generations drawn at once (IMAGEGEN_CONCURRENCY).")
def worker(concurrency: int | None) -> None:
    """Draw what the services that share this queue and this database accept."""
    with _FaultsTold():
        from imagegen import worker_process  # noqa: PLC0415 - as above

        worker_process.run(_settings({} if concurrency is None else {"IMAGEGEN_CONCURRENCY": str(concurrency)}))


@main.command()
def migrate() -> None:
    """Bring the database's schema up to date."""
    with _FaultsTold():
        from imagegen import bootstrap  # noqa: PLC0415 - as above

        revision = bootstrap.migrate(_settings({}))
    click.echo(f"The schema is at revision {revision}.")


@main.command()
def check() -> None:
    """Ask every part how it is, look through the database, and print a table. Exits with 1 when a part is away."""
    with _FaultsTold():
        from imagegen.bootstrap import assemble  # noqa: PLC0415 - as above

        assembly = assemble(_settings({}))
        report, healthy = asyncio.run(_checked(assembly))
    click.echo(report)
    sys.exit(0 if healthy else 1)


async def _checked(assembly: Assembly) -> tuple[str, bool]:
    from imagegen.application.health import Condition  # noqa: PLC0415 - `--help` needs none of it

    async with assembly.connected():  # without a worker: a check must not begin to draw
        await assembly.database.verify()
        health = await assembly.application.check_health()
    rows = [
        f"{name:<10} {part.status:<12} {part.latency_ms:8.1f} ms  {part.detail or ''}".rstrip()
        for name, part in health.checks.items()
    ]
    return "\n".join([*rows, f"{'':<10} {health.status}"]), health.status is not Condition.UNAVAILABLE


class _FaultsTold:
    """Turns what an operator can mend into a message and exit code 1, not a traceback."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        from imagegen.domain.errors import ImagegenError  # noqa: PLC0415 - `--help` needs none of it
        from imagegen.settings import SettingsInvalid  # noqa: PLC0415 - as above

        if isinstance(error, SettingsInvalid):
            raise click.ClickException("the settings cannot be used:\n  " + "\n  ".join(error.faults)) from None
        if isinstance(error, ImagegenError):
            raise click.ClickException(error.detail) from None


def _settings(given: Mapping[str, str]) -> Settings:
    from imagegen.settings import Settings  # noqa: PLC0415 - `--help` needs none of it

    return Settings.load({**os.environ, **given}, Path.cwd())
