"""Users, their addresses, and the principal."""

import pytest

from builders import new_id, new_user
from imagegen.domain.errors import InvalidRequest, MalformedEmail, ScopeMissing, SessionRequired
from imagegen.domain.identifiers import ApiKeyId, SessionId, UserId
from imagegen.domain.users import PASSWORD_LENGTH, Email, Principal, Role, Scope


def test_an_address_is_trimmed_and_its_domain_lowered() -> None:
    """The local part stays as its owner writes it."""
    assert Email(" Ada.Lovelace@Example.COM\n").text == "Ada.Lovelace@example.com"


def test_addresses_are_compared_whatever_their_case() -> None:
    """One address in two spellings is one account."""
    assert Email("ADA@example.com").key == Email("ada@EXAMPLE.com").key
    assert Email("ada@example.com").key != Email("ida@example.com").key


@pytest.mark.parametrize("text", ["a@b", "a+tag@b.example", "ä.ö@bücher.example", "o'hara@example.com", "a@1.2.3.4"])
def test_unusual_addresses_are_addresses(text: str) -> None:
    """Only what cannot be delivered to is refused."""
    assert Email(text).text == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "ada",
        "ada@",
        "@example.com",
        "ada@@example.com",
        "ada@home@example.com",
        "ada lovelace@example.com",
        "ada@exam ple.com",
        "ada@example..com",
        "ada@.example.com",
        "ada@example.com.",
        "ada@example.com\nBcc: all@example.com",
        "ada\0@example.com",
        "ada\x7f@example.com",
        "a" * 65 + "@example.com",
        "ada@" + "e" * 251,
    ],
)
def test_what_cannot_be_an_address_is_refused(text: str) -> None:
    """The fault points to the member `email`."""
    with pytest.raises(MalformedEmail) as refusal:
        Email(text)
    assert [fault.pointer for fault in refusal.value.faults] == ["/email"]


def test_an_address_has_at_most_254_characters() -> None:
    """The longest that mail can be sent to is taken."""
    assert len(Email("ada@" + "e" * 250).text) == 254


def test_a_changed_user_is_the_next_version() -> None:
    """Name, picture and password change; nothing else does, and the user before is as it was."""
    user = new_user()
    changed = user.with_profile(name="Ada", avatar_url="https://example.com/ada.png").with_password("another")
    assert (changed.name, changed.avatar_url, changed.password_hash) == (
        "Ada",
        "https://example.com/ada.png",
        "another",
    )
    assert (changed.id, changed.email, changed.role) == (user.id, user.email, user.role)
    assert (user.version, changed.version) == (1, 3)
    assert user.name is None


@pytest.mark.parametrize("address", ["http://example.com/a.png", "javascript:alert(1)", "//example.com/a.png", ""])
def test_a_picture_is_fetched_safely(address: str) -> None:
    """An address of a picture that is not `https` is refused."""
    with pytest.raises(InvalidRequest) as refusal:
        new_user().with_profile(name=None, avatar_url=address)
    assert [fault.pointer for fault in refusal.value.faults] == ["/avatar_url"]


def test_a_picture_can_be_taken_away() -> None:
    """`None` is no picture."""
    user = new_user().with_profile(name="Ada", avatar_url="https://example.com/ada.png")
    assert user.with_profile(name=None, avatar_url=None).avatar_url is None


def test_a_user_prints_without_the_password_hash() -> None:
    """A user that ends up in a log does not bring a hash along."""
    user = new_user()
    assert user.password_hash not in repr(user)


def test_passwords_have_8_to_128_characters() -> None:
    """The lengths that are allowed."""
    assert (PASSWORD_LENGTH[0], PASSWORD_LENGTH[-1]) == (8, 128)


def test_a_principal_may_do_what_its_scopes_say() -> None:
    """A missing scope is refused by its name."""
    principal = Principal(
        user_id=UserId(new_id()), role=Role.USER, scopes=frozenset({Scope.READ}), api_key_id=ApiKeyId(new_id())
    )
    principal.require(Scope.READ)
    with pytest.raises(ScopeMissing, match="'generate'"):
        principal.require(Scope.GENERATE)


def test_an_api_key_is_no_session() -> None:
    """What only a session may do is refused to a key with every scope."""
    session_id = SessionId(new_id())
    person = Principal(user_id=UserId(new_id()), role=Role.USER, scopes=frozenset(Scope), session_id=session_id)
    key = Principal(user_id=UserId(new_id()), role=Role.USER, scopes=frozenset(Scope), api_key_id=ApiKeyId(new_id()))
    assert person.require_session() == session_id
    with pytest.raises(SessionRequired):
        key.require_session()
