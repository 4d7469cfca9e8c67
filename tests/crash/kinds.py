"""The kinds of fleet: one process by itself, and four on what many machines share."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from crash.fleet import Fleet, Member
from crash.outside import Share
from crash.scale import scaled
from crash.storage import Bucket, in_data_folder
from servers.process import free_ports

ROOM: Final = scaled(512, 2048)
"""As many generations at once as any test here asks for."""

_DATA: Final = "imagegen-data"


def alone(folder: Path, variables: Mapping[str, str]) -> Fleet:
    """One process that serves and draws: SQLite, local files, everything by default."""
    (port,) = free_ports(1)
    member = _member("alone", ["serve", "--port", str(port)], folder, {**variables, "IMAGEGEN_CONCURRENCY": str(ROOM)})
    data = member.folder / _DATA
    return Fleet(
        name="alone",
        members=[member],
        database_url=f"sqlite+aiosqlite:///{data / 'imagegen.db'}",
        files=lambda: in_data_folder(data),
    )


def many(folder: Path, variables: Mapping[str, str], share: Share) -> Fleet:
    """Two processes that serve and two that draw, on Postgres, Valkey and S3, each with a disk of its own."""
    settings = {**variables, **share.variables}
    members = [
        *(_member(f"server-{port}", ["serve", "--port", str(port)], folder, settings) for port in free_ports(2)),
        *(_member(f"worker-{n}", ["worker", "--concurrency", str(ROOM // 2)], folder, settings) for n in (1, 2)),
    ]

    bucket = Bucket(share.outside.account, share.bucket)

    def files() -> Mapping[str, str]:
        """The bucket, and whatever lies on the disk of a member and waits to move there."""
        local = {
            f"/{member.name}/{location}": digest
            for member in members
            for location, digest in in_data_folder(member.folder / _DATA).items()
        }
        return {**bucket.files(), **local}

    return Fleet(
        name="many",
        members=members,
        database_url=share.database_url.replace("postgresql://", "postgresql+asyncpg://"),
        files=files,
    )


def _member(name: str, command: list[str], folder: Path, variables: Mapping[str, str]) -> Member:
    own = folder / name
    own.mkdir(parents=True)
    url = f"http://127.0.0.1:{command[-1]}" if command[0] == "serve" else None
    return Member(name=name, command=command, folder=own, variables=variables, url=url)
