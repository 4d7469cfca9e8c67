"""Base64 is taken out of JSON exactly, whatever surrounds it."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen.adapters.providers.wire.payloads import lift
from imagegen.domain.errors import ProviderMisbehaved

KEYS = st.sampled_from(["data", "text", 'a "data"', "datum"])
TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(KEYS.filter(lambda key: key != "data"), inner, max_size=3)
    ),
)


def lifted_from(document: str) -> tuple[object, list[bytes | None]]:
    """The rest of the document, parsed, and what its members `data` stand for, in their order."""
    lifted = lift(document.encode(), "data")
    found: list[bytes | None] = []

    def see(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found.extend(lifted.payload(base64.b64decode(str(value))) for key, value in pairs if key == "data")
        return dict(pairs)

    return json.loads(lifted.rest, object_pairs_hook=see), found


@given(payloads=st.lists(st.binary(max_size=200), max_size=5), around=TREES, indent=st.sampled_from([None, 1]))
def test_every_payload_is_found_and_the_rest_stays(payloads: list[bytes], around: object, indent: int | None) -> None:
    """Texts that look like a member are none, however the document is spaced."""
    said = '"data": "AAAA"'
    content = {"said": said, "around": around, "parts": [{"data": base64.b64encode(p).decode()} for p in payloads]}
    rest, found = lifted_from(json.dumps(content, indent=indent))
    assert found == payloads
    assert isinstance(rest, dict)
    assert (rest["said"], rest["around"]) == (said, around)


def test_escaped_slashes_are_slashes() -> None:
    r"""Some servers write `\/` for `/`, which means the same."""
    payload = bytes(range(256)) * 3
    text = base64.b64encode(payload).decode().replace("/", r"\/")
    assert r"\/" in text
    assert lifted_from(f'{{"data":"{text}"}}')[1] == [payload]


@pytest.mark.parametrize("text", ["QUJ", "QU!D", "QUJD=", "QUJD QUJD", "QUJD\\n", "QUJD\\", "Q\\u12", "_-==", "é"])
def test_what_is_no_base64_is_found_to_be_broken(text: str) -> None:
    """Nothing is repaired, skipped or guessed."""
    lifted = lift(f'{{"data":"{text}"}}'.encode(), "data")
    assert lifted.payloads == (None,)
    assert lifted.payload(b"\0\0\0") is None


@pytest.mark.parametrize("document", [b'{"data":"', b'{"data":"QUJD', b'{"data":"QUJD\\"', b'{"data":"QU\\'])
def test_a_text_without_end_is_broken(document: bytes) -> None:
    """The rest does not parse, as the document did not."""
    lifted = lift(document, "data")
    assert lifted.payloads == (None,)
    with pytest.raises(json.JSONDecodeError):
        json.loads(lifted.rest)


def test_a_member_in_disguise_is_overlooked_and_not_lost() -> None:
    r"""Who writes `dat\u0061` has the payload parsed with the rest."""
    lifted = lift(rb'{"dat\u0061":"QUJDRA=="}', "data")
    assert lifted.payloads == ()
    assert lifted.payload(b"ABCD") == b"ABCD"


def test_of_very_many_payloads_the_rest_is_left_in_place() -> None:
    """A small answer cannot be made to fill the memory with pieces."""
    lifted = lift(b'{"data":"QUJD"},' * 1_000, "data")
    assert len(lifted.payloads) == 64
    assert lifted.rest.count(b"QUJD") == 1_000 - 64


def test_much_beside_the_payloads_is_refused() -> None:
    """What is not a payload is parsed into objects, so there must not be much of it."""
    with pytest.raises(ProviderMisbehaved):
        lift(b'{"data":"QUJD"}' + b" " * (9 << 20), "data")
