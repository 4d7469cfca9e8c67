"""What lies in a store: the SHA-256 of each file, by its location."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from servers.s3 import S3Account

_NOT_PICTURES: Final = ("imagegen.db*", "secret.key")
"""What else is in a data directory."""


def in_data_folder(data: Path) -> Mapping[str, str]:
    """The pictures, and by a path no picture has whatever else was left there, unfinished files included."""
    files = (path for path in data.rglob("*") if path.is_file() and not any(map(path.match, _NOT_PICTURES)))
    return {_location(data, path): digest for path in files if (digest := _digest(path)) is not None}


def in_bucket(account: S3Account, bucket: str) -> Mapping[str, str]:
    """Everything in a bucket."""
    with account.client() as client:
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        keys = [item["Key"] for page in pages for item in page.get("Contents", ())]
        return {
            key: hashlib.sha256(client.get_object(Bucket=bucket, Key=key)["Body"].read()).hexdigest() for key in keys
        }


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
