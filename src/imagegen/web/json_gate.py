"""What a JSON body must be before anybody looks inside: one meaning, for every reader."""

import json
import re
from http import HTTPStatus
from typing import Any, Final, NoReturn

from imagegen.web.problems import Refusal

DEEPEST: Final = 32
_DIGITS: Final = 19
_INTEGERS: Final = range(-(2**63), 2**63)
_STRING: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
"""A string, or the rest of the body when it is not closed: nothing is looked at twice."""
_SQUARED: Final = bytes.maketrans(b"{}", b"[]")
_NOT_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_UNWANTED: Final = re.compile("[\0\ud800-\udfff]")


def check_json(body: bytes) -> None:
    """Refuse a body that is not JSON, or that different readers would understand differently.

    That is: not UTF-8, nested deeper than 32, a member given twice, half of a surrogate pair, NUL, an integer beyond
    64 bits, NaN or Infinity.

    Raises:
        Refusal: 400 `malformed_json`.
    """
    if body.count(b"[") + body.count(b"{") > DEEPEST:
        _check_depth(body)
    try:
        value = _READER.decode(body.decode())
    except ValueError as error:
        _refuse("The body is not JSON in UTF-8.", error)
    if b"\\u" in body:  # what is not allowed in a string can only come in as an escape
        _check_strings(value)


def _refuse(detail: str, error: Exception | None = None) -> NoReturn:
    raise Refusal(HTTPStatus.BAD_REQUEST, "malformed_json", "The body is not acceptable JSON", detail) from error


def _check_depth(body: bytes) -> None:
    """Peel off the innermost pair of brackets everywhere, layer by layer; mismatches are the parser's to find."""
    brackets = _STRING.sub(b"", body).translate(_SQUARED, _NOT_BRACKETS)
    for _ in range(DEEPEST):
        brackets = brackets.replace(b"[]", b"")
    if brackets:
        _refuse(f"The body is nested deeper than {DEEPEST}, or its brackets do not match.")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        _refuse("A member is given twice.")
    return members


def _bounded(digits: str) -> int:
    if len(digits.lstrip("-")) > _DIGITS or int(digits) not in _INTEGERS:
        _refuse("An integer does not fit 64 bits.")
    return int(digits)


def _no_constant(_: str) -> None:
    _refuse("NaN and Infinity are not JSON.")


def _check_strings(value: Any) -> None:
    if isinstance(value, str):
        if _UNWANTED.search(value):
            _refuse("The body contains NUL or half of a character.")
    elif isinstance(value, dict):
        for name, member in value.items():
            _check_strings(name)
            _check_strings(member)
    elif isinstance(value, list):
        for item in value:
            _check_strings(item)


_READER: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_int=_bounded, parse_constant=_no_constant)
