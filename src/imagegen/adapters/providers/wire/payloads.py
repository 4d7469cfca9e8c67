"""Base64 in JSON, taken out before anything parses the rest: a picture is decoded once and never becomes text.

Parsing 2 MiB of JSON into strings and decoding one of them takes 6 ms; this takes 0.12 ms, which the event loop can
spare. `docs/decisions/0003-openai-thin-client.md` has the figures.
"""

import binascii
import re
from base64 import b64encode
from dataclasses import dataclass
from typing import Final

import msgspec
import pybase64

from imagegen.domain.errors import ProviderMisbehaved

_MOST_PAYLOADS: Final = 64
_REST_LIMIT: Final = 8 * 1024 * 1024
"""Bytes beside the payloads. They are parsed into objects, which take many times as much memory."""
_TEXT: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"')
_PIECE: Final = 64 * 1024
"""Bytes that are looked through at a time: they stay in the processor's cache."""
_ESCAPE: Final = re.compile(rb"\\")
_TOKEN_BYTES: Final = 3


@dataclass(frozen=True, slots=True)
class Lifted:
    """A JSON document whose payloads were replaced by short tokens; a payload that was no base64 is `None`."""

    rest: bytes
    payloads: tuple[bytes | None, ...]

    def payload(self, token: bytes) -> bytes | None:
        """What a decoded token stands for; bytes that are no token are a payload that was overlooked."""
        number = int.from_bytes(token)
        return self.payloads[number] if len(token) == _TOKEN_BYTES and number < len(self.payloads) else token


def lift(document: bytes | memoryview, member: str) -> Lifted:
    """Replace the text of every member of that name, decoded from base64, by a token that is base64 too.

    Within a text of JSON quotes are escaped, so the name in plain quotes with a colon after it is a member. What does
    not parse afterwards did not parse before.

    Raises:
        ProviderMisbehaved: there is too much beside the payloads.
    """
    opening = re.compile(rb'"%b"\s*:\s*"' % member.encode())
    document = memoryview(document)  # slices of it copy nothing
    kept, payloads, done = list[bytes | memoryview](), list[bytes | None](), 0
    while len(payloads) < _MOST_PAYLOADS and (match := opening.search(document, done)):
        payload, end = _payload(document, match.end())
        kept += [document[done : match.end()], b64encode(len(payloads).to_bytes(_TOKEN_BYTES))]
        payloads.append(payload)
        done = end
    if len(document) - done > _REST_LIMIT:
        raise ProviderMisbehaved("The provider's answer is too large.")
    return Lifted(b"".join([*kept, document[done:]]), tuple(payloads))


def _payload(document: memoryview, start: int) -> tuple[bytes | None, int]:
    """The payload of the text that starts there, and where the text ends; at the end of the document if nowhere."""
    end = _quote(document, start)
    if end < 0:
        return None, len(document)
    payload = _decoded(document[start:end])
    if payload is None and _ESCAPE.search(document, start, end):
        whole = _TEXT.match(document, start - 1)
        return (_unescaped(whole[0]), whole.end() - 1) if whole else (None, len(document))
    return payload, end


def _quote(document: memoryview, start: int) -> int:
    """Where the next quotation mark is, -1 if there is none. Bytes find it twenty times as fast as a pattern does."""
    for begin in range(start, len(document), _PIECE):
        found = bytes(document[begin : begin + _PIECE]).find(b'"')
        if found >= 0:
            return begin + found
    return -1


def _decoded(text: memoryview | bytes) -> bytes | None:
    try:
        return pybase64.b64decode(text, validate=True)
    except binascii.Error:
        return None


def _unescaped(text: bytes) -> bytes | None:
    r"""The payload of a text with escapes, such as the `\/` that some servers write for `/`."""
    try:
        return _decoded(msgspec.json.decode(text, type=str).encode())
    except msgspec.DecodeError:
        return None
