"""What there is to tell of a generation to whoever watches it: events in an order that is the same for everybody.

    1.0     status      queued
    1.4     progress    queued, three others go first
    2.0     status      running
    2.1     progress    running, no hundredth of it is done
    3.1 …   image       one for each picture
    4.0     status      succeeded, failed or canceled
    5.0     done        the whole of it

The identifier on the left is the event's place in a life that only goes forward, and follows from the row. Nothing is
kept for those who come back: whichever process they ask tells what comes after the place that they name. Progress alone
is no history but the latest word, which is told to whoever has not heard it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from imagegen.domain.generations import Generation, Status
from imagegen.domain.images import Image

_QUEUED, _RUNNING, _DRAWN, _ENDED, _DONE = range(1, 6)
_PLACE: Final = re.compile(r"([1-5])\.([0-9]{1,9})")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a generation has come: the part that is done, from 0.0 to 1.0, and how many go before it in the queue."""

    done: float
    queue_position: int | None


@dataclass(frozen=True, slots=True)
class Event:
    """Something to tell: a state, the progress, a picture, or the generation that has ended."""

    chapter: int
    number: int
    about: Status | Progress | Image | Generation

    @property
    def id(self) -> str:
        """Its place, as text."""
        return f"{self.chapter}.{self.number}"

    def follows(self, chapter: int, number: int) -> bool:
        """Whether it is news to somebody who has heard everything up to that place."""
        if isinstance(self.about, Progress) and self.chapter == chapter:
            return self.number != number
        return (self.chapter, self.number) > (chapter, number)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A generation as it stands, and how many queued ones go before it if it is queued and that was looked up."""

    generation: Generation
    queue_position: int | None = None

    def after(self, last: str | None) -> Sequence[Event]:
        """What follows the event with that identifier; everything if there is none, or it cannot have been told."""
        events = [*self._course(), *self._outcome()]
        place = _PLACE.fullmatch(last or "")
        if place is None or int(place[1]) > events[-1].chapter:
            return events
        return [event for event in events if event.follows(int(place[1]), int(place[2]))]

    def _course(self) -> Sequence[Event]:
        """How it came where it is."""
        generation, ahead = self.generation, self.queue_position
        events = [Event(_QUEUED, 0, Status.QUEUED)]
        if generation.status is Status.QUEUED and ahead is not None:
            events.append(Event(_QUEUED, 1 + ahead, Progress(generation.progress, ahead)))
        if generation.started_at is not None:
            events.append(Event(_RUNNING, 0, Status.RUNNING))
        if generation.status is Status.RUNNING:
            percent = int(generation.progress * 100)
            events.append(Event(_RUNNING, 1 + percent, Progress(generation.progress, None)))
        return events

    def _outcome(self) -> Sequence[Event]:
        """What became of it."""
        generation = self.generation
        events = [Event(_DRAWN, 1 + image.position, image) for image in generation.images]
        if generation.status.final:
            events += [Event(_ENDED, 0, generation.status), Event(_DONE, 0, generation)]
        return events
