"""However often and late refresh tokens are presented, one line of successors is all there is."""

from datetime import timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from builders import NOW, new_session, new_user
from imagegen.domain.errors import InvalidRefreshToken
from imagegen.domain.sessions import REFRESH_LIFETIME, ROTATION_GRACE, RefreshToken

SECRETS = st.binary(min_size=32, max_size=32)
TOKENS = st.builds(RefreshToken, st.binary(min_size=16, max_size=16), SECRETS)


class Rotation(RuleBasedStateMachine):
    """Presents current, spent and stolen tokens of one session while time goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.session, token = new_session(new_user())
        self.line = [token]

    @rule(pause=st.timedeltas(min_value=timedelta(0), max_value=ROTATION_GRACE * 2))
    def wait(self, pause: timedelta) -> None:
        """Time goes on."""
        self.now += pause

    @rule()
    def spend(self) -> None:
        """The current token is spent: its successor is new, of the same family, and known to the session."""
        assert self.session.repeats(self.line[-1], self.now) is None
        step = self.session.rotate(self.line[-1], self.now)
        assert step is not None
        session, successor = step
        assert successor not in self.line
        assert successor.family_hash == session.family_hash == self.session.family_hash
        assert session.version == self.session.version + 1
        assert session.expires_at == self.now + REFRESH_LIFETIME
        self.session = session
        self.line.append(successor)

    @rule()
    def repeat(self) -> None:
        """The token spent last gets its successor again within the grace, and afterwards is found out."""
        assume(len(self.line) > 1)
        again = self.session.repeats(self.line[-2], self.now)
        assert again == (self.line[-1] if self.now - self.session.last_used_at <= ROTATION_GRACE else None)
        assert self.session.rotate(self.line[-2], self.now) is None

    @rule(data=st.data())
    def replay(self, data: st.DataObject) -> None:
        """A token spent before that is found out at once."""
        assume(len(self.line) > 2)
        old = data.draw(st.sampled_from(self.line[:-2]))
        assert self.session.repeats(old, self.now) is None
        assert self.session.rotate(old, self.now) is None

    @rule(secret=SECRETS)
    def guess(self, secret: bytes) -> None:
        """A secret made up within the family is found out too."""
        guessed = RefreshToken(self.line[0].family, secret)
        assert self.session.repeats(guessed, self.now) is None
        assert self.session.rotate(guessed, self.now) is None

    @invariant()
    def keeps_no_secret(self) -> None:
        """No token of the line can be read off the session."""
        kept = repr(self.session)
        assert not any(repr(token.secret)[2:-1] in kept or token.text in kept for token in self.line[-3:])


TestRotation = Rotation.TestCase


@given(TOKENS, SECRETS)
def test_what_is_sealed_is_unsealed(token: RefreshToken, secret: bytes) -> None:
    """The successor comes back from its seal, and only with the token that sealed it."""
    successor = RefreshToken(token.family, secret)
    assert token.unseal(token.seal(successor)) == successor
    other = RefreshToken(token.family, bytes(byte ^ 1 for byte in token.secret))
    assert other.unseal(token.seal(successor)) != successor


@given(TOKENS)
def test_tokens_come_back(token: RefreshToken) -> None:
    """What a client was given and hands back is the same token, whose text shows nowhere else."""
    assert RefreshToken.read(token.text) == token
    assert token.text[3:] not in f"{token} {token!r}"


@given(st.text(st.characters()) | st.from_regex(r"rt_[\w-]{64}", fullmatch=True))
def test_any_other_text_is_no_token(text: str) -> None:
    """Any text is the text of a token, to the letter, or refused with the one error."""
    try:
        token = RefreshToken.read(text)
    except InvalidRefreshToken:
        return
    assert token.text == text


@given(TOKENS, st.integers(min_value=0, max_value=66), st.characters())
def test_another_character_is_another_token(token: RefreshToken, place: int, character: str) -> None:
    """No two texts are the same token."""
    assume(character != token.text[place])
    bent = token.text[:place] + character + token.text[place + 1 :]
    if character.isascii() and (character.isalnum() or character in "-_") and place > 2:
        assert RefreshToken.read(bent) != token
    else:
        with pytest.raises(InvalidRefreshToken):
            RefreshToken.read(bent)
