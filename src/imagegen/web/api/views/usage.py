"""What was used, and what could be."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Self

from msgspec import Struct

from imagegen.domain.catalog import Catalog, ImageModel
from imagegen.domain.identifiers import API_KEY, external
from imagegen.domain.prices import dollars
from imagegen.domain.sizes import AnySize, Sizes
from imagegen.domain.usage import UsageBucket


class UsageView(Struct, frozen=True, kw_only=True):
    """The sum of one bucket. `cost_usd` adds up the known costs; `unknown_costs` counts the generations without."""

    bucket: str | None
    requests: int
    images: int
    failures: int
    cost_usd: str
    unknown_costs: int

    @classmethod
    def of(cls, bucket: UsageBucket) -> Self:
        """The bucket by its day (`2026-11-21`), key id or model id."""
        name = bucket.bucket
        if isinstance(name, date):
            name = name.isoformat()
        elif name is not None and not isinstance(name, str):
            name = external(API_KEY, name)
        return cls(
            bucket=name,
            requests=bucket.requests,
            images=bucket.images,
            failures=bucket.failures,
            cost_usd=dollars(bucket.cost_micros) or "0",
            unknown_costs=bucket.unknown_costs,
        )


class ModelView(Struct, frozen=True, kw_only=True):
    """A model: what it can do, what it costs in US dollars per million tokens, and whether it is asked now."""

    id: str
    provider: str
    aliases: tuple[str, ...]
    available: bool
    released: date | None
    shutdown_date: date | None
    successor: str | None
    capabilities: Mapping[str, Any]
    price: Mapping[str, str]
    sources: tuple[str, ...]

    @classmethod
    def of(cls, model: ImageModel, catalog: Catalog, today: date) -> Self:
        """The model as the book describes it."""
        can = model.capabilities
        prices = {name: getattr(model.price, name) for name in model.price.__dataclass_fields__ if name != "free"}
        return cls(
            id=model.id,
            provider=model.provider,
            aliases=model.aliases,
            available=catalog.available(model, today),
            released=model.released,
            shutdown_date=model.shutdown,
            successor=model.successor,
            capabilities={
                "sizes": _sizes(can.sizes),
                "qualities": sorted(can.qualities),
                "formats": sorted(can.formats),
                "transparent": can.transparent,
                "seed": can.seed,
                "images_per_call": can.images_per_call,
            },
            price={"per_image": "0"} if model.price.free else {n: str(p) for n, p in prices.items() if p is not None},
            sources=model.sources,
        )


def _sizes(sizes: Sizes | AnySize) -> Mapping[str, Any]:
    """The sizes by shape, or the bounds of what may be asked for."""
    if isinstance(sizes, Sizes):
        return {"choices": [{"size": str(c.size), "aspect_ratio": c.aspect_ratio} for c in sizes.choices]}
    return {
        "default": str(sizes.default),
        "multiple_of": sizes.step,
        "least_side": sizes.least,
        "longest_side": sizes.longest,
        "longest_short_side": sizes.shortest,
        "most_ratio": sizes.most_ratio,
        "least_pixels": sizes.fewest,
    }
