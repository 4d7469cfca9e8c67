"""What the OpenAPI document says of answers beside their bodies: headers and examples, added in one place for all."""

from typing import Any, Final

from imagegen.web.api.examples import EXAMPLES
from imagegen.web.api.examples.problems import problem
from imagegen.web.problems import MEDIA_TYPE

_HEADERS: Final = {
    "X-Request-ID": ("string", "The id of the request, which is in the log as well: the caller's, or a new one."),
    "WWW-Authenticate": ("string", "`Bearer`: how to say who asks."),
    "Retry-After": ("integer", "Seconds until it is worth another try."),
    "Content-Range": (
        "string",
        "Which bytes of how many these are: `bytes 0-99/1482033`, or `bytes */1482033` for none.",
    ),
    "ETag": ("string", "SHA-256 of the bytes, quoted."),
}
_OF_STATUS: Final = {
    "206": ("Content-Range", "ETag"),
    "304": ("ETag",),
    "401": ("WWW-Authenticate",),
    "416": ("Content-Range",),
    "503": ("Retry-After",),
}
_OF_A_GENERATION: Final = ("202", "409", "422", "502", "503", "504")
"""Where a generation was asked for and waited for: it may have been made, whatever is answered."""


def describe_answers(document: dict[str, Any]) -> None:
    """Add to each answer of the document the headers that it has, and to each error and page an example."""
    document["components"]["headers"] = {
        name: {"description": told, "schema": {"type": kind}} for name, (kind, told) in _HEADERS.items()
    }
    for path, operations in document["paths"].items():
        for operation in operations.values():
            _name_generations(operation["responses"])
            for status, answer in operation["responses"].items():
                _describe(answer, status, path)
    for schema in document["components"]["schemas"].values():
        _exemplify_page(schema)


def _describe(answer: dict[str, Any], status: str, path: str) -> None:
    refused = answer.get("content", {}).get(MEDIA_TYPE)
    own = _OF_STATUS.get(status, ()) if refused or status < "400" else ()
    answer["headers"] = answer.get("headers", {}) | {name: _reference(name) for name in ("X-Request-ID", *own)}
    if refused:
        refused["example"] = problem(int(status), path)


def _name_generations(answers: dict[str, Any]) -> None:
    if {"201", "202"} <= answers.keys():
        naming = answers["201"]["headers"]
        for status in _OF_A_GENERATION:
            answers[status]["headers"] = naming
        answers["202"]["headers"] = naming | {"Retry-After": _reference("Retry-After")}


def _exemplify_page(schema: dict[str, Any]) -> None:
    """A page has one thing on it in its example, and is the last."""
    properties = schema.get("properties", {})
    if properties.keys() == {"data", "next_cursor"}:
        name = properties["data"]["items"]["$ref"].rpartition("/")[2]
        schema["examples"] = [{"data": [EXAMPLES[name]], "next_cursor": None}]


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/headers/{name}"}
