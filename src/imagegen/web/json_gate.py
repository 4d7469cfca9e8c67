"""What a JSON body must be before anybody looks inside: one meaning, for every reader."""

import json
import re
from http import HTTPStatus
from typing import Any, Final, NoReturn

from imagegen.web.problems import Refusal

DEEPEST: Final = 32
_QUOTE: Final = ord('"')
_BACKSLASH: Final = ord("\\")
_LARGEST_INTEGER: Final = 2**63
_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def check_json(body: bytes) -> None:
    """Refuse a body that is not JSON, or that different readers would understand differently.

    That is: not UTF-8, nested deeper than 32, a member given twice, a lone surrogate, NUL, an integer beyond 64
    bits, NaN or Infinity.

    Raises:
        Refusal: 400 `malformed_json`.
    """
    if body.count(b"[") + body.count(b"{") > DEEPEST:
        _check_depth(body)
    if b"\\u0000" in body or b"\0" in body:
        _refuse("The body contains NUL.")
    try:
        json.loads(body.decode(), object_pairs_hook=_unique, parse_int=_bounded, parse_constant=_refuse_constant)
    except ValueError as error:
        _refuse("The body is not JSON in UTF-8.", error)
    if b"\\u" in body and _LONE_SURROGATE.search(_unescaped(body)):
        _refuse("The body contains half a character.")


def _refuse(detail: str, error: Exception | None = None) -> NoReturn:
    raise Refusal(HTTPStatus.BAD_REQUEST, "malformed_json", "The body is not acceptable JSON", detail) from error


def _check_depth(body: bytes) -> None:
    depth = 0
    in_string = escaped = False
    for byte in body:
        if in_string:
            if escaped:
                escaped = False
            elif byte == _BACKSLASH:
                escaped = True
            elif byte == _QUOTE:
                in_string = False
        elif byte == _QUOTE:
            in_string = True
        elif byte in b"[{":
            depth += 1
            if depth > DEEPEST:
                _refuse(f"The body is nested deeper than {DEEPEST}.")
        elif byte in b"]}":
            depth -= 1


def _unique(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) != len(pairs):
        _refuse("A member is given twice.")


def _bounded(digits: str) -> None:
    if len(digits) > 20 or not -_LARGEST_INTEGER <= int(digits) < _LARGEST_INTEGER:  # noqa: PLR2004 - the digits of 64 bits
        _refuse("An integer does not fit 64 bits.")


def _refuse_constant(_: str) -> None:
    _refuse("NaN and Infinity are not JSON.")


def _unescaped(body: bytes) -> str:
    return "\n".join(_strings(json.loads(body)))


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in _strings(part)]
    return [text for item in value for text in _strings(item)] if isinstance(value, list) else []
