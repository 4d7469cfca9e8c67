"""What the validating library says is wrong, in the terms of a client: a place in the request and a sentence."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import msgspec
from msgspec import ValidationError
from msgspec.json import Decoder

from imagegen.domain.batches import MOST_FAULTS
from imagegen.domain.errors import Fault

_PLACE: Final = re.compile(r"(?s)(?P<message>.*?) - at (?:`key` in )?`\$(?P<path>[^`]*)`")
_STEP: Final = re.compile(r"\.([^.\[]+)|\[([0-9]+)\]")
_MISSING: Final = re.compile(r"Object missing required field `(.+)`")
_UNKNOWN: Final = re.compile(r"(?s)Object contains unknown field `(.*)`")
_FORM: Final = "Expected `str` matching regex"
_MOST_ITEMS: Final = 1_000
_FORMS: Final[Mapping[str, str]] = {
    "prompt": "The prompt must not be empty.",
    "email": "This is not an email address.",
    "size": "A size is like 1024x1024, or auto.",
    "aspect_ratio": "An aspect ratio is like 16:9.",
    "avatar_url": "The address must begin with https:// and have no space in it.",
    "tags": "A tag has no space at its ends and no line break.",
}
"""What the forms of some members are, for people; a pattern says it to machines."""


def fault_in_body(text: str) -> Fault:
    """Read a message of msgspec's about a body: where, as a JSON pointer (RFC 6901), and what."""
    found = _PLACE.fullmatch(text)
    message, path = (found["message"], found["path"]) if found else (text, "")
    # What lies under a key that the client made up has no name here (`[...]`): the pointer leads to its parent.
    steps = [name or index for name, index in _STEP.findall(path.partition("[...]")[0])]
    if missing := _MISSING.fullmatch(message):
        steps.append(missing[1])
        message = "This member is required."
    elif unknown := _UNKNOWN.fullmatch(message):
        steps.append(unknown[1])
        message = "There is no such member."
    elif message.startswith(_FORM):
        wanted = (_FORMS[step] for step in steps if step in _FORMS)
        message = next(wanted, "This does not have the form that is wanted here.")
    return Fault("".join(f"/{_escaped(step)}" for step in steps), message)


def faults_in_body(body: bytes, decoder: Decoder[Any], text: str) -> Sequence[Fault]:
    """The first fault of each item of a list in a body, where msgspec's message on the body is about one of them.

    It looks at no other then, so each is read as if it were the only one. Of any other body: the fault that it tells.
    """
    first = fault_in_body(text)
    name, index = [*first.pointer.split("/"), "", ""][1:3]
    items = msgspec.json.decode(body).get(name) if index.isdecimal() else None
    if not isinstance(items, list):  # it may only have looked like one: clients name members as they like
        return [first]
    alone = re.compile(rf"/{re.escape(name)}/0(?=/|$)")
    faults: list[Fault] = []
    for place, item in enumerate(items[:_MOST_ITEMS]):
        try:
            decoder.decode(msgspec.json.encode({name: [item]}))
        except ValidationError as error:
            fault = fault_in_body(str(error))
            if alone.match(fault.pointer):  # and is not of what else is missing now
                faults.append(replace(fault, pointer=alone.sub(f"/{name}/{place}", fault.pointer, count=1)))
    return faults[:MOST_FAULTS] or [first]


def fault_in_parameter(item: Mapping[str, Any]) -> Fault:
    """Read one of Litestar's complaints about a parameter; no JSON pointer reaches one, so its place is `#name`."""
    return Fault(f"#{item.get('key', '')}", str(item.get("message", "")))


def in_query(fault: Fault) -> Fault:
    """A fault that the core found in what came from the query: `/from` there is `#from` here."""
    return Fault(f"#{fault.pointer.removeprefix('/')}", fault.message)


def _escaped(step: str) -> str:
    return step.replace("~", "~0").replace("/", "~1")
