"""What a prompt asks for: its words, its colors and the chance that fills in the rest."""

import hashlib
import random
import re
from collections.abc import Sequence
from typing import TypeVar

from .color import Color, rgb

T = TypeVar("T")

_WORD = re.compile(r"[^\W\d_]+")

# Enough of a long prompt to know its subject, and little enough to read at once.
_WORDS_READ = 400

COLORS: dict[str, Color] = {
    name: rgb(code)
    for names, code in (
        ("red scarlet crimson ruby", "d93a2f"),
        ("orange tangerine amber", "f08a2c"),
        ("yellow lemon", "f7cd3b"),
        ("gold golden", "e3a92b"),
        ("green emerald", "3a9a5b"),
        ("lime", "9ccb3b"),
        ("olive", "84893a"),
        ("teal", "1f8a8c"),
        ("turquoise cyan aqua", "3fbfc4"),
        ("blue azure", "2f6fd0"),
        ("navy indigo", "2b3a80"),
        ("purple violet", "7a4bb5"),
        ("lavender lilac", "b29be0"),
        ("magenta fuchsia", "cf3f9a"),
        ("pink rose", "f08bb0"),
        ("coral salmon peach", "f58a72"),
        ("brown chocolate", "84512f"),
        ("beige cream", "ead9b5"),
        ("black", "23232e"),
        ("white", "f7f4ec"),
        ("gray grey silver", "9aa3ad"),
    )
    for name in names.split()
}


class Prompt:
    """A prompt as its words in order, in lower case; a word also answers to its singular."""

    def __init__(self, text: str) -> None:
        self.words = _WORD.findall(text[: _WORDS_READ * 16].casefold())[:_WORDS_READ]
        self._first: dict[str, int] = {}
        for position, word in enumerate(self.words):
            for name in (word, word.removesuffix("s"), word.removesuffix("es")):
                self._first.setdefault(name, position)

    def position(self, vocabulary: str) -> int | None:
        """Where the first of the space-separated words stands in the prompt, if any does."""
        return min((self._first[word] for word in vocabulary.split() if word in self._first), default=None)

    def says(self, vocabulary: str) -> bool:
        """Whether any of the space-separated words is in the prompt."""
        return self.position(vocabulary) is not None

    def colors(self) -> list[Color]:
        """The colors named, in order."""
        return [COLORS[word] for word in self.words if word in COLORS]

    def color_before(self, position: int) -> Color | None:
        """The color of the thing at a position: the nearest of the three words before it."""
        before = reversed(self.words[max(position - 3, 0) : position])
        return next((COLORS[word] for word in before if word in COLORS), None)


class Dice:
    """Chance that falls the same way each time for the same prompt, seed and style.

    Only `random()` is drawn from, the one method whose sequence Python promises to keep.
    """

    def __init__(self, prompt: str, seed: int, style: str) -> None:
        source = f"{style}\0{seed}\0{prompt}".encode("utf-8", "surrogatepass")
        self._digest = hashlib.sha256(source).digest()
        self._random = random.Random(int.from_bytes(self._digest))  # noqa: S311 (decides where a hill goes)

    def between(self, low: float, high: float) -> float:
        """A number from `low` up to `high`."""
        return low + (high - low) * self._random.random()

    def chance(self, share: float) -> bool:
        """True in a share (0..1) of the cases."""
        return self._random.random() < share

    def count(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return low + int(self._random.random() * (high - low + 1))

    def pick(self, choices: Sequence[T]) -> T:
        """One of the choices."""
        return choices[int(self._random.random() * len(choices))]

    def grain(self, length: int) -> bytes:
        """`length` bytes of even noise."""
        return hashlib.shake_128(self._digest).digest(length)
