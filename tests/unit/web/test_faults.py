"""What the validating library says, in the terms of a client."""

from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct

from imagegen.domain.errors import Fault
from imagegen.web.faults import fault_in_body, fault_in_parameter, faults_in_body, in_query

Short = Annotated[str, Meta(max_length=2)]


class Inner(Struct, forbid_unknown_fields=True):
    """Something inside."""

    x: int = 0


class Outer(Struct, forbid_unknown_fields=True, kw_only=True):
    """A body with everything in it that a body here may have."""

    name: Short
    numbers: list[int] = []
    inner: list[Inner] = []
    pairs: dict[Short, Short] = {}


@pytest.mark.parametrize(
    ("body", "pointer", "message"),
    [
        ({}, "/name", "This member is required."),
        ({"name": "a", "b": 1}, "/b", "There is no such member."),
        ({"name": "a", "inner": [{}, {"y": 1}]}, "/inner/1/y", "There is no such member."),
        ({"name": 1}, "/name", "Expected `str`, got `int`"),
        ({"name": "abc"}, "/name", "Expected `str` of length <= 2"),
        ({"name": "a", "numbers": [1, "2"]}, "/numbers/1", "Expected `int`, got `str`"),
        ({"name": "a", "inner": [{"x": "1"}]}, "/inner/0/x", "Expected `int`, got `str`"),
        ({"name": "a", "pairs": {"a": "long"}}, "/pairs", "Expected `str` of length <= 2"),
        ({"name": "a", "pairs": {"long": "a"}}, "/pairs", "Expected `str` of length <= 2"),
        ([], "", "Expected `object`, got `array`"),
    ],
)
def test_a_fault_has_a_pointer_and_a_sentence(body: Any, pointer: str, message: str) -> None:
    """The pointer leads to the member, also to one that is missing or should not be there."""
    assert told(body) == Fault(pointer, message)


@given(st.text(min_size=1).filter(lambda name: name not in Outer.__struct_fields__))
def test_any_unknown_name_becomes_a_pointer(name: str) -> None:
    """Whatever a client calls a member, its pointer is written as RFC 6901 says."""
    assert told({"name": "a", name: 1}).pointer == "/" + name.replace("~", "~0").replace("/", "~1")


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"name": "a", "numbers": [1, "2", 3, None, "5"]}, ["/numbers/1", "/numbers/3", "/numbers/4"]),
        ({"inner": [{"x": "1"}, {}, {"y": 0, "x": "1"}], "name": "a"}, ["/inner/0/x", "/inner/2/y"]),
        ({"inner": [{"0": 0}, 1], "name": "a", "else": 1}, ["/inner/0/0", "/inner/1"]),
        ({"numbers": ["1", "2"], "name": 1}, ["/numbers/0", "/numbers/1"]),
        ({"name": 1, "numbers": ["1", "2"]}, ["/name"]),
        ({"name": "a", "numbers": [*range(1_500), "x"]}, ["/numbers/1500"]),
        ({"name": "a", "numbers": ["x"] * 1_500}, [f"/numbers/{n}" for n in range(100)]),
        ({"name": "a", " - at `$.numbers[3]": 1, "numbers": [1]}, ["/numbers/3"]),
        ({"name": "a", " - at `$.there[3]": 1}, ["/there/3"]),
    ],
)
def test_each_item_of_a_list_is_told_of(body: Any, pointers: list[str]) -> None:
    """Where the first fault lies in a list the others in it are told, too, up to a hundred; else that one alone."""
    decoder, encoded = msgspec.json.Decoder(Outer), msgspec.json.encode(body)
    with pytest.raises(msgspec.ValidationError) as refused:
        decoder.decode(encoded)
    faults = faults_in_body(encoded, decoder, str(refused.value))
    assert [fault.pointer for fault in faults] == pointers
    assert faults[0] == fault_in_body(str(refused.value))


def test_a_parameter_is_named_with_a_hash() -> None:
    """No JSON pointer leads into a query, so that `#` and the name stand for it."""
    found = fault_in_parameter({"key": "limit", "message": "too large", "source": "query"})
    assert found == Fault("#limit", "too large")
    assert in_query(Fault("/cursor", "broken")) == Fault("#cursor", "broken")


def told(body: Any) -> Fault:
    """What is said of a body."""
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.json.decode(msgspec.json.encode(body), type=Outer)
    return fault_in_body(str(refused.value))
