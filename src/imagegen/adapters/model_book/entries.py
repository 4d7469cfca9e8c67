"""The prices and the models of a book."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from msgspec import Meta, Struct, field

from imagegen.adapters.model_book.faults import Faults
from imagegen.domain.catalog import Capabilities, ImageModel
from imagegen.domain.images import MOST_IMAGES, ImageFormat, Quality
from imagegen.domain.prices import Price
from imagegen.domain.sizes import AnySize, Sizes

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}\Z")]
Texts = Annotated[list[Annotated[str, Meta(min_length=1)]], Meta(min_length=1)]


class PriceEntry(Struct):
    """US dollars per million tokens, or free. What is left out is a price that nobody told us."""

    free: bool = False
    input_text: Decimal | None = None
    input_image: Decimal | None = None
    cached_text: Decimal | None = None
    cached_image: Decimal | None = None
    output_text: Decimal | None = None
    output_image: Decimal | None = None

    def impossible(self) -> list[str]:
        """The prices that no provider can ask for: negative, or no numbers."""
        figures = [(name, getattr(self, name)) for name in self.__struct_fields__ if name != "free"]
        return [name for name, figure in figures if figure is not None and not (figure.is_finite() and figure >= 0)]

    def price(self) -> Price:
        """As the domain has it."""
        return Price(**{name: getattr(self, name) for name in self.__struct_fields__})


class ModelEntry(Struct):
    """One model; `sizes` and `price` are names of tables."""

    id: Name
    provider: Name
    sizes: str
    sources: Texts
    price: str | None = None
    default: bool = False
    aliases: list[Name] = field(default_factory=list)
    released: date | None = None
    shutdown: date | None = None
    successor: Name | None = None
    deadline: Annotated[int, Meta(ge=1, le=3600)] = 180
    qualities: list[Quality] = field(default_factory=list)
    formats: list[ImageFormat] = field(default_factory=list)
    transparent: bool = False
    seed: bool = False
    images_per_call: Annotated[int, Meta(ge=1, le=MOST_IMAGES)] = 1


@dataclass(frozen=True, slots=True)
class Tables:
    """The named sizes and prices that a model may refer to."""

    sizes: Mapping[str, Sizes | AnySize]
    prices: Mapping[str, Price]


def read_prices(raw: Any, faults: Faults) -> dict[str, Price]:
    """The prices that the table `[prices]` names."""
    if not isinstance(raw, dict):
        faults.add("prices: must be a table")
        return {}
    entries = {name: faults.convert(f"prices.{name}", table, PriceEntry) for name, table in raw.items()}
    read = {name: entry for name, entry in entries.items() if entry is not None}
    for name, entry in read.items():
        for figure in entry.impossible():
            faults.add(f"prices.{name}: {figure}: must be 0 or more")
    return {name: entry.price() for name, entry in read.items()}


def read_model(raw: Any, number: int, tables: Tables, faults: Faults) -> ImageModel | None:
    """The model that an entry describes; it is called by its id in faults, or by its number where it has none."""
    named = isinstance(raw, dict) and isinstance(raw.get("id"), str)
    where = raw["id"] if named else f"model {number}"
    entry = faults.convert(where, raw, ModelEntry)
    if entry is None:
        return None
    if entry.released and entry.shutdown and entry.shutdown < entry.released:
        faults.add(f"{where}: shutdown: is before its release")
    if entry.price is not None and entry.price not in tables.prices:
        faults.add(f"{where}: price: there is no [prices.{entry.price}]")
    if entry.sizes not in tables.sizes:
        faults.add(f"{where}: sizes: there is no [sizes.{entry.sizes}]")
        return None
    return _model(entry, tables)


def _model(entry: ModelEntry, tables: Tables) -> ImageModel:
    return ImageModel(
        id=entry.id,
        provider=entry.provider,
        capabilities=Capabilities(
            sizes=tables.sizes[entry.sizes],
            qualities=frozenset(entry.qualities),
            formats=frozenset(entry.formats),
            transparent=entry.transparent,
            seed=entry.seed,
            images_per_call=entry.images_per_call,
        ),
        price=tables.prices.get(entry.price or "", Price()),
        aliases=tuple(entry.aliases),
        default=entry.default,
        released=entry.released,
        shutdown=entry.shutdown,
        successor=entry.successor,
        deadline=entry.deadline,
        sources=tuple(entry.sources),
    )
