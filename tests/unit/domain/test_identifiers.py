"""Identifiers as clients see them."""

from uuid import UUID

import pytest

from imagegen.domain.identifiers import (
    API_KEY,
    ATTEMPT,
    EVENT,
    GENERATION,
    IMAGE,
    SESSION,
    USER,
    WEBHOOK,
    external,
    internal,
)

SOME = UUID("0193a5b0-7c1f-7d3a-9c2b-1f2e3d4c5b6a")
PREFIXES = [USER, SESSION, API_KEY, GENERATION, ATTEMPT, IMAGE, WEBHOOK, EVENT]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_an_identifier_is_a_prefix_and_a_uuid(prefix: str) -> None:
    """Three letters, an underscore and 36 characters are written, and read again."""
    text = external(prefix, SOME)
    assert text == f"{prefix}_0193a5b0-7c1f-7d3a-9c2b-1f2e3d4c5b6a"
    assert internal(prefix, text) == SOME


def test_the_kinds_have_prefixes_of_their_own() -> None:
    """An identifier of one kind is none of another."""
    assert internal(IMAGE, external(GENERATION, SOME)) is None
    assert len({*PREFIXES}) == len(PREFIXES)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "gen",
        "gen_",
        str(SOME),
        f"GEN_{SOME}",
        f"gen-{SOME}",
        f"gen__{SOME}",
        f" gen_{SOME}",
        f"gen_{SOME}\n",
        f"gen_{str(SOME).upper()}",
        f"gen_{SOME.hex}",
        f"gen_{{{SOME.hex}-}}",
        f"gen_{str(SOME)[:-1]}g",
        f"gen_{str(SOME)[:-1]}٣",
        f"gen_{str(SOME)[:-1]}\ud83c",
    ],
)
def test_there_is_one_spelling(text: str) -> None:
    """What would not have been written is not read."""
    assert internal(GENERATION, text) is None
