"""The service's secret, and the keys for different purposes that are derived from it."""

import hmac
import os
import secrets
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

from imagegen.settings import SettingsInvalid
from imagegen.settings.variables import SECRET_BYTES

FILE_NAME: Final = "secret.key"


def derived(secret: bytes, purpose: str) -> bytes:
    """A 32-byte key for one purpose: what leaks from one use says nothing of the others."""
    return hmac.digest(secret, b"imagegen\0" + purpose.encode(), sha256)


def kept_secret(data_dir: Path) -> bytes:
    """The secret of a development service: made once, readable by its owner only, and kept with its data.

    Raises:
        SettingsInvalid: the directory cannot be used, or the file in it holds no secret that is long enough.
    """
    path = data_dir / FILE_NAME
    try:
        if not path.exists():
            data_dir.mkdir(parents=True, exist_ok=True)
            _make(path)
        secret = path.read_bytes().strip()
    except OSError as error:
        raise SettingsInvalid((f"IMAGEGEN_DATA_DIR: {path} cannot be used: {error.strerror}",)) from None
    if len(secret) < SECRET_BYTES:
        fault = f"IMAGEGEN_DATA_DIR: {path} holds less than {SECRET_BYTES} bytes; remove it and a new one is made"
        raise SettingsInvalid((fault,))
    return secret


def _make(path: Path) -> None:
    """Write a new secret under another name and give it its own when it is on the disk, unless somebody was quicker."""
    unfinished = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_hex(SECRET_BYTES).encode())
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            path.hardlink_to(unfinished)
    finally:
        unfinished.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
