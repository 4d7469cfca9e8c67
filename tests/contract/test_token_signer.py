"""What every `TokenSigner` promises: its own tokens are read, and nothing else ever is."""

import hmac
import json
import string
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import assume, given
from hypothesis import strategies as st

from imagegen.adapters.memory import MemoryTokenSigner
from imagegen.adapters.tokens import JoseTokenSigner
from imagegen.domain.errors import InvalidAccessToken
from imagegen.domain.identifiers import SessionId, UserId
from imagegen.domain.ports import AccessClaims, TokenSigner

SECRET = bytes(range(32))
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ISSUED = int(NOW.timestamp())
ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"

HEADER = {"alg": "HS256", "typ": "at+jwt"}
CLAIMS: Final[dict[str, Any]] = {
    "iss": "imagegen",
    "aud": "imagegen-api",
    "sub": "usr_0193a5b0-7c1f-7d3a-9c2b-1f2e3d4c5b6a",
    "sid": "ses_0193a5b0-7c20-7aaa-8bbb-2f3e4d5c6b7a",
    "jti": "0123456789abcdef0123456789abcdef",
    "iat": ISSUED,
    "nbf": ISSUED,
    "exp": ISSUED + 3600,
}
SAID = AccessClaims(
    user_id=UserId(UUID("0193a5b0-7c1f-7d3a-9c2b-1f2e3d4c5b6a")),
    session_id=SessionId(UUID("0193a5b0-7c20-7aaa-8bbb-2f3e4d5c6b7a")),
    issued_at=NOW,
    expires_at=NOW + timedelta(hours=1),
)


def jose(algorithm: str = "HS256", secret: bytes = SECRET) -> JoseTokenSigner:
    """The signer that most tests are about."""
    return JoseTokenSigner(secret, issuer="imagegen", audience="imagegen-api", algorithm=algorithm)


@pytest.fixture(params=["memory", "HS256", "HS384", "HS512"])
def signer(request: pytest.FixtureRequest) -> TokenSigner:
    """Each adapter, with each algorithm."""
    return MemoryTokenSigner() if request.param == "memory" else jose(request.param)


def segment(value: Mapping[str, Any] | bytes) -> str:
    """Bytes, or an object as JSON, in base64url."""
    raw = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def written(
    claims: Mapping[str, Any] | bytes = CLAIMS,
    *,
    header: Mapping[str, Any] | bytes = HEADER,
    secret: bytes = SECRET,
    digest: str = "sha256",
) -> str:
    """A token made by hand, correctly signed: what somebody who knew the secret could write."""
    return sealed(f"{segment(header)}.{segment(claims)}", secret, digest)


def sealed(signed: str, secret: bytes = SECRET, digest: str = "sha256") -> str:
    """Any text with its signature."""
    return f"{signed}.{segment(hmac.digest(secret, signed.encode(), digest))}"


def respelt(segment: str) -> str:
    """The same bytes with a spare bit set, where base64url has one (its length is not a multiple of four)."""
    return segment[:-1] + ALPHABET[ALPHABET.index(segment[-1]) + 1]


def without(name: str) -> dict[str, Any]:
    """The claims but for one."""
    return {key: value for key, value in CLAIMS.items() if key != name}


GENUINE = written()
SIGNED, SIGNATURE = GENUINE.rsplit(".", 1)
KEY_PAIR = generate_private_key(SECP256R1())
PUBLIC_PEM = KEY_PAIR.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
PUBLIC_DER = KEY_PAIR.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
JWK = {"kty": "oct", "k": segment(b"k" * 32)}

FORGERIES = {
    "nothing": "",
    "text": "a.b.c",
    "an API key": "nb_live_" + "0" * 32,
    "two segments": SIGNED,
    "four segments": GENUINE + ".AAAA",
    "five segments": GENUINE + ".AAAA.AAAA",
    "no signature": SIGNED + ".",
    "no claims": f"{segment(HEADER)}..{SIGNATURE}",
    "too long": written(json.dumps(CLAIMS).encode() + b" " * 3_000),
    # the header
    "alg none": f"{segment(HEADER | {'alg': 'none'})}.{segment(CLAIMS)}.",
    "alg none, signed": written(header=HEADER | {"alg": "none"}),
    "alg in other letters": written(header=HEADER | {"alg": "hs256"}),
    "alg another of ours": written(header=HEADER | {"alg": "HS384"}, digest="sha384"),
    "alg missing": written(header={"typ": "at+jwt"}),
    "alg null": written(header=HEADER | {"alg": None}),
    "alg a list": written(header=HEADER | {"alg": ["HS256"]}),
    "alg ES256": written(header=HEADER | {"alg": "ES256"}),
    "alg RS256 with the secret": written(header=HEADER | {"alg": "RS256"}),
    "typ missing": written(header={"alg": "HS256"}),
    "typ JWT": written(header=HEADER | {"typ": "JWT"}),
    "typ in full": written(header=HEADER | {"typ": "application/at+jwt"}),
    "kid": written(header=HEADER | {"kid": "../../dev/null"}),
    "jku": written(header=HEADER | {"jku": "https://attacker.example/keys"}),
    "x5u": written(header=HEADER | {"x5u": "https://attacker.example/chain"}),
    "jwk": written(header=HEADER | {"jwk": JWK}, secret=b"k" * 32),
    "cty": written(header=HEADER | {"cty": "JWT"}),
    "crit": written(header=HEADER | {"crit": ["exp"]}),
    "unknown crit": written(header=HEADER | {"crit": ["unheard-of"], "unheard-of": True}),
    "b64 false": written(header=HEADER | {"b64": False, "crit": ["b64"]}),
    "alg twice": written(header=b'{"alg":"HS256","alg":"HS256","typ":"at+jwt"}'),
    "alg none, then HS256": written(header=b'{"alg":"none","alg":"HS256","typ":"at+jwt"}'),
    "header with a space": written(header=b'{"alg": "HS256","typ":"at+jwt"}'),
    "header a list": written(header=b'["HS256","at+jwt"]'),
    "header not UTF-8": written(header=b'{"alg":"HS256","typ":"\xff"}'),
    "header of 2,000 brackets": written(header=b"[" * 2_000),
    "header of 50,000 brackets": written(header=b"[" * 50_000),
    # the claims
    **{f"{name} missing": written(without(name)) for name in CLAIMS},
    **{f"{name} null": written(CLAIMS | {name: None}) for name in CLAIMS},
    **{f"{name} a list": written(CLAIMS | {name: [CLAIMS[name]]}) for name in CLAIMS},
    **{f"{name} a string": written(CLAIMS | {name: str(CLAIMS[name])}) for name in ("iat", "nbf", "exp")},
    **{f"{name} with a fraction": written(CLAIMS | {name: CLAIMS[name] + 0.5}) for name in ("iat", "nbf", "exp")},
    **{f"{name} true": written(CLAIMS | {name: True}) for name in ("iat", "nbf", "exp")},
    "exp 1e400": written(json.dumps(CLAIMS | {"exp": 0}).replace('"exp": 0', '"exp": 1e400').encode()),
    "exp not a number": written(json.dumps(CLAIMS | {"exp": 0}).replace('"exp": 0', '"exp": NaN').encode()),
    "exp of 20 digits": written(CLAIMS | {"exp": 10**20}),
    "exp of 1,000 digits": written(CLAIMS | {"exp": 10**1_000}),
    "iat of minus 1,000 digits": written(CLAIMS | {"iat": -(10**1_000)}),
    "extra claim": written(CLAIMS | {"admin": True}),
    "exp twice": written(json.dumps(CLAIMS).replace('"exp"', '"exp": 1, "exp"').encode()),
    "sub twice": written(json.dumps(CLAIMS).replace('"sub"', '"sub": "usr_", "sub"').encode()),
    "claims spelt otherwise": sealed(f"{segment(HEADER)}.{respelt(segment(CLAIMS))}"),
    "claims a list": written(json.dumps(list(CLAIMS.items())).encode()),
    "claims a number": written(b"1"),
    "claims not JSON": written(b"{"),
    "claims not UTF-8": written(b'{"iss":"\xff"}'),
    "claims in UTF-16": written(json.dumps(CLAIMS).encode("utf-16")),
    "claims of 2,900 brackets": written(b"[" * 2_900),
    "another issuer": written(CLAIMS | {"iss": "imagegen.example"}),
    "another audience": written(CLAIMS | {"aud": "imagegen"}),
    "audience among others": written(CLAIMS | {"aud": ["imagegen-api", "other"]}),
    "sub of another kind": written(CLAIMS | {"sub": CLAIMS["sid"]}),
    "sub without a prefix": written(CLAIMS | {"sub": str(SAID.user_id)}),
    "sub in capitals": written(CLAIMS | {"sub": "usr_" + str(SAID.user_id).upper()}),
    "sid of another kind": written(CLAIMS | {"sid": CLAIMS["sub"]}),
    "jti empty": written(CLAIMS | {"jti": ""}),
    "jti with a line break": written(CLAIMS | {"jti": CLAIMS["jti"] + "\n"}),
    "expired": written(CLAIMS | {"exp": ISSUED}),
    "not yet valid": written(CLAIMS | {"nbf": ISSUED + 60}),
    "issued in the future": written(CLAIMS | {"iat": ISSUED + 60}),
    # the signature
    "another secret": written(secret=b"?" * 32),
    "no secret": written(secret=b""),
    "a public key in PEM as the secret": written(secret=PUBLIC_PEM),
    "a public key in DER as the secret": written(secret=PUBLIC_DER),
    "half a signature": GENUINE[:-20],
    "signature of other claims": f"{segment(HEADER)}.{segment(CLAIMS | {'jti': '0' * 32})}.{SIGNATURE}",
    "padding": GENUINE + "=",
    "padding of claims": f"{segment(HEADER)}.{segment(CLAIMS)}=.{SIGNATURE}",
    "line break": GENUINE + "\n",
    "space in front": " " + GENUINE,
    "junk in the signature": f"{SIGNED}.{SIGNATURE[:9]}!{SIGNATURE[9:]}",
    "the other base64": f"{SIGNED}.{SIGNATURE.replace('-', '+').replace('_', '/')}~",
    "not ASCII": f"{SIGNED}.{SIGNATURE[:-1]}é",
    "a digit of another script": f"{SIGNED}.{SIGNATURE[:-1]}٣",
    "half a pair of UTF-16": GENUINE + "\ud83c",
    "NUL": GENUINE + "\0",
}


def test_what_is_signed_is_read(signer: TokenSigner) -> None:
    """A token says whose it is, of which session, and until when."""
    assert signer.read(signer.sign(SAID), NOW) == SAID


def test_times_are_whole_seconds(signer: TokenSigner) -> None:
    """Fractions of a second are cut off, so a token never lives longer than was said."""
    fraction = timedelta(milliseconds=999)
    late = AccessClaims(
        user_id=SAID.user_id,
        session_id=SAID.session_id,
        issued_at=SAID.issued_at + fraction,
        expires_at=SAID.expires_at + fraction,
    )
    assert signer.read(signer.sign(late), NOW) == SAID


def test_no_token_is_made_twice(signer: TokenSigner) -> None:
    """Two tokens with the same claims can be told apart."""
    assert signer.sign(SAID) != signer.sign(SAID)


@pytest.mark.parametrize("now", [NOW, NOW - timedelta(seconds=5), NOW + timedelta(minutes=59, seconds=59.999)])
def test_a_token_is_valid_until_its_end(signer: TokenSigner, now: datetime) -> None:
    """From its issue, and five seconds before it for a clock that is behind, a token is read until it expires."""
    assert signer.read(signer.sign(SAID), now) == SAID


@pytest.mark.parametrize(
    "now", [NOW - timedelta(seconds=5.001), NOW + timedelta(hours=1), datetime.max.replace(tzinfo=UTC)]
)
def test_outside_its_time_a_token_is_refused(signer: TokenSigner, now: datetime) -> None:
    """At the very second of its expiry a token is refused, and so it is before its time."""
    with pytest.raises(InvalidAccessToken):
        signer.read(signer.sign(SAID), now)


@pytest.mark.parametrize("year", [1971, 2900])
def test_the_clock_is_the_one_handed_in(signer: TokenSigner, year: int) -> None:
    """The clock on the wall has no say."""
    then = NOW.replace(year=year)
    said = AccessClaims(
        user_id=SAID.user_id, session_id=SAID.session_id, issued_at=then, expires_at=then + timedelta(1)
    )
    assert signer.read(signer.sign(said), then) == said
    with pytest.raises(InvalidAccessToken):
        signer.read(signer.sign(said), then + timedelta(days=1))


@pytest.mark.parametrize("token", [GENUINE, written(json.dumps(CLAIMS).encode() + b" " * 2_500)])
def test_a_token_made_by_hand_is_read(token: str) -> None:
    """The forgeries below are refused for what is wrong with each: with nothing wrong, such a token is read."""
    assert jose().read(token, NOW) == SAID


@pytest.mark.parametrize("token", [pytest.param(token, id=name) for name, token in FORGERIES.items()])
def test_a_forgery_is_refused(token: str) -> None:
    """Whatever is wrong with a token, it is one error and never another."""
    with pytest.raises(InvalidAccessToken):
        jose().read(token, NOW)


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_signature_has_one_spelling(algorithm: str) -> None:
    """No other last character is taken, not even where it stands for the same bytes."""
    signer = jose(algorithm)
    token = signer.sign(SAID)
    for last in set(ALPHABET) - {token[-1]}:
        with pytest.raises(InvalidAccessToken):
            signer.read(token[:-1] + last, NOW)


def test_one_algorithm_is_one_kind_of_token() -> None:
    """Under the same secret, a token of another algorithm is refused."""
    for other in ("HS384", "HS512"):
        with pytest.raises(InvalidAccessToken):
            jose().read(jose(other).sign(SAID), NOW)
        with pytest.raises(InvalidAccessToken):
            jose(other).read(GENUINE, NOW)


@given(st.integers(min_value=0, max_value=len(GENUINE) - 1), st.characters())
def test_any_changed_character_is_noticed(place: int, character: str) -> None:
    """A genuine token with one character exchanged is refused."""
    assume(character != GENUINE[place])
    with pytest.raises(InvalidAccessToken):
        jose().read(GENUINE[:place] + character + GENUINE[place + 1 :], NOW)


@given(st.integers(min_value=0, max_value=len(GENUINE)), st.text(min_size=1))
def test_anything_put_in_is_noticed(place: int, text: str) -> None:
    """A genuine token with anything added is refused."""
    with pytest.raises(InvalidAccessToken):
        jose().read(GENUINE[:place] + text + GENUINE[place:], NOW)


@given(st.text() | st.from_regex(r"[\w-]{1,40}\.[\w-]{1,40}\.[\w-]{1,40}"))
def test_any_other_text_is_refused(text: str) -> None:
    """No text raises anything but the one error."""
    with pytest.raises(InvalidAccessToken):
        jose().read(text, NOW)


@given(st.binary(max_size=300))
def test_any_other_content_is_refused(content: bytes) -> None:
    """Bytes under our own signature that are not our claims raise nothing but the one error."""
    with pytest.raises(InvalidAccessToken):
        jose().read(written(content), NOW)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(sorted(CLAIMS)), JSON)
def test_a_claim_of_another_type_is_refused(name: str, value: Any) -> None:
    """Each claim is of its own type; one that merely compares equal is refused."""
    assume(type(value) is not type(CLAIMS[name]))
    with pytest.raises(InvalidAccessToken):
        jose().read(written(CLAIMS | {name: value}), NOW)


@given(st.integers() | st.integers(min_value=-10, max_value=4_000).map(lambda offset: ISSUED + offset))
def test_any_number_is_a_time_or_refused(expires_at: int) -> None:
    """However large an expiry is, it is understood as a time or refused."""
    try:
        said = jose().read(written(CLAIMS | {"exp": expires_at}), NOW)
    except InvalidAccessToken:
        assert expires_at <= ISSUED or expires_at > datetime.max.replace(tzinfo=UTC).timestamp()
    else:
        assert said.expires_at.timestamp() == expires_at > ISSUED


@pytest.mark.parametrize("secret", [b"", b"x" * 31])
def test_a_short_secret_is_refused(secret: bytes) -> None:
    """A secret that could be guessed is refused when the service starts."""
    with pytest.raises(ValueError, match="at least 32 bytes"):
        jose(secret=secret)


@pytest.mark.parametrize("algorithm", ["none", "hs256", "RS256", "ES256", "HS1", ""])
def test_other_algorithms_are_refused(algorithm: str) -> None:
    """Only HMAC with SHA-2 will do."""
    with pytest.raises(ValueError, match="HS256, HS384, HS512"):
        jose(algorithm)


@pytest.mark.parametrize("secret", [b'{"keys": [], "padding": "xxxxxxxx"}', b'["another", "secret", "altogether"]'])
def test_a_secret_is_bytes_and_nothing_else(secret: bytes) -> None:
    """A secret that happens to be JSON is not taken for a set of keys."""
    assert jose(secret=secret).read(written(secret=secret), NOW) == SAID
    signed, _, signature = jose(secret=secret).sign(SAID).rpartition(".")
    assert signature == segment(hmac.digest(secret, signed.encode(), sha256))
