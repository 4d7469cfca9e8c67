"""What the validating library says is wrong, in the terms of a client: a place in the request and a sentence."""

import re
from collections.abc import Mapping
from typing import Any, Final

from imagegen.domain.errors import Fault

_PLACE: Final = re.compile(r"(?s)(?P<message>.*?) - at (?:`key` in )?`\$(?P<path>[^`]*)`")
_STEP: Final = re.compile(r"\.([^.\[]+)|\[([0-9]+)\]")
_MISSING: Final = re.compile(r"Object missing required field `(.+)`")
_UNKNOWN: Final = re.compile(r"(?s)Object contains unknown field `(.*)`")
_FORM: Final = "Expected `str` matching regex"
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


def fault_in_parameter(item: Mapping[str, Any]) -> Fault:
    """Read one of Litestar's complaints about a parameter; no JSON pointer reaches one, so its place is `#name`."""
    return Fault(f"#{item.get('key', '')}", str(item.get("message", "")))


def in_query(fault: Fault) -> Fault:
    """A fault that the core found in what came from the query: `/from` there is `#from` here."""
    return Fault(f"#{fault.pointer.removeprefix('/')}", fault.message)


def _escaped(step: str) -> str:
    return step.replace("~", "~0").replace("/", "~1")
