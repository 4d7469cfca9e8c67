"""Fitting a request to a model: whatever the models, nothing is done silently and nothing twice."""

from dataclasses import fields, replace
from datetime import date, timedelta
from typing import Final

import pytest
from hypothesis import assume, event, example, given
from hypothesis import strategies as st

from imagegen.domain.catalog import ALPHA_FORMATS, Capabilities, Catalog, Fitted, ImageModel
from imagegen.domain.errors import ProviderNotConfigured, UnknownModel, UnsupportedParameters
from imagegen.domain.images import Background, ImageFormat, ImageRequest, Quality, Size, Style
from imagegen.domain.prices import Price
from imagegen.domain.sizes import AnySize, NamedSize, Sizes

TODAY: Final = date(2026, 11, 21)
DAYS: Final = [None, TODAY - timedelta(days=1), TODAY, TODAY + timedelta(days=1)]
PROVIDERS: Final = ("alpha", "beta", "gamma")
SHAPES: Final = ["1:1", "3:2", "2:3", "16:9", "9:16", "21:9", "4:1", "1:8", "100:1"]
FITTED: Final = {"model", "size", "aspect_ratio", "quality", "background", "seed"}

SIDES = st.integers(min_value=1, max_value=99_999)
SIZES = st.sampled_from([Size(1024, 1024), Size(1536, 1024), Size(1024, 1536)]) | st.builds(Size, SIDES, SIDES)


@st.composite
def any_sizes(draw: st.DrawFn) -> AnySize:
    """Bounds that leave room for at least one size."""
    step = draw(st.sampled_from([1, 8, 16, 64]))
    least = draw(st.integers(min_value=1, max_value=600))
    shortest = draw(st.integers(min_value=-(-least // step) * step, max_value=4_000))
    longest = draw(st.integers(min_value=shortest, max_value=8_000))
    ratio = draw(st.sampled_from([1.0, 1.5, 2.5, 3.0, 8.0]) | st.floats(min_value=1, max_value=10))
    fewest = draw(st.just(1) | st.integers(min_value=1, max_value=(shortest // step * step) ** 2))
    bounds = AnySize(
        step=step,
        least=least,
        longest=longest,
        shortest=shortest,
        most_ratio=ratio,
        default=Size(least, least),
        fewest=fewest,
    )
    return replace(bounds, default=bounds.nearest(Size(1024, 1024)))


LISTS = st.lists(
    st.builds(NamedSize, size=SIZES, aspect_ratio=st.sampled_from(SHAPES), tier=st.sampled_from([None, "1K", "2K"])),
    min_size=1,
    max_size=4,
).map(lambda choices: Sizes(tuple(choices)))

CAPABILITIES = st.builds(
    Capabilities,
    sizes=LISTS | any_sizes(),
    qualities=st.frozensets(st.sampled_from(Quality)),
    formats=st.frozensets(st.sampled_from(ImageFormat)),
    transparent=st.booleans(),
    seed=st.booleans(),
)


@st.composite
def catalogs(draw: st.DrawFn) -> Catalog:
    """Up to four models, some of them retired and handing over to a later one, at some providers with their keys."""
    names = "abcd"[: draw(st.integers(min_value=1, max_value=4))]
    models = tuple(
        ImageModel(
            id=name,
            provider=draw(st.sampled_from(PROVIDERS)),
            capabilities=draw(CAPABILITIES),
            price=Price(free=True),
            aliases=draw(st.sampled_from([(), (f"{name}-latest",)])),
            default=draw(st.booleans()),
            shutdown=draw(st.sampled_from(DAYS)),
            successor=draw(st.sampled_from([None, *names[place + 1 :]])),
        )
        for place, name in enumerate(names)
    )
    configured = draw(st.lists(st.sampled_from(PROVIDERS), min_size=2, unique=True))
    return Catalog(
        models=models,
        providers=tuple(configured),
        missing={name: (f"{name}_KEY",) for name in PROVIDERS if name not in configured},
        default_model=draw(st.sampled_from([None, *names])),
    )


REQUESTS = st.builds(
    ImageRequest,
    prompt=st.just("a banana"),
    model=st.sampled_from([None, *"abcd", "a-latest", "b-latest"]),
    provider=st.sampled_from([None, None, *PROVIDERS]),
    n=st.integers(min_value=1, max_value=10),
    quality=st.none() | st.sampled_from(Quality),
    style=st.none() | st.sampled_from(Style),
    output_format=st.none() | st.sampled_from(ImageFormat),
    background=st.none() | st.sampled_from(Background),
    negative_prompt=st.sampled_from([None, "apples"]),
    seed=st.none() | st.integers(min_value=0, max_value=2**31),
).flatmap(
    lambda request: (
        st.just(request)
        | SIZES.map(lambda size: replace(request, size=size))
        | st.sampled_from(SHAPES).map(lambda label: replace(request, aspect_ratio=label))
    )
)


def fit(catalog: Catalog, request: ImageRequest) -> Fitted:
    """The fitted request; those that no model is found for are of no interest here."""
    try:
        fitted = catalog.fit(request, TODAY)
    except (UnknownModel, ProviderNotConfigured) as refusal:
        event(type(refusal).__name__)
        assume(False)
        raise
    event(f"{len(fitted.adjustments)} adjustments")
    return fitted


@given(catalogs(), REQUESTS)
def test_what_was_fitted_fits(catalog: Catalog, request: ImageRequest) -> None:
    """Fitting an applied request again changes nothing and finds nothing to say."""
    fitted = fit(catalog, request)
    assert catalog.fit(fitted.applied, TODAY) == replace(fitted, adjustments=())


@given(catalogs(), REQUESTS)
def test_strict_is_refused_exactly_where_something_would_differ(catalog: Catalog, request: ImageRequest) -> None:
    """A strict request gets all that it asked for, if under another name, or a fault for each thing that differs."""
    fitted = fit(catalog, request)
    strict = replace(request, strict=True)
    differing = [a for a in fitted.adjustments if a.parameter != "model" or request.model not in fitted.model.aliases]
    if not differing:
        assert catalog.fit(strict, TODAY).applied == replace(fitted.applied, strict=True)
        return
    with pytest.raises(UnsupportedParameters) as refusal:
        catalog.fit(strict, TODAY)
    said = [(fault.pointer, fault.message) for fault in refusal.value.faults]
    assert said == [(f"/{found.parameter}", found.reason) for found in differing]


@given(catalogs(), REQUESTS)
def test_nothing_differs_silently(catalog: Catalog, request: ImageRequest) -> None:
    """What was asked and is not applied is said, with both values; everything else is applied as asked."""
    fitted = fit(catalog, request)
    said = {found.parameter: (found.asked, found.applied) for found in fitted.adjustments}
    assert len(said) == len(fitted.adjustments)
    for name in (field.name for field in fields(ImageRequest)):
        asked, applied = getattr(request, name), getattr(fitted.applied, name)
        if asked in (None, applied) or (asked is Quality.AUTO and applied is None):
            assert name not in said
        else:
            assert name in FITTED
            assert tuple(map(str, said[name])) == (str(asked), str(applied))
        if name not in FITTED | {"provider", "output_format"}:
            assert applied == asked


@given(catalogs(), REQUESTS)
def test_what_is_applied_can_be_drawn(catalog: Catalog, request: ImageRequest) -> None:
    """The model is configured and takes every parameter that is left."""
    fitted = fit(catalog, request)
    applied, able = fitted.applied, fitted.model.capabilities
    assert (applied.model, applied.provider) == (fitted.model.id, fitted.model.provider)
    assert fitted.model.provider in catalog.providers
    assert applied.size is None or able.sizes.nearest(applied.size) == applied.size
    assert applied.quality in (None, *able.qualities)
    assert applied.seed is None or able.seed
    if applied.background is Background.TRANSPARENT:
        assert able.transparent
        assert applied.output_format in ALPHA_FORMATS


@given(catalogs(), REQUESTS)
def test_a_living_model_is_preferred(catalog: Catalog, request: ImageRequest) -> None:
    """A retired model draws only where its line has come to an end."""
    chosen = fit(catalog, request).model
    assert not chosen.retired(TODAY) or chosen.successor is None


@given(any_sizes(), SIZES)
def test_any_wish_becomes_a_size_that_is_allowed(bounds: AnySize, wish: Size) -> None:
    """Within all bounds, lying or standing as it was wished, and not moved again."""
    size = bounds.nearest(wish)
    assert bounds.allows(size)
    assert bounds.nearest(size) == size
    assert (wish.width - wish.height) * (size.width - size.height) >= 0
    assert size == wish or not bounds.allows(wish)


@given(any_sizes(), st.sampled_from(SHAPES))
@example(
    AnySize(step=1, least=1, longest=1179, shortest=1179, most_ratio=1.0, default=Size(1179, 1178), fewest=1178**2 + 1),
    "1:1",
)
def test_any_shape_becomes_a_size_that_is_allowed(bounds: AnySize, label: str) -> None:
    """A shape, too, ends within all bounds, and its label stays the same."""
    drawn = bounds.nearest_ratio(label)
    assert bounds.nearest_ratio(drawn) == drawn
    assert bounds.allows(bounds.size_of(drawn))


@given(LISTS, SIZES, st.sampled_from(SHAPES))
def test_a_list_offers_only_what_is_on_it(sizes: Sizes, wish: Size, label: str) -> None:
    """Size and shape are choices of the list, and none of the others is nearer in shape."""
    size = sizes.nearest(wish)
    assert size in {choice.size for choice in sizes.choices}
    assert sizes.nearest(size) == size
    assert sizes.nearest_ratio(label) in {choice.aspect_ratio for choice in sizes.choices}
    assert sizes.size_of(sizes.nearest_ratio(label)) in {choice.size for choice in sizes.choices}
