"""What the calls of a generation come to, and writing it down: all of it in one unit of work, or nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from imagegen.application.ending import write_end
from imagegen.application.keeping import Drawn
from imagegen.domain.errors import Billed, OutcomeUnknown, ProviderError
from imagegen.domain.generations import Adjustment, Failure, Generation
from imagegen.domain.images import Image, ImageRequest
from imagegen.domain.ports import Clock, UnitOfWorkFactory


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcludeGeneration:
    """Write down how a running generation ended: its state, its calls, its images, its usage and its event.

    Its version, as it was read, is the guard: whatever anybody changes counts that on.
    """

    unit_of_work: UnitOfWorkFactory
    clock: Clock

    async def __call__(self, generation: Generation, drawn: Sequence[Drawn], *, stranded: bool = False) -> Generation:
        """Return it as it ended. One that is `stranded` runs at somebody else, whose lease must have run out.

        Raises:
            StaleWrite: it is not as it was read any more, or its worker is alive after all; nothing was written.
            DatabaseUnavailable: nobody knows whether it was written.
        """
        ended = concluded(generation, drawn, self.clock())
        async with self.unit_of_work() as work:
            if stranded:
                work.generations.take_over(generation)
            write_end(work, ended, [one.attempt for one in drawn])
            await work.commit()
        return ended


def concluded(generation: Generation, drawn: Sequence[Drawn], now: datetime) -> Generation:
    """The generation as its calls end it. Without a call it ended between two of them, of which none was billed."""
    if not drawn:
        error = OutcomeUnknown("The process that was to try again ended.", billed=Billed.NO, retryable=True)
        return generation.fail(Failure.of(error), cost_micros=0, now=now)
    drew = [one for one in drawn if one.images]
    generation = _told(generation, drew or drawn[:1])
    costs = [one.attempt.cost_micros for one in drawn]
    cost = None if None in costs else sum(c for c in costs if c is not None)
    errors = [error for one in drawn for error in one.errors]
    if not drew:
        return generation.fail(_failure(errors), cost_micros=cost, now=now)
    images = [
        image if image.position == position else replace(image, position=position)
        for position, image in enumerate(image for one in drew for image in one.images)
    ]
    adjustments = (
        *_elsewhere(generation, drew),
        *_number(generation.applied.n, images, errors),
        *_format(generation.applied, drew),
    )
    return generation.succeed(images, cost_micros=cost, adjustments=adjustments, now=now)


def _told(generation: Generation, drawn: Sequence[Drawn]) -> Generation:
    """The generation under the model that it began with if one of these stayed there, else under that of the first."""
    moves = [one.fitted for one in drawn]
    fitted = None if None in moves else moves[0]
    if fitted is None:
        return generation
    return generation.moved(
        fitted.applied, provider=fitted.model.provider, model=fitted.model.id, adjustments=fitted.adjustments
    )


def _elsewhere(generation: Generation, drew: Sequence[Drawn]) -> Iterable[Adjustment]:
    """What differs for some of the pictures, which another model drew than that of the generation."""
    others = {one.fitted.model.id: one.fitted for one in drew if one.fitted and one.attempt.model != generation.model}
    for model, fitted in others.items():
        some = _pictures(one for one in drew if one.attempt.model == model)
        for adjustment in fitted.adjustments:
            if adjustment not in generation.adjustments:
                reason = f"For {some} of {_pictures(drew)} pictures: {adjustment.reason}"
                yield replace(adjustment, reason=reason)


def _pictures(drew: Iterable[Drawn]) -> int:
    return sum(len(one.images) for one in drew)


def _number(wanted: int, images: Sequence[Image], errors: Sequence[ProviderError]) -> Iterable[Adjustment]:
    if wanted != len(images):
        number = "more" if len(images) > wanted else "fewer"
        reason = errors[0].title if errors else f"The provider answered with {number} pictures."
        yield Adjustment("n", wanted, len(images), reason)


def _format(applied: ImageRequest, drew: Sequence[Drawn]) -> Iterable[Adjustment]:
    """Of the first picture that came in another format than its own model was asked for."""
    for one in drew:
        wanted = (one.fitted.applied if one.fitted else applied).output_format
        came = next((image.format for image in one.images if wanted not in (None, image.format)), None)
        if came is not None:
            yield Adjustment("output_format", str(wanted), str(came), "The provider's picture could not be converted.")
            return


def _failure(errors: Sequence[ProviderError]) -> Failure:
    """Of several errors the first speaks, and the least certain word on billing counts."""
    return replace(Failure.of(errors[0]), billed=Billed.of_all(error.billed for error in errors))
