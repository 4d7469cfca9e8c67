"""Watching: however often somebody goes away and comes back, they are told everything once, in order."""

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from builders import NOW, WORKER, new_generation, new_image, new_user
from imagegen.domain.errors import ProviderBusy
from imagegen.domain.generations import Failure, Generation
from imagegen.domain.snapshots import Event, Progress, Snapshot

PLACES = st.lists(st.integers(min_value=0, max_value=5), max_size=5)
TIMES = st.integers(min_value=1, max_value=3)


@st.composite
def lives(draw: st.DrawFn) -> Sequence[Snapshot]:
    """A generation as it stands at each look of somebody, from some moment on to its end."""
    queued = new_generation(new_user())
    running = queued.start(WORKER, NOW)
    looks = [Snapshot(queued, place) for place in draw(PLACES)]
    if draw(st.booleans()):
        looks += [Snapshot(running)] * draw(TIMES)
        end = draw(st.sampled_from([_succeeded, _failed, _canceled]))(running)
    else:
        end = draw(st.sampled_from([_failed, _canceled]))(queued)
    looks += [Snapshot(end)] * draw(TIMES)
    return looks[draw(st.integers(min_value=0, max_value=len(looks) - 1)) :]


def _succeeded(running: Generation) -> Generation:
    pictures = [new_image(running, position) for position in range(3)]
    return running.succeed(pictures, cost_micros=0, now=NOW)


def _failed(generation: Generation) -> Generation:
    return generation.fail(Failure.of(ProviderBusy()), cost_micros=0, now=NOW)


def _canceled(generation: Generation) -> Generation:
    return generation.cancel(NOW)


def lasting(events: Sequence[Event]) -> list[Event]:
    """The events without those that are only the latest word."""
    return [event for event in events if not isinstance(event.about, Progress)]


@given(lives(), st.data())
def test_nothing_is_lost_and_nothing_is_told_twice(looks: Sequence[Snapshot], data: st.DataObject) -> None:
    """Whoever remembers no more than the last event, and may be cut off behind any, hears all that is lasting once.

    Of the progress they never hear the same twice in a row.
    """
    heard: list[Event] = []
    for look in looks:
        events = look.after(heard[-1].id if heard else None)
        # Cut off in the middle, they come back with the next look; the last look is heard to its end.
        heard += events if look is looks[-1] else events[: data.draw(st.integers(0, len(events)), label="heard")]
    heard += looks[-1].after(heard[-1].id if heard else None)
    assert lasting(heard) == lasting(looks[-1].after(None))
    assert all(one.id != next_.id for one, next_ in pairwise(heard))
    assert looks[-1].after(heard[-1].id) == []


@given(lives(), st.text(alphabet="0123456789.-x ", max_size=8))
def test_whatever_somebody_claims_to_have_heard_the_end_is_told(looks: Sequence[Snapshot], last: str) -> None:
    """The events keep their order, and unless they heard of the end already, they come to it."""
    end = looks[-1]
    everything, events = end.after(None), end.after(last)
    assert events == everything[len(everything) - len(events) :]
    assert events or last.startswith("5.")
