"""Variables: how the text of each is read, and what the reference says of it."""

from collections.abc import Callable
from dataclasses import field
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlsplit

SECRET_BYTES: Final = 32
MOST_SECONDS: Final = 60
MOST_HOURS: Final = 8760
"""A year."""
_ADDRESS: Final = "must be like https://host/path"
_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off", ""})


def variable(name: str, read: Callable[[str], Any], default: Any, *, help: str, secret: bool = False) -> Any:
    """A field that is read from a variable; a secret one has a blank `repr`."""
    return field(default=default, repr=not secret, metadata={"name": name, "read": read, "help": help})


def flag(text: str) -> bool:
    """A yes or a no."""
    if text.lower() not in _TRUE | _FALSE:
        raise ValueError("must be true or false")
    return text.lower() in _TRUE


def words(text: str) -> tuple[str, ...]:
    """Words with commas between."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def positive(text: str) -> int:
    """A whole number above zero."""
    if not text.isdecimal() or int(text) == 0:
        raise ValueError("must be a whole number above zero")
    return int(text)


def port(text: str) -> int:
    """A port; 0 asks for a free one."""
    if not text.isdecimal() or int(text) > 65535:  # noqa: PLR2004 - the largest port
        raise ValueError("must be a port, 0 to 65535")
    return int(text)


def seconds(text: str) -> float:
    """Seconds, with a fraction or without, a minute of them at most."""
    try:
        count = float(text)
    except ValueError:
        count = -1.0
    if not 0 <= count <= MOST_SECONDS:
        raise ValueError(f"must be seconds, 0 to {MOST_SECONDS}")
    return count


def hours(text: str) -> timedelta:
    """Hours, a year of them at most."""
    if (count := positive(text)) > MOST_HOURS:
        raise ValueError(f"must be {MOST_HOURS} hours at most")
    return timedelta(hours=count)


def host_names(text: str) -> tuple[str, ...]:
    """Host names with commas between, in lower case, as they are compared."""
    return words(text.lower())


def http(text: str) -> str:
    """The address of a web service, its host in lower case, without the slash at its end.

    Credentials in it would end up in links and messages, and a query behind it would be cut in two by our paths.
    """
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:  # brackets or a port that are none
        raise ValueError(_ADDRESS) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0 or set(text) & set("@?# "):
        raise ValueError(_ADDRESS)
    return parts._replace(netloc=parts.netloc.lower()).geturl().rstrip("/")


def secret(text: str) -> bytes:
    """A secret, long enough to sign with."""
    if len(text.encode()) < SECRET_BYTES:
        raise ValueError(f"must have at least {SECRET_BYTES} bytes")
    return text.encode()


def one_of(kind: type[StrEnum]) -> Callable[[str], StrEnum]:
    """A reader of one of the words of an enumeration."""

    def read(text: str) -> StrEnum:
        try:
            return kind(text)
        except ValueError:
            raise ValueError(f"must be one of {', '.join(kind)}") from None

    return read
