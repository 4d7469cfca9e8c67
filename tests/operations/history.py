"""What is done to generations, calls, images and usage."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final, NamedTuple
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, MultipleResults, initialize, multiple, rule

from builders import WORKER, new_attempt, new_generation, new_image, new_upload, succeeded
from imagegen.domain.attempts import Attempt
from imagegen.domain.errors import Billed, IllegalTransition, NoImage
from imagegen.domain.generations import Adjustment, Failure, Generation, Priority, Status
from imagegen.domain.identifiers import WorkerId
from imagegen.domain.images import Image, Labels
from imagegen.domain.usage import UsageRecord
from imagegen.domain.users import User
from operations.accounts import AccountOperations
from operations.machine import SELDOM, TEXT
from stores import add

TAGS: Final = ["fox", "Fox", "f_x", "f%", "ä", "🦊", '"', "\\"]
MODELS = st.sampled_from(["sketch-1", "sketch-2"])
COSTS = st.none() | st.integers(0, 2**53)
LABELS = st.builds(
    Labels,
    title=st.none() | TEXT,
    tags=st.lists(st.sampled_from(TAGS), unique=True, max_size=3).map(tuple),
    metadata=st.none() | st.dictionaries(TEXT, TEXT, max_size=2),
    external_id=st.none() | TEXT,
    favorite=st.booleans(),
)
WORKERS: Final = [WORKER, *(WorkerId(UUID(int=number)) for number in range(2))]


class Wish(NamedTuple):
    """What a user may ask for, and who begins with it at once."""

    prompt: str
    labels: Labels
    model: str
    priority: Priority
    patience: timedelta | None
    worker_id: WorkerId | None

    def generation(self, user: User, now: datetime) -> Generation:
        """What comes of it."""
        generation = replace(
            new_generation(user, prompt=self.prompt, labels=self.labels, model=self.model, now=now),
            priority=self.priority,
            start_by=None if self.patience is None else now + self.patience,
        )
        return generation if self.worker_id is None else generation.start(self.worker_id, now)


WISHES = st.builds(
    Wish,
    prompt=TEXT.map(lambda text: text.strip() or "fox"),
    labels=LABELS,
    model=MODELS,
    priority=st.sampled_from(Priority),
    patience=st.none() | st.timedeltas(timedelta(0), timedelta(days=1)),
    worker_id=st.none() | st.sampled_from(WORKERS),
)


class HistoryOperations(AccountOperations):
    """Users ask for pictures, workers draw them, and owners file, rate and forget them."""

    generations = Bundle[Generation]("generations")
    attempts = Bundle[Attempt]("attempts")
    images = Bundle[Image]("images")

    @initialize(target=generations, wishes=st.lists(WISHES, min_size=3, max_size=5))
    def begin_history(self, wishes: list[Wish]) -> Generation | MultipleResults[Generation]:
        """They have a history."""
        return self.request(self.first, wishes)

    @rule(target=generations, user=AccountOperations.users, wishes=st.lists(WISHES, min_size=1, max_size=3))
    def request(self, user: User, wishes: list[Wish]) -> MultipleResults[Generation]:
        """Add generations, of which some begin at once."""
        wanted = [wish.generation(user, self.clock()) for wish in wishes]
        self.write(*(partial(add, thing=generation) for generation in wanted))
        return multiple(*wanted)

    @rule(
        generation=generations,
        step=st.sampled_from(["start", "fail", "cancel", "move"]),
        worker_id=st.sampled_from(WORKERS),
    )
    def proceed(self, generation: Generation, step: str, worker_id: WorkerId) -> None:
        """Take a generation a step further if there is one."""
        generation, now = self.now(generation, lambda work: work.generations.find(generation.id)), self.clock()
        failure = Failure.of(NoImage(billed=Billed.UNKNOWN))
        steps: dict[str, Callable[[], Generation]] = {
            "start": lambda: generation.start(worker_id, now),
            "fail": lambda: generation.fail(failure, cost_micros=None, now=now),
            "cancel": lambda: generation.cancel(now),
            "move": lambda: moved(generation).fail(failure, cost_micros=0, now=now),
        }
        with suppress(IllegalTransition):
            changed = replace(steps[step](), labels=Labels(title="Not told by a worker"))
            self.write(lambda work: work.generations.update(changed))

    @rule(generation=generations, labels=LABELS)
    def relabel(self, generation: Generation, labels: Labels) -> None:
        """File a generation otherwise."""
        relabeled = self.now(generation, lambda work: work.generations.find(generation.id)).relabel(labels)
        relabeled = replace(relabeled, status=Status.CANCELED, worker_id=None, model="not told by its owner")
        self.write(lambda work: work.generations.relabel(relabeled))

    @rule(
        generation=generations,
        worker_id=st.none() | st.sampled_from(WORKERS),
        step=st.sampled_from(["hold", "take over"]),
        nowhere=SELDOM,
    )
    def claim(self, generation: Generation, worker_id: WorkerId | None, step: str, nowhere: bool) -> None:
        """Call or settle what must still run where it did, or at another worker, which is alive or dead."""
        generation, now = self.now(generation, lambda work: work.generations.find(generation.id)), self.clock()
        claimed = replace(generation, worker_id=None if nowhere else worker_id or generation.worker_id)
        attempt = new_attempt(generation, now=now)
        if step == "hold":
            self.write(lambda work: work.generations.hold(claimed), lambda work: work.attempts.add(attempt))
        elif claimed.status is Status.RUNNING:
            ended = generation.cancel(now)
            self.write(lambda work: work.generations.take_over(claimed), lambda work: work.generations.update(ended))
        else:
            self.write(lambda work: work.generations.take_over(claimed))

    @rule(generation=generations, order=st.permutations(range(3)), cost=COSTS)
    def draw(self, generation: Generation, order: list[int], cost: int | None) -> None:
        """Start a generation, and end it with images in any order and its usage record."""
        generation, now = self.now(generation, lambda work: work.generations.find(generation.id)), self.clock()
        if generation.status is not Status.QUEUED:
            return
        images = [new_image(generation, position, now=now) for position in order]
        in_order = sorted(images, key=lambda image: image.position)
        done = succeeded(generation, in_order, cost_micros=cost, now=now)
        self.write(
            lambda work: work.generations.update(generation.start(WORKER, now)),
            lambda work: work.generations.update(done),
            *(partial(add, thing=image) for image in images),
            lambda work: work.usage.add(UsageRecord.of(done)),
        )

    @rule(generation=generations)
    def count(self, generation: Generation) -> None:
        """Add the usage record of a generation that has ended, perhaps a second time."""
        generation = self.now(generation, lambda work: work.generations.find(generation.id))
        if generation.status.final:
            self.write(lambda work: work.usage.add(UsageRecord.of(generation)))

    @rule(generation=generations, everything=SELDOM)
    def forget(self, generation: Generation, everything: bool) -> None:
        """Remove a generation or, now and then, all that have ended."""
        if everything:
            self.write(lambda work: work.generations.clear(generation.user_id))
        else:
            self.write(lambda work: work.generations.remove(generation.id, generation.user_id))

    @rule(target=attempts, generation=generations, number=st.integers(1, 99))
    def call(self, generation: Generation, number: int) -> Attempt:
        """Add a call."""
        attempt = new_attempt(generation, number, now=self.clock())
        self.write(lambda work: work.attempts.add(attempt))
        return attempt

    @rule(attempt=attempts, cost=COSTS)
    def answer(self, attempt: Attempt, cost: int | None) -> None:
        """End a call."""
        ended = attempt.succeed(cost_micros=cost, request_id=None, billed=Billed.YES, now=self.clock())
        self.write(lambda work: work.attempts.update(ended))

    @rule(generation=generations, billed=st.sampled_from(Billed))
    def end_calls(self, generation: Generation, billed: Billed) -> None:
        """End the calls of a generation that have no end."""
        now = self.clock()
        self.write(lambda work: work.attempts.end_open(generation.id, NoImage(billed=billed), now))

    @rule(target=images, user=AccountOperations.users)
    def upload(self, user: User) -> Image:
        """Add an image that belongs to no generation."""
        image = new_upload(user, now=self.clock())
        self.write(lambda work: work.images.add(image))
        return image

    @rule(target=images, generation=generations)
    def pick(self, generation: Generation) -> MultipleResults[Image]:
        """Take the images of a generation at hand."""
        return multiple(*self.now(generation, lambda work: work.generations.find(generation.id)).images)

    @rule(image=images, rating=st.none() | st.integers(0, 5), tags=st.lists(st.sampled_from(TAGS), max_size=2))
    def annotate(self, image: Image, rating: int | None, tags: list[str]) -> None:
        """Change an image."""
        image = self.now(image, lambda work: work.images.find(image.id))
        self.write(lambda work: work.images.update(image.annotate(rating=rating, tags=tuple(tags))))

    @rule(image=images)
    def remove_image(self, image: Image) -> None:
        """Remove an image."""
        self.write(lambda work: work.images.remove(image.id, image.user_id))


def moved(generation: Generation) -> Generation:
    """The generation as another model was asked for it."""
    why = (*generation.adjustments, Adjustment("model", generation.model, "easel-1", "It was busy."))
    applied = replace(generation.applied, model="easel-1", provider="easel")
    return generation.moved(applied, provider="easel", model="easel-1", adjustments=why)
