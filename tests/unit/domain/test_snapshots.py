"""What there is to tell of a generation, in which order, and what is left of it for those who come back."""

from dataclasses import replace
from typing import Final

import pytest

from builders import NOW, WORKER, failed, new_generation, new_image, new_user, succeeded
from imagegen.domain.generations import Generation, Status
from imagegen.domain.snapshots import Progress, Snapshot

QUEUED: Final = new_generation(new_user())
RUNNING: Final = QUEUED.start(WORKER, NOW)
PICTURES: Final = (new_image(QUEUED, 0), new_image(QUEUED, 1))
SUCCEEDED: Final = succeeded(QUEUED, PICTURES)
FAILED: Final = failed(QUEUED)
CANCELED: Final = QUEUED.cancel(NOW)

EVERY: Final = {
    "queued": Snapshot(QUEUED, 3),
    "next": Snapshot(QUEUED, 0),
    "somewhere in the queue": Snapshot(QUEUED),
    "running": Snapshot(RUNNING),
    "succeeded": Snapshot(SUCCEEDED),
    "failed": Snapshot(FAILED),
    "canceled": Snapshot(CANCELED),
    "canceled while running": Snapshot(RUNNING.cancel(NOW)),
}
EACH: Final = pytest.mark.parametrize("snapshot", EVERY.values(), ids=EVERY)


def told(snapshot: Snapshot, last: str | None = None) -> list[tuple[str, object]]:
    """The identifiers of the events, and what they are about."""
    return [(event.id, event.about) for event in snapshot.after(last)]


def identifiers(snapshot: Snapshot, last: str | None = None) -> list[str]:
    """The identifiers alone."""
    return [event.id for event in snapshot.after(last)]


def test_whoever_waits_is_told_how_many_go_first() -> None:
    """A queued generation tells its state and its place in the queue, if that is known."""
    assert told(Snapshot(QUEUED, 3)) == [("1.0", Status.QUEUED), ("1.4", Progress(0.0, 3))]
    assert told(Snapshot(QUEUED)) == [("1.0", Status.QUEUED)]


def test_a_running_one_waits_for_nobody() -> None:
    """It tells that it was queued and that it runs; it has no place in the queue any more, and nothing is done yet."""
    assert told(Snapshot(RUNNING)) == [
        ("1.0", Status.QUEUED),
        ("2.0", Status.RUNNING),
        ("2.1", Progress(0.0, None)),
    ]


def test_the_pictures_come_before_the_end() -> None:
    """One event for each picture in its place, then the state, and last of all the whole generation."""
    assert told(Snapshot(SUCCEEDED)) == [
        ("1.0", Status.QUEUED),
        ("2.0", Status.RUNNING),
        ("3.1", PICTURES[0]),
        ("3.2", PICTURES[1]),
        ("4.0", Status.SUCCEEDED),
        ("5.0", SUCCEEDED),
    ]


@pytest.mark.parametrize(
    ("generation", "course"),
    [
        (FAILED, ["1.0", "2.0", "4.0", "5.0"]),
        (RUNNING.cancel(NOW), ["1.0", "2.0", "4.0", "5.0"]),
        (CANCELED, ["1.0", "4.0", "5.0"]),
    ],
)
def test_an_end_without_pictures_is_an_end(generation: Generation, course: list[str]) -> None:
    """Failed and canceled ones tell whether they ran, how they ended, and all about it."""
    assert identifiers(Snapshot(generation)) == course
    assert [event.about for event in Snapshot(generation).after("2.1")] == [generation.status, generation]


@EACH
def test_whoever_comes_back_is_told_the_rest(snapshot: Snapshot) -> None:
    """After each event come exactly those that follow it; after the last one, none."""
    events = snapshot.after(None)
    for heard, event in enumerate(events, start=1):
        assert snapshot.after(event.id) == events[heard:]


@EACH
@pytest.mark.parametrize(
    "last", ["", "0.1", "1", "1.", "1.x", "1.-1", "6.0", "\u0661.\u0660", " 1.0", "1.0\n", "5.0.0", "9" * 999]
)
def test_what_is_no_identifier_counts_for_nothing(snapshot: Snapshot, last: str) -> None:
    """Whoever names an event that nobody could have told hears everything from the beginning."""
    assert snapshot.after(last) == snapshot.after(None)


def test_what_has_not_happened_yet_cannot_have_been_heard() -> None:
    """An event of a later state than the generation's is none of its own, so everything is told."""
    assert identifiers(Snapshot(QUEUED, 3), "2.0") == ["1.0", "1.4"]
    assert identifiers(Snapshot(RUNNING), "5.0") == ["1.0", "2.0", "2.1"]


def test_another_place_in_the_queue_is_news() -> None:
    """Whether the queue got shorter or somebody pushed in, the new place is told, and told once."""
    assert told(Snapshot(QUEUED, 1), "1.4") == [("1.2", Progress(0.0, 1))]
    assert told(Snapshot(QUEUED, 7), "1.4") == [("1.8", Progress(0.0, 7))]
    assert told(Snapshot(QUEUED, 3), "1.4") == []


def test_a_picture_that_was_removed_brings_no_other_back() -> None:
    """Each picture keeps its own identifier, whichever of them are still there."""
    assert identifiers(Snapshot(replace(SUCCEEDED, images=PICTURES[1:])), "3.1") == ["3.2", "4.0", "5.0"]
    assert identifiers(Snapshot(replace(SUCCEEDED, images=PICTURES[:1])), "3.2") == ["4.0", "5.0"]
