"""What a JSON body must be before anybody looks inside."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen.web.json_gate import DEEPEST, check_json
from imagegen.web.problems import Refusal

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS, inner, max_size=5),
    max_leaves=40,
)


def depth(value: Any) -> int:
    """How deep a value is nested."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth, inner), default=0)


@given(VALUES, st.booleans())
def test_ordinary_json_passes(value: Any, ascii_only: bool) -> None:
    """Whatever a JSON library writes of clean values passes, escaped or not, unless it is too deep."""
    body = json.dumps(value, ensure_ascii=ascii_only).encode()
    if depth(value) > DEEPEST:
        with pytest.raises(Refusal):
            check_json(body)
    else:
        check_json(body)


@given(st.binary(max_size=60))
def test_bytes_that_python_does_not_read_are_refused(body: bytes) -> None:
    """No bytes whatsoever raise anything but a refusal, and none pass that are no JSON."""
    try:
        json.loads(body.decode())
    except ValueError:
        with pytest.raises(Refusal) as refused:
            check_json(body)
        assert (refused.value.status, refused.value.code) == (400, "malformed_json")


@pytest.mark.parametrize("brackets", ["[]", "{}", "both"])
@pytest.mark.parametrize(("levels", "passes"), [(DEEPEST, True), (DEEPEST + 1, False), (5_000, False)])
def test_nesting_has_a_limit(brackets: str, levels: int, passes: bool) -> None:
    """32 levels of objects, arrays or both pass; one more does not, nor do thousands."""
    value: Any = 1
    for level in range(min(levels, 900)):
        value = [value] if brackets == "[]" or (brackets == "both" and level % 2) else {"a": value}
    body = json.dumps(value)
    if levels > 900:
        body = "[" * levels + body + "]" * levels
    if passes:
        check_json(body.encode())
    else:
        with pytest.raises(Refusal, match="nested deeper"):
            check_json(body.encode())


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"prompt": "[" * 100}),
        json.dumps({"prompt": '"[' * 100}),
        json.dumps({"prompt": "\\" * 99 + "[" * 99}),
        json.dumps([[]] * 100),
        json.dumps([{"a": []}] * 100),
    ],
)
def test_brackets_that_nest_nothing_do_not_count(body: str) -> None:
    """Brackets in texts, and many side by side, are not deep."""
    check_json(body.encode())


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'{"a": 1, "a": 1}', "twice"),
        (b'{"a": 1, "\\u0061": 2}', "twice"),
        (b'[{"b": {"a": 1, "a": 2}}]', "twice"),
        (b'["\\u0000"]', "NUL"),
        (b'{"\\u0000": 1}', "NUL"),
        (b'["\\ud800 "]', "half"),
        (b'["\\udc00\\ud800"]', "half"),
        (b"[NaN]", "not JSON"),
        (b"[-Infinity]", "not JSON"),
        (b"[9223372036854775808]", "64 bits"),
        (b"[-9223372036854775809]", "64 bits"),
        (b"[" + b"9" * 10_000 + b"]", "64 bits"),
        (b"", "not JSON"),
        (b"\xff", "not JSON"),
        (b'"\x01"', "not JSON"),
    ],
)
def test_what_could_be_taken_differently_is_refused_with_its_reason(body: bytes, why: str) -> None:
    """The detail says which of the rules it was."""
    with pytest.raises(Refusal) as refused:
        check_json(body)
    assert why in refused.value.detail


@pytest.mark.parametrize("body", [b'["\\ud83e\\udd8a"]', b'["\\\\u0000"]', b'["\\\\ud800"]', b"[9223372036854775807]"])
def test_what_only_looks_like_it_passes(body: bytes) -> None:
    """Whole pairs of surrogates, escaped backslashes before a `u`, and the largest integer are fine."""
    check_json(body)


@pytest.mark.parametrize("body", [b"[]" * 500_000, b'"' + b'\\"' * 500_000, b"{" * 500_000, b'"[' * 300_000])
def test_a_hostile_body_is_refused_without_looking_at_anything_twice(body: bytes) -> None:
    """A megabyte made to be slow to judge is refused; were it judged in quadratic time, this would not return."""
    with pytest.raises(Refusal):
        check_json(body)
