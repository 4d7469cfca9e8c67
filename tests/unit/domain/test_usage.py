"""Records of usage."""

from dataclasses import replace

import pytest

from builders import NOW, WORKER, failed, new_attempt, new_generation, new_image, new_key, new_user, succeeded
from imagegen.domain.attempts import Attempt
from imagegen.domain.errors import Billed
from imagegen.domain.generations import Generation
from imagegen.domain.usage import UsageRecord

USER = new_user()
KEY = new_key(USER)
QUEUED = new_generation(USER, key=KEY)


def drawn(billed: Billed) -> Attempt:
    """A call that brought pictures."""
    return new_attempt(QUEUED).succeed(cost_micros=None, request_id=None, billed=billed, now=NOW)


def test_a_success_is_its_pictures_and_their_cost() -> None:
    """Who, through which key, which model, how many, for how much."""
    done = succeeded(QUEUED, [new_image(QUEUED, position) for position in range(3)], cost_micros=117_000)
    assert UsageRecord.of(done, [drawn(Billed.YES)]) == UsageRecord(
        generation_id=QUEUED.id,
        user_id=USER.id,
        api_key_id=KEY.id,
        provider="sketch",
        model="sketch-1",
        finished_at=NOW,
        images=3,
        failed=False,
        billed=Billed.YES,
        cost_micros=117_000,
    )


@pytest.mark.parametrize(
    ("calls", "told"),
    [
        ([Billed.NO], Billed.NO),
        ([Billed.NO, Billed.YES], Billed.YES),
        ([Billed.NO, Billed.YES, Billed.UNKNOWN], Billed.UNKNOWN),
        ([], Billed.UNKNOWN),
    ],
)
def test_a_success_was_billed_as_its_calls_say(calls: list[Billed], told: Billed) -> None:
    """Pictures that were drawn for nothing are not called billed, and the least certain word counts."""
    assert UsageRecord.of(succeeded(QUEUED), map(drawn, calls)).billed is told


@pytest.mark.parametrize(("billed", "cost"), [(Billed.NO, 0), (Billed.UNKNOWN, None)])
def test_a_failure_counts_with_what_is_known_of_its_cost(billed: Billed, cost: int | None) -> None:
    """An unknown cost stays unknown."""
    record = UsageRecord.of(failed(QUEUED, billed=billed))
    assert (record.failed, record.images, record.billed, record.cost_micros) == (True, 0, billed, cost)


def test_a_cancellation_is_no_failure() -> None:
    """Its owner wanted it so."""
    record = UsageRecord.of(QUEUED.cancel(NOW))
    assert (record.failed, record.billed, record.cost_micros) == (False, Billed.NO, 0)


@pytest.mark.parametrize("unfinished", [QUEUED, QUEUED.start(WORKER, NOW)], ids=["queued", "running"])
def test_what_has_not_ended_is_not_recorded(unfinished: Generation) -> None:
    """There is one record, and it is written with the end."""
    with pytest.raises(ValueError, match="finished"):
        UsageRecord.of(unfinished)


def test_a_record_outlives_the_key() -> None:
    """What was asked for through a session has no key."""
    assert UsageRecord.of(replace(failed(QUEUED), api_key_id=None)).api_key_id is None
