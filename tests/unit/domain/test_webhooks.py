"""Webhooks, and the events that they are told of."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from builders import NOW, PROMPT, failed, new_batch, new_generation, new_id, new_user, new_webhook, succeeded
from imagegen.domain.batches import BatchCounts
from imagegen.domain.errors import Billed, InvalidRequest
from imagegen.domain.identifiers import BATCH, GENERATION, EventId, external
from imagegen.domain.images import Labels
from imagegen.domain.webhooks import SECRET_OVERLAP, DisabledBy, EventType, RetiredSecret, WebhookEndpoint, WebhookEvent

USER = new_user()
LATER = NOW + timedelta(hours=1)
EVERYTHING = frozenset(EventType)


def changed(endpoint: WebhookEndpoint, *, now: datetime = NOW, **changes: object) -> WebhookEndpoint:
    """The endpoint after a change of these and of nothing else."""
    same = {name: getattr(endpoint, name) for name in ("url", "description", "events", "enabled")}
    return endpoint.change(**{**same, "rotate": False, **changes}, now=now)


def test_an_event_tells_which_generation_ended_and_how() -> None:
    """The payload has the type, the moment in UTC, and the identifier, state and cost of the generation."""
    generation = new_generation(USER, labels=Labels(external_id="order-7"))
    event = WebhookEvent.of_generation(succeeded(generation, cost_micros=39_000), EventId(new_id()))
    assert json.loads(event.payload) == {
        "type": "generation.succeeded",
        "timestamp": "2026-03-14T15:09:26.535897Z",
        "data": {
            "id": external(GENERATION, generation.id),
            "status": "succeeded",
            "external_id": "order-7",
            "cost_usd": "0.039",
            "error": None,
        },
    }
    assert (event.type, event.user_id, event.occurred_at) == (EventType.GENERATION_SUCCEEDED, USER.id, NOW)


def test_an_event_tells_why_there_is_no_picture_and_what_that_cost() -> None:
    """A failure has its code and whether it was billed; a cost that nobody knows is null."""
    event = WebhookEvent.of_generation(failed(new_generation(USER), billed=Billed.UNKNOWN), EventId(new_id()))
    assert json.loads(event.payload)["data"] | {"id": None} == {
        "id": None,
        "status": "failed",
        "external_id": None,
        "cost_usd": None,
        "error": {"code": "no_image", "billed": "unknown"},
    }
    canceled = WebhookEvent.of_generation(new_generation(USER).cancel(NOW), EventId(new_id()))
    assert canceled.type is EventType.GENERATION_CANCELED
    assert json.loads(canceled.payload)["data"]["error"] == {"code": "canceled", "billed": "no"}


def test_an_event_tells_how_a_batch_ended() -> None:
    """The payload has its identifier, its state, and how many of its generations ended in which way."""
    batch = replace(new_batch(USER, 3), counts=BatchCounts(succeeded=2, canceled=1)).cancel(NOW).finish(LATER)
    event = WebhookEvent.of_batch(batch, EventId(batch.id))
    counts = {"queued": 0, "running": 0, "succeeded": 2, "failed": 0, "canceled": 1}
    assert json.loads(event.payload) == {
        "type": "batch.finished",
        "timestamp": "2026-03-14T16:09:26.535897Z",
        "data": {"id": external(BATCH, batch.id), "status": "canceled", "total": 3, "counts": counts},
    }
    assert (event.type, event.user_id, event.occurred_at) == (EventType.BATCH_FINISHED, USER.id, LATER)
    with pytest.raises(ValueError, match="only the end"):
        WebhookEvent.of_batch(new_batch(USER), EventId(batch.id))


def test_an_event_tells_nothing_of_the_prompt() -> None:
    """What was asked for leaves the service only by the API."""
    for generation in (succeeded(new_generation(USER)), failed(new_generation(USER))):
        assert PROMPT not in WebhookEvent.of_generation(generation, EventId(new_id())).payload


def test_a_generation_that_has_not_ended_is_no_event() -> None:
    """There is nothing to tell yet."""
    with pytest.raises(ValueError, match="end"):
        WebhookEvent.of_generation(new_generation(USER), EventId(new_id()))


def test_a_moment_is_told_in_utc() -> None:
    """Wherever the clock hangs, and without a fraction where there is none."""
    east = datetime(2026, 3, 14, 16, 0, tzinfo=timezone(timedelta(hours=1)))
    event = WebhookEvent.of(EventType.BATCH_FINISHED, {}, id=EventId(new_id()), user_id=USER.id, occurred_at=east)
    assert json.loads(event.payload)["timestamp"] == "2026-03-14T15:00:00Z"


def test_a_payload_is_plain_ascii() -> None:
    """The bytes that are signed are the same in every encoding that a receiver may take them for."""
    generation = succeeded(new_generation(USER, labels=Labels(external_id="Käse 🍌")))
    payload = WebhookEvent.of_generation(generation, EventId(new_id())).payload
    assert payload.isascii()
    assert json.loads(payload)["data"]["external_id"] == "Käse 🍌"


def test_a_webhook_wants_what_it_was_made_for() -> None:
    """It is told of its own events, and of none while it is switched off."""
    endpoint = new_webhook(USER, events=frozenset({EventType.GENERATION_FAILED}))
    assert endpoint.wants(EventType.GENERATION_FAILED)
    assert not endpoint.wants(EventType.GENERATION_SUCCEEDED)
    assert not changed(endpoint, enabled=False).wants(EventType.GENERATION_FAILED)


def test_a_webhook_needs_an_event() -> None:
    """One that is told of nothing is refused, when it is made and when it is changed."""
    with pytest.raises(InvalidRequest) as refusal:
        new_webhook(USER, events=frozenset())
    assert [fault.pointer for fault in refusal.value.faults] == ["/events"]
    with pytest.raises(InvalidRequest):
        changed(new_webhook(USER), events=frozenset())


def test_a_change_is_one_step() -> None:
    """Everything at once makes the next version, and what is not changed stays."""
    endpoint = new_webhook(USER)
    events = frozenset({EventType.BATCH_FINISHED})
    other = changed(endpoint, url="https://example.com/", description="CI", events=events, rotate=True, enabled=False)
    assert other == replace(
        endpoint,
        url="https://example.com/",
        description="CI",
        events=events,
        secret_number=2,
        retired=(RetiredSecret(1, NOW + SECRET_OVERLAP),),
        disabled_at=NOW,
        disabled_by=DisabledBy.OWNER,
        version=2,
    )
    assert changed(endpoint) == replace(endpoint, version=2)


def test_switching_off_is_remembered_until_it_is_switched_on() -> None:
    """When and by whom is kept; switching off what is off changes neither."""
    off = changed(new_webhook(USER), enabled=False)
    assert changed(off, enabled=False, now=LATER).disabled_at == NOW
    assert changed(off, enabled=True) == replace(off, disabled_at=None, disabled_by=None, version=3)
    gone = new_webhook(USER).gone(LATER)
    assert (gone.enabled, gone.disabled_at, gone.disabled_by, gone.version) == (False, LATER, DisabledBy.RECEIVER, 2)


def test_an_old_secret_signs_for_another_day() -> None:
    """After a rotation both sign, the new one first, until exactly 24 hours are over."""
    endpoint = changed(new_webhook(USER), rotate=True)
    assert endpoint.signing(NOW) == [2, 1]
    assert endpoint.signing(NOW + timedelta(hours=24, microseconds=-1)) == [2, 1]
    assert endpoint.signing(NOW + timedelta(hours=24)) == [2]


def test_rotating_again_takes_no_secret_its_day() -> None:
    """Who rotates twice since the first answer was lost breaks no receiver."""
    endpoint = changed(changed(new_webhook(USER), rotate=True), rotate=True, now=LATER)
    assert endpoint.signing(LATER) == [3, 2, 1]
    assert endpoint.signing(NOW + timedelta(hours=24)) == [3, 2]
    assert endpoint.signing(LATER + timedelta(hours=24)) == [3]


def test_secrets_do_not_pile_up() -> None:
    """However often somebody rotates, five sign at the most, and those whose day is over are forgotten."""
    endpoint = new_webhook(USER)
    for _ in range(20):
        endpoint = changed(endpoint, rotate=True)
    assert endpoint.signing(NOW) == [21, 20, 19, 18, 17]
    much_later = NOW + timedelta(days=2)
    assert changed(endpoint, rotate=True, now=much_later).retired == (RetiredSecret(21, much_later + SECRET_OVERLAP),)


def test_an_address_does_not_print() -> None:
    """It may hold what only its receiver should know."""
    assert "hooks.example.com" not in repr(new_webhook(USER, now=datetime.now(UTC)))
