"""The named sizes of a book: a list, shapes in tiers, or anything within bounds."""

from fractions import Fraction
from typing import Annotated, Any, Final

from msgspec import Meta, Struct, field

from imagegen.adapters.model_book.faults import Faults
from imagegen.domain.images import Size
from imagegen.domain.sizes import AnySize, NamedSize, Sizes

Pixels = Annotated[int, Meta(ge=1, le=99_999)]
SizeText = Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,4}x[1-9][0-9]{0,4}\Z")]
Label = Annotated[str, Meta(pattern=r"^[1-9][0-9]?:[1-9][0-9]?\Z")]

_LARGEST_TERM: Final = 99


class Listed(Struct):
    """Sizes one by one, the default first."""

    list: Annotated[list[SizeText], Meta(min_length=1)]

    def sizes(self) -> Sizes:
        """As the domain has them; the shape of a size is its width to height in low terms."""
        choices = map(Size.read, self.list)
        return Sizes(tuple(NamedSize(size=size, aspect_ratio=_shape(size)) for size in choices))


class Shaped(Struct):
    """Shapes with their pixels in a tier of factor 1, the default first; tiers in the provider's own words."""

    ratios: Annotated[dict[Label, SizeText], Meta(min_length=1)]
    tiers: dict[str, Annotated[int, Meta(ge=1, le=16)]] = field(default_factory=dict)

    def sizes(self) -> Sizes:
        """Every shape in every tier; without tiers each shape once."""
        shapes = [(label, Size.read(text)) for label, text in self.ratios.items()]
        tiers: list[tuple[str | None, int]] = [*self.tiers.items()] or [(None, 1)]
        return Sizes(
            tuple(
                NamedSize(size=Size(base.width * factor, base.height * factor), aspect_ratio=label, tier=tier)
                for tier, factor in tiers
                for label, base in shapes
            )
        )


class Bounded(Struct):
    """Any size within bounds, which are those of `AnySize`."""

    step: Pixels
    least: Pixels
    longest: Pixels
    shortest: Pixels
    most_ratio: Annotated[int, Meta(ge=1, le=99)]
    default: SizeText
    fewest: Annotated[int, Meta(ge=1)] = 1

    def sizes(self) -> AnySize:
        """As the domain has them."""
        return AnySize(
            step=self.step,
            least=self.least,
            longest=self.longest,
            shortest=self.shortest,
            most_ratio=self.most_ratio,
            default=Size.read(self.default),
            fewest=self.fewest,
        )


def read_sizes(raw: Any, faults: Faults) -> dict[str, Sizes | AnySize]:
    """The sizes that the table `[sizes]` names."""
    if not isinstance(raw, dict):
        faults.add("sizes: must be a table")
        return {}
    sizes: dict[str, Sizes | AnySize] = {}
    for name, table in raw.items():
        entry = faults.convert(f"sizes.{name}", table, _kind(table))
        if entry is None:
            continue
        sizes[name] = found = entry.sizes()
        if isinstance(found, AnySize):
            _check_bounds(f"sizes.{name}", found, faults)
    return sizes


def _check_bounds(where: str, sizes: AnySize, faults: Faults) -> None:
    if not sizes.allows(sizes.default):
        faults.add(f"{where}: default: is not within the bounds")
    if sizes.shortest > sizes.longest:
        faults.add(f"{where}: shortest: is more than longest")
    if sizes.fewest > (sizes.shortest // sizes.step * sizes.step) ** 2:
        faults.add(f"{where}: fewest: is more than a square of shortest has")


def _kind(table: Any) -> type[Listed | Shaped | Bounded]:
    if isinstance(table, dict) and "list" in table:
        return Listed
    return Shaped if isinstance(table, dict) and "ratios" in table else Bounded


def _shape(size: Size) -> str:
    """The shape of a size as a label; one of unwieldy numbers gets the nearest that a label can name."""
    upright = size.width < size.height
    ratio = Fraction(min(size.width, size.height), max(size.width, size.height)).limit_denominator(_LARGEST_TERM)
    short, long = ratio.as_integer_ratio()
    return f"{short}:{long}" if upright else f"{long}:{short}"
