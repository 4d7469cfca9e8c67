"""Where the bytes of pictures lie: `open_store(url, …)` picks the adapter by the scheme of its address."""

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from imagegen.adapters.storage.inline import InlineStore
from imagegen.adapters.storage.local import LocalStore
from imagegen.adapters.storage.spool import SpoolingStore
from imagegen.domain.ports import BlobStore

URL_VARIABLE: Final = "IMAGEGEN_STORAGE_URL"

_FORMS: Final = "file:, file:///a/folder, r2: or inline:"
_DURABLE: Final = {"": True, "durable=1": True, "durable=0": False}
_REQUIRED: Final = ("R2_BUCKET", "R2_ACCESS_KEY_ID", "R2_SECRET_ACCESS_KEY")
_KNOWN: Final = (*_REQUIRED, "R2_ENDPOINT_URL", "R2_ACCOUNT_ID", "R2_PUBLIC_BASE_URL")
_ACCOUNT_ID: Final = re.compile("[0-9a-f]{32}")
_ALIKE: Final = 0.75
"""From here on `difflib` finds the usual slips (`R2_SECRET_KEY`, `R2_PUBLIC_URL`) and no foreign variable."""


class StorageMisconfigured(ValueError):
    """The settings describe no store; `faults` has a sentence per fault, each beginning with its variable's name."""

    def __init__(self, *faults: str) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


def open_store(url: str, *, data_dir: Path, environment: Mapping[str, str], database: Path | None = None) -> BlobStore:
    """The store that an address names; nothing is read, written or connected yet.

    - `file:` is the folder `images` in the data directory, `file:///a/folder` any other. `?durable=0` leaves out
      the waiting for the disk: what was stored last may be gone after a power cut. The folder must not hold the data
      directory, or the file of the database if there is one.
    - `r2:` is a bucket of Cloudflare R2 or of anything else that speaks S3, described by the variables `R2_…`. What it
      does not take waits in the folder `spool` of the data directory.
    - `inline:` stores nothing: the picture itself becomes its location.

    Raises:
        StorageMisconfigured: the address or the variables are wrong, all of them told at once.
    """
    scheme, _, rest = url.partition(":")
    if scheme == "file":
        return _local(url, data_dir, database)
    if scheme == "r2" and not rest:
        return SpoolingStore(_r2(environment), LocalStore(data_dir / "spool"))
    if scheme == "inline" and not rest:
        return InlineStore()
    raise StorageMisconfigured(f"{URL_VARIABLE}: must be one of {_FORMS}")


def _local(url: str, data_dir: Path, database: Path | None) -> BlobStore:
    parts = urlsplit(url)
    if parts.netloc or parts.fragment or parts.query not in _DURABLE or parts.path[:1] not in {"", "/"}:
        raise StorageMisconfigured(f"{URL_VARIABLE}: must be like file: or file:///a/folder, with ?durable=0 at most")
    root = Path(unquote(parts.path)) if parts.path else data_dir / "images"
    if any(path.resolve().is_relative_to(root.resolve()) for path in (data_dir, database) if path is not None):
        raise StorageMisconfigured(f"{URL_VARIABLE}: must be a folder without the data directory or the database in it")
    return LocalStore(root, durable=_DURABLE[parts.query])


def _r2(environment: Mapping[str, str]) -> BlobStore:
    from imagegen.adapters.storage.r2 import R2Account, R2Store  # noqa: PLC0415 - boto3 takes a third of a second

    stated = {name: value.strip() for name, value in environment.items() if name.startswith("R2_") and value.strip()}
    if faults := [*_missing(stated), *_malformed(stated), *_misspelt(stated)]:
        raise StorageMisconfigured(*faults)
    endpoint = stated.get("R2_ENDPOINT_URL") or f"https://{stated['R2_ACCOUNT_ID']}.r2.cloudflarestorage.com"
    return R2Store(
        R2Account(
            endpoint_url=endpoint,
            bucket=stated["R2_BUCKET"],
            access_key_id=stated["R2_ACCESS_KEY_ID"],
            secret_access_key=stated["R2_SECRET_ACCESS_KEY"],
            public_base_url=stated.get("R2_PUBLIC_BASE_URL"),
        )
    )


def _missing(stated: Mapping[str, str]) -> list[str]:
    faults = [f"{name}: must be set for r2: storage" for name in _REQUIRED if name not in stated]
    if not stated.keys() & {"R2_ENDPOINT_URL", "R2_ACCOUNT_ID"}:
        faults.append("R2_ENDPOINT_URL: it, or R2_ACCOUNT_ID, must be set for r2: storage")
    return faults


def _malformed(stated: Mapping[str, str]) -> list[str]:
    faults = [
        f"{name}: must be like https://host/path"
        for name in ("R2_ENDPOINT_URL", "R2_PUBLIC_BASE_URL")
        if name in stated and not _web_address(stated[name])
    ]
    if not _ACCOUNT_ID.fullmatch(stated.get("R2_ACCOUNT_ID", "0" * 32)):
        faults.append("R2_ACCOUNT_ID: must be 32 hexadecimal digits")
    return faults


def _web_address(text: str) -> bool:
    """Whether it is an address without a query, and without credentials that would end up in error texts."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and not set(text) & set("@?# ")


def _misspelt(stated: Mapping[str, str]) -> list[str]:
    unknown = sorted(stated.keys() - set(_KNOWN))
    meant = {name: difflib.get_close_matches(name, _KNOWN, n=1, cutoff=_ALIKE) for name in unknown}
    return [f"{name}: is not known; {near[0]} is" for name, near in meant.items() if near]
