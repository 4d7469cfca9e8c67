"""Who is asking."""

import pytest

from imagegen.domain.errors import CredentialsMissing
from imagegen.web.authentication import SECURITY, Access, access, bearer


@pytest.mark.parametrize(
    ("header", "credential"),
    [("Bearer abc", "abc"), ("bearer abc", "abc"), ("BEARER  abc ", "abc"), ("Bearer a b", "a b")],
)
def test_a_bearer_has_a_credential(header: str, credential: str) -> None:
    """The scheme counts in any case, and the rest is the credential."""
    assert bearer(header) == credential


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Bearer\tabc", "Basic abc", "abc", "Bearerabc"])
def test_anything_else_is_nobody(header: str | None) -> None:
    """No header, another scheme, and a scheme without a credential are the same."""
    with pytest.raises(CredentialsMissing):
        bearer(header)


def test_every_kind_of_access_is_said_in_the_document() -> None:
    """What a route demands and what the document says of it come from the same word."""
    assert SECURITY.keys() == set(Access)
    assert access(Access.KEY) == {"access": Access.KEY}
