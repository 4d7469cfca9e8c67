"""Which sizes a model draws: a list of them, or any within bounds; and the one nearest to a wish."""

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from imagegen.domain.errors import Fault, InvalidRequest
from imagegen.domain.images import Size

_RATIO: Final = re.compile(r"([0-9]{1,3}):([0-9]{1,3})")
_LARGEST_TERM: Final = 100


def ratio_of(label: str) -> float:
    """The width over the height that a label such as `16:9` names.

    Raises:
        InvalidRequest: it names none.
    """
    form = _RATIO.fullmatch(label)
    if form is not None:
        width, height = int(form[1]), int(form[2])
        if 0 < width <= _LARGEST_TERM and 0 < height <= _LARGEST_TERM:
            return width / height
    raise InvalidRequest(faults=(Fault("/aspect_ratio", "An aspect ratio is like 16:9."),))


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedSize:
    """A size in the provider's own words: its shape, and its tier where there are several (`1K`, `2K`)."""

    size: Size
    aspect_ratio: str
    tier: str | None = None


@dataclass(frozen=True, slots=True)
class Sizes:
    """A list of sizes; the first is the default, and for each shape the first of that shape is."""

    choices: tuple[NamedSize, ...]

    def nearest(self, wish: Size) -> Size:
        """The choice of the nearest shape, and among those of the nearest area."""
        return min(self.choices, key=lambda c: (_distance(c.size.ratio, wish.ratio), _areas(c.size, wish))).size

    def nearest_ratio(self, label: str) -> str:
        """The label itself where it is drawn, else the nearest shape's."""
        wish = ratio_of(label)
        if any(choice.aspect_ratio == label for choice in self.choices):
            return label
        return min(self.choices, key=lambda c: _distance(ratio_of(c.aspect_ratio), wish)).aspect_ratio

    def named(self, size: Size | None, label: str | None) -> NamedSize:
        """The choice for an applied size or shape, or the default."""
        return next(
            (c for c in self.choices if c.size == size or (size is None and c.aspect_ratio == label)),
            self.choices[0],
        )

    def size_of(self, label: str | None) -> Size:
        """The size drawn for an applied shape."""
        return self.named(None, label).size


@dataclass(frozen=True, slots=True, kw_only=True)
class AnySize:
    """Any size of whole `step`s within bounds.

    At most `longest` by `shortest` pixels in either orientation, at least `least` a side and `fewest` in all, which
    a square of `shortest` must have, and no side more than `most_ratio` times the other.
    """

    step: int
    least: int
    longest: int
    shortest: int
    most_ratio: float
    default: Size
    fewest: int = 1

    def allows(self, size: Size) -> bool:
        """Whether the model draws exactly this size."""
        long, short = max(size.width, size.height), min(size.width, size.height)
        whole = long % self.step == 0 == short % self.step
        within = self.least <= short <= self.shortest and long <= min(self.longest, short * self.most_ratio)
        return whole and within and size.pixels >= self.fewest

    def nearest(self, wish: Size) -> Size:
        """The wish itself where it is allowed, else one near it, its shape kept as far as possible."""
        if self.allows(wish):
            return wish
        stretch = min(self.most_ratio, max(wish.ratio, 1 / wish.ratio))
        limit = self._down(min(self.longest, self.shortest * stretch))
        long = min(limit, self._whole(max(wish.width, wish.height, math.sqrt(self.fewest * stretch))))
        short = min(
            self._down(self.shortest),
            long,
            max(self._whole(long / stretch), self._up(long / self.most_ratio)),
        )
        long = min(long, self._down(short * self.most_ratio))
        while long * short < self.fewest or long > short * self.most_ratio:  # rounded by a little
            long, short = max(long, short + self.step), min(long, short + self.step)
        return Size(long, short) if wish.width >= wish.height else Size(short, long)

    def nearest_ratio(self, label: str) -> str:
        """The label itself where its shape is allowed, else the extreme on its side."""
        ratio = ratio_of(label)
        if 1 / self.most_ratio <= ratio <= self.most_ratio:
            return label
        finest = Fraction(self.most_ratio).limit_denominator(_LARGEST_TERM // math.ceil(self.most_ratio))
        long, short = finest.as_integer_ratio()
        return f"{long}:{short}" if ratio > 1 else f"{short}:{long}"

    def size_of(self, label: str | None) -> Size:
        """The size drawn for an applied shape: about the default's area."""
        if label is None:
            return self.default
        ratio = ratio_of(label)
        height = math.sqrt(self.default.pixels / ratio)
        return self.nearest(Size(self._whole(height * ratio), self._whole(height)))

    def _whole(self, pixels: float) -> int:
        return max(self._up(self.least), round(pixels / self.step) * self.step)

    def _down(self, pixels: float) -> int:
        return math.floor(pixels / self.step) * self.step

    def _up(self, pixels: float) -> int:
        return math.ceil(pixels / self.step) * self.step


def _distance(one: float, other: float) -> float:
    return abs(math.log(one / other))


def _areas(one: Size, other: Size) -> float:
    return _distance(one.pixels, other.pixels)
