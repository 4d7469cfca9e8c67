"""Where variables come from besides the environment: `.env`, `imagegen.toml`, mounted files."""

import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

from dotenv import dotenv_values

_MOUNTABLE: Final = ("IMAGEGEN_", "R2_", "GOOGLE_API_KEY", "GEMINI_API_KEY", "OPENAI_API_KEY")


def from_files(folder: Path | None, faults: list[str], known: Collection[str]) -> dict[str, str]:
    """What `imagegen.toml` and, with more weight, `.env` in the folder say, by the names of the variables."""
    if folder is None:
        return {}
    values: dict[str, str] = {}
    toml = folder / "imagegen.toml"
    if toml.is_file():
        try:
            values |= _flat(tomllib.loads(toml.read_text(encoding="utf-8")), ("IMAGEGEN",), known)
        except (OSError, ValueError) as error:
            faults.append(f"imagegen.toml: {_reason(error)}")
    env = folder / ".env"
    if env.is_file():
        try:
            values |= {name: text for name, text in dotenv_values(env).items() if text is not None}
        except (OSError, ValueError) as error:
            faults.append(f".env: {_reason(error)}")
    return values


def _flat(table: Mapping[str, Any], path: tuple[str, ...], known: Collection[str]) -> dict[str, str]:
    """`database.url` becomes IMAGEGEN_DATABASE_URL; names in capitals stay as they are."""
    flat: dict[str, str] = {}
    for name, value in table.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, (*path, name.upper()), known)
        else:
            text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
            flat[name if name.isupper() else _name((*path, name.upper()), known)] = text
    return flat


def _name(path: tuple[str, ...], known: Collection[str]) -> str:
    """The variable of a member; a feature's own settings are named IMAGEGEN_FEATURE__SETTING."""
    prefix, *rest = path
    nested = f"{prefix}_{'__'.join(rest)}"
    return nested if nested in known else "_".join(path)


def read_mounted(merged: dict[str, str], faults: list[str], known: Collection[str]) -> None:
    """Add what the files say that variables ending in `_FILE` name, where the variable itself is not set.

    Those in `known` are variables of their own, however they end.
    """
    for name, path in list(merged.items()):
        target = name.removesuffix("_FILE")
        if name == target or name in known or not target.startswith(_MOUNTABLE) or merged.get(target):
            continue
        try:
            merged[target] = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            faults.append(f"{name}: {_reason(error)}")


def _reason(error: OSError | ValueError) -> str:
    """Why a file cannot be read, without a word of what is in it or where it is."""
    match error:
        case tomllib.TOMLDecodeError():
            return str(error)
        case UnicodeDecodeError():
            return "is not UTF-8"
        case OSError():
            return error.strerror or "cannot be read"
        case _:
            return "is no path of a file"
