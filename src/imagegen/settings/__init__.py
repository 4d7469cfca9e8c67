"""Settings: from the environment, a `.env` file and an `imagegen.toml` file, in that order of weight.

Every variable may also be given as `NAME_FILE`, the path of a file that holds the value, as secrets are mounted.
All faults are reported at once, by variable name.
"""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

from imagegen.settings.sources import from_files, read_mounted
from imagegen.settings.variables import (
    flag,
    host_names,
    hours,
    http,
    one_of,
    port,
    positive,
    seconds,
    secret,
    variable,
    words,
)

_LOOPBACK: Final = ("localhost", "127.0.0.1", "[::1]")


class SettingsInvalid(Exception):
    """The settings cannot be used; `faults` are sentences, each beginning with the name of a variable."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class Environment(StrEnum):
    """Where the service runs: `production` refuses what is only safe on a desk."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the operator decided. Secrets have a blank `repr`; `environment` is handed to the adapters as it is."""

    env: Environment = variable(
        "IMAGEGEN_ENV",
        one_of(Environment),
        Environment.DEVELOPMENT,
        help="`development` or `production`; production refuses unsafe defaults.",
    )
    host: str = variable("IMAGEGEN_HOST", str, "127.0.0.1", help="The address to listen on.")
    port: int = variable("IMAGEGEN_PORT", port, 8000, help="The port to listen on; 0 takes a free one.")
    public_url: str | None = variable(
        "IMAGEGEN_PUBLIC_URL",
        http,
        None,
        help="How clients reach the service; image links begin with it. By default, as each request did.",
    )
    data_dir: Path = variable(
        "IMAGEGEN_DATA_DIR",
        Path,
        Path("imagegen-data"),
        help="Where the SQLite file, local images and a made-up secret lie.",
    )
    database_url: str | None = variable(
        "IMAGEGEN_DATABASE_URL",
        str,
        None,
        help="`sqlite:////path/file.db` or `postgresql+asyncpg://user@host/name`. "
        "SQLite in the data directory if unset.",
        secret=True,
    )
    secret_key: bytes | None = variable(
        "IMAGEGEN_SECRET_KEY",
        secret,
        None,
        help="Signs tokens, links and webhooks; at least 32 bytes. Made and kept in the data directory in development.",
        secret=True,
    )
    storage_url: str = variable(
        "IMAGEGEN_STORAGE_URL",
        str,
        "file:",
        help="`file:` (in the data directory), `file:///path`, `r2:` (see the R2 variables) or `inline:`.",
    )
    queue_url: str = variable(
        "IMAGEGEN_QUEUE_URL",
        str,
        "in-process:",
        help="`in-process:`, or `redis://user:password@host:6379/0` (`rediss:` for TLS) with workers of their own.",
        secret=True,
    )
    concurrency: int = variable(
        "IMAGEGEN_CONCURRENCY",
        positive,
        1024,
        help="How many generations may run at once in one process.",
    )
    grace_seconds: int = variable(
        "IMAGEGEN_GRACE_SECONDS",
        positive,
        30,
        help="How long what is being drawn may go on once the service is asked to stop.",
    )
    drain_seconds: float = variable(
        "IMAGEGEN_DRAIN_SECONDS",
        seconds,
        2.0,
        help="How long a service that is asked to stop still takes connections, while `/health/ready` says 503.",
    )
    providers: tuple[str, ...] = variable(
        "IMAGEGEN_PROVIDERS",
        words,
        (),
        help="Providers in order of preference. By default those with credentials, else `sketch`.",
    )
    default_model: str | None = variable(
        "IMAGEGEN_DEFAULT_MODEL",
        str,
        None,
        help="The model for requests that name none.",
    )
    models_file: Path | None = variable(
        "IMAGEGEN_MODELS_FILE",
        Path,
        None,
        help="A model book of your own, laid over the one in the package.",
    )
    allow_sketch: bool = variable(
        "IMAGEGEN_ALLOW_SKETCH",
        flag,
        False,
        help="Let production draw with the offline `sketch` provider.",
    )
    register_on_login: bool = variable(
        "IMAGEGEN_AUTH__REGISTER_ON_LOGIN",
        flag,
        False,
        help="Let a login with an unknown email open the account.",
    )
    link_lifetime: timedelta = variable(
        "IMAGEGEN_LINK_HOURS",
        hours,
        timedelta(hours=24),
        help="Hours for which an image link works, 1 to 8760.",
    )
    webhooks_allow_private: bool = variable(
        "IMAGEGEN_WEBHOOKS_ALLOW_PRIVATE",
        flag,
        False,
        help="Let webhooks lead to machines within, over http and to any port. Otherwise they must be public.",
    )
    cors_origins: tuple[str, ...] = variable(
        "IMAGEGEN_CORS_ORIGINS",
        words,
        (),
        help="Origins whose pages may call the API, or `*`. None by default.",
    )
    allowed_hosts: tuple[str, ...] = variable(
        "IMAGEGEN_ALLOWED_HOSTS",
        host_names,
        (),
        help="Host names that requests may name, or `*`. By default loopback, the public URL's, and any when "
        "listening beyond loopback without a public URL.",
    )
    trusted_proxies: tuple[str, ...] = variable(
        "IMAGEGEN_TRUSTED_PROXIES",
        words,
        (),
        help="Addresses whose X-Forwarded-For and X-Forwarded-Proto are believed. None by default.",
    )
    log_prompts: bool = variable("IMAGEGEN_LOG_PROMPTS", flag, False, help="Write prompts to the log.")
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def load(cls, environ: Mapping[str, str], folder: Path | None = None) -> Self:
        """Read the settings from an environment, and from `.env` and `imagegen.toml` in `folder` if there is one.

        Raises:
            SettingsInvalid: something is wrong; all of it is named.
        """
        faults: list[str] = []
        known = {f.metadata["name"]: f for f in fields(cls) if "name" in f.metadata}
        merged = {**from_files(folder, faults, known), **environ}
        read_mounted(merged, faults, known)
        values: dict[str, Any] = {"environment": merged}
        faults += [f"{name}: no such setting" for name in merged if _misspelt(name, known)]
        if merged.get("IMAGEGEN_RATE_LIMITS", "off") != "off":
            faults.append("IMAGEGEN_RATE_LIMITS: there are none yet to turn on; leave it out, or say off")
        for name, member in known.items():
            if merged.get(name):
                try:
                    values[member.name] = member.metadata["read"](merged[name])
                except ValueError as error:
                    faults.append(f"{name}: {error}")
        if faults:
            raise SettingsInvalid(tuple(faults))
        settings = cls(**values)
        settings._refuse_unsafe()
        return settings

    def _refuse_unsafe(self) -> None:
        faults = []
        if self.env is Environment.PRODUCTION:
            if self.secret_key is None:
                faults.append("IMAGEGEN_SECRET_KEY: production needs a secret of at least 32 bytes")
            if "*" in self.cors_origins:
                faults.append("IMAGEGEN_CORS_ORIGINS: production names its origins; `*` lets every page call the API")
            if "sketch" in self.providers and not self.allow_sketch:
                faults.append("IMAGEGEN_PROVIDERS: production draws with `sketch` only if IMAGEGEN_ALLOW_SKETCH=1")
        if faults:
            raise SettingsInvalid(tuple(faults))

    @property
    def hosts(self) -> tuple[str, ...]:
        """The host names that requests may name; `*` for any."""
        if self.allowed_hosts:
            return self.allowed_hosts
        if self.public_url is not None:
            return tuple(dict.fromkeys((*_LOOPBACK, _bracketed(urlsplit(self.public_url).hostname or ""))))
        return _LOOPBACK if _bracketed(self.host) in _LOOPBACK else ("*",)


def _bracketed(host: str) -> str:
    """The host as requests name it: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


_LATER: Final = frozenset({"IMAGEGEN_RATE_LIMITS"})
"""Settings of features that are still to come: known, so that saying `off` or the default is no fault."""


def _misspelt(name: str, known: Mapping[str, object]) -> bool:
    ours = name.startswith("IMAGEGEN_") and not name.startswith(("IMAGEGEN_SKETCH_", "IMAGEGEN_TEST_"))
    return ours and not {name, name.removesuffix("_FILE")} & (known.keys() | _LATER)


def reference() -> list[tuple[str, str, str]]:
    """Name, default and meaning of every variable, in order: what the reference documentation is made of."""
    rows = []
    for member in fields(Settings):
        if "name" in member.metadata:
            default = "" if member.default in (None, (), MISSING) else _shown(member.default)
            rows.append((member.metadata["name"], default, member.metadata["help"]))
    return rows


def _shown(default: object) -> str:
    if isinstance(default, timedelta):
        return f"{default.total_seconds() / 3600:g}"
    return str(default).lower() if isinstance(default, bool) else str(default)
