"""The things the pencil knows by name, and how to find them in a prompt."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from . import creatures, plants, things
from .color import Color, rgb
from .ink import Ink, ink_for
from .palette import Palette
from .pen import Pen
from .prompt import Dice, Prompt
from .wardrobe import Face, dress

Element = Literal["ground", "water", "air"]


@dataclass(frozen=True)
class Motif:
    """A thing that can be drawn, one unit tall, with its foot at the origin."""

    words: str
    """The words that call it, separated by spaces."""
    draw: Callable[[Pen, Ink], None]
    color: Color | None = None
    """Its natural color; without one it takes the picture's accent."""
    width: float = 0.8
    element: Element = "ground"
    face: Face | None = None


_ANIMAL = Face(0, -0.68, 0.3, -0.82)

MOTIFS = (
    Motif("banana", creatures.banana, rgb("ffd23f"), 0.7, face=Face(-0.025, -0.6, 0.27, -0.86)),
    Motif("cat kitten", partial(creatures.animal, ears="pointed"), None, 0.65, face=_ANIMAL),
    Motif("fox", partial(creatures.animal, ears="pointed"), rgb("e8722f"), 0.65, face=_ANIMAL),
    Motif("dog puppy", partial(creatures.animal, ears="floppy"), rgb("b97a45"), 0.65, face=_ANIMAL),
    Motif("rabbit bunny hare", partial(creatures.animal, ears="long"), rgb("d9cfc4"), 0.65, face=_ANIMAL),
    Motif("bear teddy", partial(creatures.animal, ears="round"), rgb("8f5f3d"), 0.65, face=_ANIMAL),
    Motif("owl bird", creatures.bird, None, 0.7, face=Face(0, -0.7, 0.39, -0.87)),
    Motif("fish goldfish", creatures.fish, rgb("f28a35"), 1.0, "water"),
    Motif("whale", creatures.whale, rgb("3f6fae"), 1.4, "water"),
    Motif("robot android machine ai computer", creatures.robot, None, 0.7, face=Face(0, -0.73, 0.3, -0.88)),
    Motif("flower tulip sunflower daisy rose bouquet garden", plants.flower, None, 0.6),
    Motif("cactus", plants.cactus, rgb("3f9163"), 0.7),
    Motif("mushroom toadstool", plants.mushroom, rgb("d8412f"), 0.9),
    Motif("palm island beach coconut", plants.palm, rgb("3f9a5b"), 0.8),
    Motif("pine fir spruce christmas forest woods", plants.pine, rgb("2c6b57"), 0.6),
    Motif("tree oak park", plants.tree, rgb("4c9a55"), 0.75),
    Motif("bicycle bike cycling", things.bicycle, None, 1.6),
    Motif("car taxi van automobile", things.car, None, 1.4),
    Motif("boat ship sailboat sailing yacht", things.boat, None, 1.05, "water"),
    Motif("house home cottage cabin hut village", things.house, None, 1.0),
    Motif("lighthouse", things.lighthouse, rgb("d8412f"), 0.75),
    Motif("balloon", things.balloon, None, 0.8, "air"),
    Motif("rocket spaceship spacecraft shuttle", things.rocket, None, 0.8, "air"),
    Motif("cup coffee tea mug espresso cappuccino", things.cup, None, 0.95),
)

# What is drawn when the prompt names nothing known.
_BY_CHANCE = ("balloon", "house", "boat", "lighthouse", "tree", "flower")


@dataclass(frozen=True)
class Subject:
    """A motif in the color it has in this picture."""

    motif: Motif
    color: Color

    def draw(self, pen: Pen, palette: Palette, prompt: Prompt) -> None:
        """Draw it with the face and the clothes the prompt gives it."""
        ink = ink_for(palette, self.color)
        self.motif.draw(pen, ink)
        if self.motif.face:
            dress(pen, ink, self.motif.face, prompt)


def subjects(prompt: Prompt, palette: Palette, dice: Dice, limit: int = 3) -> list[Subject]:
    """The things the prompt names, in its order, at most `limit`; else one by chance."""
    places = ((prompt.position(motif.words), motif) for motif in MOTIFS)
    found = sorted(((place, motif) for place, motif in places if place is not None), key=lambda pair: pair[0])
    by_chance = named(dice.pick(_BY_CHANCE))
    if not found:
        return [Subject(by_chance, by_chance.color or palette.accent)]
    return [
        Subject(motif, prompt.color_before(place) or motif.color or palette.accents[i % len(palette.accents)])
        for i, (place, motif) in enumerate(found[:limit])
    ]


def named(word: str) -> Motif:
    """The motif a word calls."""
    return next(motif for motif in MOTIFS if word in motif.words.split())
