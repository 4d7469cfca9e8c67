"""Access tokens: python-jose signs them, and one strict verifier says which are genuine.

Libraries read tokens leniently: claims may be missing or of any type, a signature may be spelt in several ways, and
some headers raise what nobody expects. So a token is taken in the one form in which it is written here, the header
being compared before anything of it is interpreted, and the library is left nothing but the signature.
"""

import json
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Final

from imagegen.domain.errors import InvalidAccessToken
from imagegen.domain.identifiers import SESSION, USER, SessionId, UserId, external, internal
from imagegen.domain.ports import AccessClaims, TokenSigner

ALGORITHMS: Final = ("HS256", "HS384", "HS512")
SHORTEST_SECRET: Final = 32
LONGEST_TOKEN: Final = 4096
CLOCK_SKEW: Final = timedelta(seconds=5)
"""How far the clock that signed may be ahead of the one that reads; it lengthens no token's life."""

_HEADERS: Final = {"typ": "at+jwt"}  # RFC 9068: no other kind of JWT passes for an access token
_FORM: Final = re.compile(r"([\w-]+)\.([\w-]+)\.([\w-]+)", re.ASCII)
_JTI: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)


class JoseTokenSigner(TokenSigner):
    """JSON Web Tokens under one secret and one algorithm, both fixed for good: a token has no say in either.

    Times are kept in whole seconds, fractions cut off.

    Raises:
        ValueError: the secret is shorter than 32 bytes, or the algorithm is not one of `ALGORITHMS`.
    """

    def __init__(self, secret: bytes, *, issuer: str, audience: str, algorithm: str = "HS256") -> None:
        if algorithm not in ALGORITHMS:
            raise ValueError(f"access tokens are signed with one of {', '.join(ALGORITHMS)}")
        if len(secret) < SHORTEST_SECRET:
            raise ValueError(f"the secret for access tokens needs at least {SHORTEST_SECRET} bytes")
        self._secret = secret
        self._algorithm = algorithm
        self._issuer = issuer
        self._audience = audience

    def sign(self, claims: AccessClaims) -> str:
        """The token's text."""
        issued_at = int(claims.issued_at.timestamp())
        return self._text(
            {
                "iss": self._issuer,
                "aud": self._audience,
                "sub": external(USER, claims.user_id),
                "sid": external(SESSION, claims.session_id),
                "jti": secrets.token_hex(16),
                "iat": issued_at,
                "nbf": issued_at,
                "exp": int(claims.expires_at.timestamp()),
            }
        )

    def read(self, token: str, now: datetime) -> AccessClaims:
        """What a genuine token that has not expired says; the clock is the one handed in."""
        try:
            return self._claims(self._payload(token), now)
        except (ValueError, OverflowError, RecursionError, OSError):
            # Ours, or those of base64, JSON and the range of dates: all mean the one thing.
            raise InvalidAccessToken from None

    @cached_property
    def _jose(self) -> "_Jose":
        # Made when the first token is met: the library takes a quarter of a second and 8 MiB.
        return _Jose(self._secret, self._algorithm)

    @cached_property
    def _header(self) -> str:
        return self._text({}).partition(".")[0]

    def _text(self, claims: dict[str, Any]) -> str:
        return self._jose.sign(claims)

    def _payload(self, token: str) -> bytes:
        """What was signed under our secret."""
        form = _FORM.fullmatch(token) if len(token) <= LONGEST_TOKEN else None
        if form is None or form[1] != self._header or not (_canonical(form[2]) and _canonical(form[3])):
            raise ValueError("not the form of our tokens")
        return self._jose.verify(token)

    def _claims(self, payload: bytes, now: datetime) -> AccessClaims:
        """The claims, where they are those that `sign` writes, each of its type, and now is within their time."""
        match json.loads(payload.decode(), object_pairs_hook=_once):
            case {
                "iss": self._issuer,
                "aud": self._audience,
                "sub": str(sub),
                "sid": str(sid),
                "jti": str(jti),
                "iat": int(issued_at),
                "nbf": int(not_before),
                "exp": int(expires_at),
                **others,
            } if not others and bool not in map(type, (issued_at, not_before, expires_at)):
                user_id, session_id = internal(USER, sub), internal(SESSION, sid)
            case _:
                raise ValueError("not the claims of our tokens")
        if user_id is None or session_id is None or not _JTI.fullmatch(jti):
            raise ValueError("not our identifiers")
        if not max(issued_at, not_before) <= (now + CLOCK_SKEW).timestamp() or not now.timestamp() < expires_at:
            raise ValueError("not its time")
        return AccessClaims(
            user_id=UserId(user_id),
            session_id=SessionId(session_id),
            issued_at=datetime.fromtimestamp(issued_at, UTC),
            expires_at=datetime.fromtimestamp(expires_at, UTC),
        )


class _Jose:
    """The library, with the one key and the one algorithm that it is given to use."""

    def __init__(self, secret: bytes, algorithm: str) -> None:
        from jose import exceptions, jwk, jws  # noqa: PLC0415 - see who makes it

        self._jws = jws
        self._error = exceptions.JOSEError
        self._algorithm = algorithm
        # A ready key: handed the bytes, the library would try to read them as JSON and as a set of keys.
        self._key = jwk.construct(secret, algorithm)

    def sign(self, claims: dict[str, Any]) -> str:
        text: str = self._jws.sign(claims, self._key, headers=_HEADERS, algorithm=self._algorithm)
        return text

    def verify(self, token: str) -> bytes:
        """The payload; raise `ValueError` when the signature is not ours."""
        try:
            payload: bytes = self._jws.verify(token, self._key, (self._algorithm,))
        except self._error as error:
            raise ValueError("not signed by us") from error
        return payload


def _canonical(segment: str) -> bool:
    """Whether this is the one spelling of its bytes in base64url: spare bits at the end are zero."""
    raw = urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    return urlsafe_b64encode(raw).rstrip(b"=").decode() == segment


def _once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, each name in it once."""
    found = dict(members)
    if len(found) != len(members):
        raise ValueError("a member is repeated")
    return found
