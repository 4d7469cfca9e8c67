"""What lies in a store: the SHA-256 of each file, by its location."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from servers.s3 import S3Account

_NOT_PICTURES: Final = ("imagegen.db*", "secret.key")
"""What else is in a data directory."""


def in_data_folder(data: Path) -> Mapping[str, str]:
    """The pictures, and by a path no picture has whatever else was left there, unfinished files included."""
    files = (path for path in data.rglob("*") if path.is_file() and not any(map(path.match, _NOT_PICTURES)))
    return {_location(data, path): digest for path in files if (digest := _digest(path)) is not None}


@dataclass(slots=True)
class Bucket:
    """A bucket, looked into again and again: what was read once is not read again as long as it is the same."""

    account: S3Account
    name: str
    _digests: dict[tuple[str, str], str] = field(default_factory=dict, init=False)

    def files(self) -> Mapping[str, str]:
        """Everything in it."""
        with self.account.client() as client:
            pages = client.get_paginator("list_objects_v2").paginate(Bucket=self.name)
            objects = [(item["Key"], item["ETag"]) for page in pages for item in page.get("Contents", ())]
            for key, tag in objects:
                if (key, tag) not in self._digests:
                    data = client.get_object(Bucket=self.name, Key=key)["Body"].read()
                    self._digests[key, tag] = _sha256(data)
            return {key: self._digests[key, tag] for key, tag in objects}


def _location(data: Path, path: Path) -> str:
    pictures = data / "images"
    return str(path.relative_to(pictures)) if path.is_relative_to(pictures) else f"/{path.relative_to(data)}"


def _digest(path: Path) -> str | None:
    try:
        return _sha256(path.read_bytes())
    except FileNotFoundError:  # it was renamed or removed meanwhile
        return None


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
