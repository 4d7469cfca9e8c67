"""Secrets and signatures of webhooks."""

from base64 import b64decode
from dataclasses import replace
from datetime import timedelta

from builders import NOW, new_event, new_user, new_webhook
from imagegen.domain.deliveries import WebhookDelivery
from imagegen.domain.signatures import WebhookSecret, WebhookSigner

SIGNER = WebhookSigner(key=b"k" * 32)
USER = new_user()
ENDPOINT = new_webhook(USER)
ROTATED = ENDPOINT.change(
    url=ENDPOINT.url, description=None, events=ENDPOINT.events, enabled=True, rotate=True, now=NOW
)
DELIVERY = WebhookDelivery.of(new_event(USER), ENDPOINT.id)


def test_a_signature_is_the_one_of_the_specification() -> None:
    """The example of the reference libraries comes out."""
    secret = WebhookSecret(b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
    signature = secret.signature("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_secret_is_shown_as_receivers_keep_it() -> None:
    """`whsec_` and the base64 of 24 to 64 bytes."""
    text = SIGNER.secret(ENDPOINT).text
    assert text.startswith("whsec_")
    assert 24 <= len(b64decode(text.removeprefix("whsec_"), validate=True)) <= 64


def test_a_secret_prints_as_asterisks() -> None:
    """In a log or a traceback nothing of it is seen, nor of the key that all of them are made of."""
    secret = SIGNER.secret(ENDPOINT)
    assert str(secret) == f"{secret}" == "***"
    assert secret.text not in repr([secret])
    assert "k" * 32 not in repr(SIGNER)


def test_every_endpoint_has_a_secret_of_its_own() -> None:
    """Another endpoint, a rotation and another key each make another one; the same make the same."""
    secrets = [
        SIGNER.secret(ENDPOINT),
        SIGNER.secret(new_webhook(USER)),
        SIGNER.secret(ROTATED),
        WebhookSigner(key=b"l" * 32).secret(ENDPOINT),
    ]
    assert len({secret.raw for secret in secrets}) == 4
    assert WebhookSigner(key=b"k" * 32).secret(replace(ENDPOINT, url="https://example.com")) == secrets[0]


def test_a_message_is_signed_with_its_identifier_and_moment() -> None:
    """The headers say which event it is and when it was sent; the signature covers both and the body."""
    message = SIGNER.sign(ENDPOINT, DELIVERY, NOW)
    assert (message.url, message.body) == (ENDPOINT.url, DELIVERY.payload.encode())
    assert dict(message.headers) == {
        "content-type": "application/json",
        "webhook-id": f"evt_{DELIVERY.id}",
        "webhook-timestamp": "1773500966",
        "webhook-signature": SIGNER.secret(ENDPOINT).signature(f"evt_{DELIVERY.id}", 1773500966, message.body),
    }


def test_a_later_try_has_the_same_identifier_and_another_signature() -> None:
    """A receiver knows the event again, and what it recorded cannot be played to it later."""
    first, second = (SIGNER.sign(ENDPOINT, DELIVERY, now).headers for now in (NOW, NOW + timedelta(minutes=5)))
    assert first["webhook-id"] == second["webhook-id"]
    assert first["webhook-signature"] != second["webhook-signature"]


def test_both_secrets_sign_after_a_rotation() -> None:
    """A receiver that still has the old one finds its signature second; a day later it is gone."""
    old, new = (SIGNER.secret(endpoint) for endpoint in (ENDPOINT, ROTATED))
    message = SIGNER.sign(ROTATED, DELIVERY, NOW)
    head = message.headers["webhook-id"], int(message.headers["webhook-timestamp"])
    assert message.headers["webhook-signature"].split(" ") == [
        secret.signature(*head, message.body) for secret in (new, old)
    ]
    later = SIGNER.sign(ROTATED, DELIVERY, NOW + timedelta(hours=24))
    assert " " not in later.headers["webhook-signature"]
