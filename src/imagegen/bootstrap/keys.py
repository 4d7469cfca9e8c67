"""The service's secret, and the keys for different purposes that are derived from it."""

import hmac
import os
import secrets
from hashlib import sha256
from pathlib import Path
from typing import Final

FILE_NAME: Final = "secret.key"


def derived(secret: bytes, purpose: str) -> bytes:
    """A 32-byte key for one purpose: what leaks from one use says nothing of the others."""
    return hmac.digest(secret, b"imagegen\0" + purpose.encode(), sha256)


def kept_secret(data_dir: Path) -> bytes:
    """The secret of a development service: made once, readable by its owner only, and kept with its data."""
    data_dir.mkdir(parents=True, exist_ok=True)
    path = data_dir / FILE_NAME
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes().strip()
    with os.fdopen(descriptor, "wb") as file:
        file.write(secrets.token_hex(32).encode())
    return path.read_bytes()
