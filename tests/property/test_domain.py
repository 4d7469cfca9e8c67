"""Promises of the domain that hold for whatever is put in."""

import traceback
from collections.abc import Callable
from datetime import timedelta
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Any
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from builders import NOW, new_id
from imagegen.domain.api_keys import ApiKey, PlainKey
from imagegen.domain.errors import BrokenCursor, ImagegenError, InvalidApiKey, InvalidLink, MalformedEmail
from imagegen.domain.identifiers import (
    API_KEY,
    ATTEMPT,
    GENERATION,
    IMAGE,
    SESSION,
    USER,
    ApiKeyId,
    ImageId,
    UserId,
    external,
    internal,
)
from imagegen.domain.links import LinkSigner
from imagegen.domain.pages import Cursor
from imagegen.domain.prices import Price, TokenUsage, dollars
from imagegen.domain.users import Email

UUIDS = st.uuids()
PREFIXES = st.sampled_from([USER, SESSION, API_KEY, GENERATION, ATTEMPT, IMAGE])
ANY_TEXT = st.text(st.characters())  # lone surrogates included
SIGNER = LinkSigner(key=bytes(range(32)))


# --- identifiers and cursors ---


@given(PREFIXES, UUIDS)
def test_identifiers_come_back(prefix: str, identifier: UUID) -> None:
    """What is written is read again, and under no other prefix."""
    text = external(prefix, identifier)
    assert internal(prefix, text) == identifier
    assert [kind for kind in (USER, SESSION, API_KEY, GENERATION, ATTEMPT, IMAGE) if internal(kind, text)] == [prefix]


@given(PREFIXES, ANY_TEXT | st.from_regex(r"[a-z]{3}_[0-9a-fA-F-]{36}", fullmatch=True))
def test_identifiers_have_one_spelling(prefix: str, text: str) -> None:
    """Any text is what would have been written, or nothing."""
    identifier = internal(prefix, text)
    assert identifier is None or external(prefix, identifier) == text


@given(UUIDS)
def test_cursors_come_back(last: UUID) -> None:
    """What a client was given and hands back names the same row."""
    assert Cursor.read(Cursor(last).text) == Cursor(last)


@given(ANY_TEXT | st.from_regex(r"[\w-]{22}==", fullmatch=True))
def test_any_other_text_is_a_broken_cursor(text: str) -> None:
    """Any text is a cursor that was made here, to the letter, or broken."""
    try:
        cursor = Cursor.read(text)
    except BrokenCursor:
        return
    assert cursor.text == text


# --- what is secret ---


@given(st.binary(min_size=16, max_size=16))
def test_a_keys_text_never_reappears(secret: bytes) -> None:
    """Not in what is remembered of it, not in what is printed, and not in the errors that it causes."""
    plain = PlainKey.read(f"nb_live_{secret.hex()}")
    key, fresh = ApiKey.issue(id=ApiKeyId(new_id()), user_id=UserId(new_id()), now=NOW)
    for text, shown in ((plain.text, plain), (fresh.text, (fresh, key, key.revoke(NOW)))):
        assert text[8:] not in f"{shown} {shown!r} {[shown]}"


@given(st.text(min_size=5), st.sampled_from([PlainKey.read, Email, Cursor.read]))
def test_what_is_refused_is_not_repeated(text: str, read: Callable[[str], object]) -> None:
    """An error about a text that somebody sent does not bring that text along."""
    with pytest.raises(ImagegenError) as refusal:
        read(f"<{text}>@")
    assert f"<{text}>" not in "".join(traceback.format_exception_only(refusal.value))
    assert refusal.value.__cause__ is None


@given(ANY_TEXT)
def test_any_other_text_is_no_key(text: str) -> None:
    """Any text has the form of a key, or is refused with the one error."""
    try:
        assert PlainKey.read(text).text == text
    except InvalidApiKey:
        assert len(text) != 40 or not text.startswith("nb_live_")


# --- links ---


@given(UUIDS, st.timedeltas(min_value=timedelta(days=-3650), max_value=timedelta(days=3650)))
def test_links_are_good_until_they_expire(identifier: UUID, away: timedelta) -> None:
    """A signature is accepted before its second, and never from it on."""
    image_id = ImageId(identifier)
    expires, signature = SIGNER.sign(image_id, NOW)
    if (NOW + away).timestamp() < expires:
        SIGNER.check(image_id, expires, signature, NOW + away)
    else:
        with pytest.raises(InvalidLink):
            SIGNER.check(image_id, expires, signature, NOW + away)


@given(st.uuids(), st.integers(), st.integers(min_value=0, max_value=42), st.characters())
def test_any_change_of_a_link_is_noticed(other: UUID, moment: int, place: int, character: str) -> None:
    """Neither picture, nor moment, nor any character of the signature can be exchanged."""
    image_id = ImageId(new_id())
    expires, signature = SIGNER.sign(image_id, NOW)
    assume(moment != expires)
    assume(signature[place] != character)
    bent = signature[:place] + character + signature[place + 1 :]
    for link in ((ImageId(other), expires, signature), (image_id, moment, signature), (image_id, expires, bent)):
        with pytest.raises(InvalidLink):
            SIGNER.check(*link, NOW)


# --- addresses ---

LETTERS = st.text("abcXYZ019.+-_", min_size=1, max_size=20)


@given(LETTERS, st.lists(st.text("abcXYZ019-", min_size=1, max_size=10), min_size=1, max_size=3), st.text(" \t\n"))
def test_addresses_are_normal(local: str, labels: list[str], space: str) -> None:
    """Trimmed, the domain in lower case, compared whatever the case, and normal already when read again."""
    domain = ".".join(labels)
    email = Email(f"{space}{local}@{domain}{space}")
    assert email.text == f"{local}@{domain.lower()}"
    assert Email(email.text) == email
    assert Email(f"{local}@{domain}".upper()).key == email.key == Email(f"{local}@{domain}".lower()).key


@given(ANY_TEXT | st.emails())
def test_any_text_is_an_address_or_malformed(text: str) -> None:
    """What is taken has one `@`, no white space, and stays as it is when read again."""
    try:
        email = Email(text)
    except MalformedEmail:
        return
    assert email.text.count("@") == 1
    assert not any(character.isspace() or character == "\0" for character in email.text)
    assert Email(email.text) == email


# --- money ---

TOKENS = st.builds(TokenUsage, **dict.fromkeys(TokenUsage.__slots__, st.integers(min_value=0, max_value=10**7)))
DOLLARS = st.decimals(min_value=0, max_value=10_000, places=4)


@given(st.lists(DOLLARS, min_size=6, max_size=6), TOKENS)
def test_costs_are_exact(prices: list[Decimal], usage: TokenUsage) -> None:
    """The cost is the sum of tokens times price, rounded once, at the end."""
    names = TokenUsage.__slots__
    by_name: dict[str, Any] = dict(zip(names, prices, strict=True))
    with localcontext(prec=60):
        exact = sum((p * getattr(usage, name) for name, p in zip(names, prices, strict=True)), start=Decimal(0))
        assert Price(**by_name).cost_micros(usage) == exact.to_integral_value(ROUND_HALF_EVEN)


@given(st.sampled_from(TokenUsage.__slots__), TOKENS)
def test_an_unknown_price_is_never_zero(missing: str, usage: TokenUsage) -> None:
    """Where tokens have no price, nobody knows the cost; where there are no such tokens, it does not matter."""
    prices: dict[str, Any] = dict.fromkeys(TokenUsage.__slots__, Decimal(1)) | {missing: None}
    unknown = Price(**prices).cost_micros(usage) is None
    assert unknown is (getattr(usage, missing) > 0)
    assert Price(**prices, free=True).cost_micros(usage) == 0


@given(st.integers(min_value=0, max_value=2**63))
def test_money_is_written_exactly(micros: int) -> None:
    """The text is the same number, without an exponent or needless zeros."""
    text = dollars(micros)
    assert text is not None
    assert Decimal(text) * 1_000_000 == micros
    assert set(text) <= set("0123456789.")
    assert "." not in text or text[-1] not in "0."
