"""Deliveries: tries, replies, the schedule, and sending anew."""

from dataclasses import replace
from datetime import timedelta

import pytest

from builders import NOW, new_event, new_user, new_webhook
from imagegen.domain.deliveries import (
    CLAIM,
    JITTER,
    SCHEDULE,
    DeliveryError,
    DeliveryStatus,
    WebhookDelivery,
    WebhookReply,
)
from imagegen.domain.errors import IllegalTransition

USER = new_user()
EVENT = new_event(USER)
ENDPOINT = new_webhook(USER)
DELIVERY = WebhookDelivery.of(EVENT, ENDPOINT.id)
CLAIMED = DELIVERY.claim(NOW)
LATER = NOW + timedelta(seconds=2)

TAKEN = WebhookReply(status=204)
BROKEN = WebhookReply(status=500)
GONE = WebhookReply(status=410)
SILENT = WebhookReply(error=DeliveryError.TIMEOUT)


def test_a_delivery_is_due_at_once() -> None:
    """It has the event's identifier and text, and nothing has been tried."""
    assert (
        WebhookDelivery(
            id=EVENT.id,
            webhook_id=ENDPOINT.id,
            type=EVENT.type,
            payload=EVENT.payload,
            created_at=NOW,
            next_try_at=NOW,
        )
        == DELIVERY
    )
    assert (DELIVERY.tries, DELIVERY.status) == (0, DeliveryStatus.PENDING)


def test_the_schedule_is_that_of_the_specification() -> None:
    """Ten tries, the last of them 75 hours, 35 minutes and 5 seconds after the first."""
    assert len(SCHEDULE) == 10
    assert sum(SCHEDULE, timedelta()) == timedelta(hours=75, minutes=35, seconds=5)


def test_a_claim_keeps_others_away_for_a_minute() -> None:
    """It counts as a try, whatever comes of it."""
    assert (CLAIMED.tries, CLAIMED.tried_at, CLAIMED.next_try_at) == (1, NOW, NOW + CLAIM)
    assert (CLAIMED.status, CLAIMED.version) == (DeliveryStatus.PENDING, 2)


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_any_2xx_is_taken(status: int) -> None:
    """The message has arrived, and nothing more is tried."""
    done = CLAIMED.settle(WebhookReply(status=status), now=LATER, jitter=0.0)
    assert (done.status, done.delivered_at, done.next_try_at) == (DeliveryStatus.DELIVERED, LATER, None)
    assert (done.last_status, done.last_error, done.version) == (status, None, 3)
    with pytest.raises(IllegalTransition):
        done.claim(LATER)


@pytest.mark.parametrize("reply", [BROKEN, SILENT, *(WebhookReply(status=s) for s in (199, 300, 301, 404, 600))])
def test_anything_else_is_tried_again(reply: WebhookReply) -> None:
    """Redirects are not followed, and refusals may be passing; what came of the try is remembered."""
    waiting = CLAIMED.settle(reply, now=LATER, jitter=0.0)
    assert (waiting.status, waiting.next_try_at) == (DeliveryStatus.PENDING, LATER + timedelta(seconds=5))
    assert (waiting.last_status, waiting.last_error) == (reply.status, reply.error)


def test_what_is_never_taken_is_given_up_after_the_last_try() -> None:
    """Each pause is that of the schedule, counted from the end of the try before."""
    delivery, now, pauses = DELIVERY, NOW, []
    while delivery.next_try_at is not None:
        now = delivery.next_try_at
        delivery = delivery.claim(now).settle(BROKEN, now=now, jitter=0.0)
        pauses.append((delivery.next_try_at or now) - now)
    assert pauses == [*SCHEDULE[1:], timedelta(0)]
    assert (delivery.status, delivery.tries, delivery.given_up_at) == (DeliveryStatus.FAILED, 10, now)


def test_a_last_try_that_a_crash_cut_short_is_made_again() -> None:
    """Its claim runs out like any other, and it is given up only when it has an end."""
    last = replace(DELIVERY, tries=10).claim(NOW)
    assert last.settle(TAKEN, now=LATER, jitter=0.0).status is DeliveryStatus.DELIVERED
    assert last.settle(BROKEN, now=LATER, jitter=0.0).status is DeliveryStatus.FAILED


def test_jitter_makes_a_pause_longer_by_a_fifth_at_the_most() -> None:
    """Never shorter: the receiver was promised its rest."""
    waits = [CLAIMED.settle(BROKEN, now=NOW, jitter=jitter).next_try_at for jitter in (0.0, 0.5, 1.0)]
    assert waits == [NOW + SCHEDULE[1] * factor for factor in (1, 1 + JITTER / 2, 1 + JITTER)]


def test_a_receiver_may_ask_for_a_longer_pause() -> None:
    """For up to a day; one that is shorter than the schedule's changes nothing."""
    for asked, pause in ((90.0, 90), (1.0, 5), (10**9, 24 * 3600), (None, 5)):
        reply = WebhookReply(status=429, retry_after=asked)
        assert CLAIMED.settle(reply, now=NOW, jitter=0.0).next_try_at == NOW + timedelta(seconds=pause)


def test_gone_is_gone() -> None:
    """Who answers 410 is not asked again."""
    given_up = CLAIMED.settle(GONE, now=LATER, jitter=0.0)
    assert (given_up.status, given_up.given_up_at) == (DeliveryStatus.FAILED, LATER)
    assert [reply.gone for reply in (GONE, BROKEN, TAKEN, SILENT)] == [True, False, False, False]


@pytest.mark.parametrize("reply", [TAKEN, GONE, BROKEN])
def test_sending_anew_begins_at_the_beginning(reply: WebhookReply) -> None:
    """Whatever became of it, it is due now with all of its tries; what came of the last one stays to be seen."""
    ended = CLAIMED.settle(reply, now=LATER, jitter=0.0)
    anew = ended.redeliver(LATER)
    assert (anew.status, anew.tries, anew.next_try_at) == (DeliveryStatus.PENDING, 0, LATER)
    assert (anew.delivered_at, anew.given_up_at, anew.version) == (None, None, 4)
    assert (anew.id, anew.payload, anew.last_status) == (ended.id, ended.payload, ended.last_status)
