"""Which model draws a request, and what has to differ from what was asked."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from imagegen.domain.catalog import Capabilities, Catalog, ImageModel
from imagegen.domain.errors import InvalidRequest, ProviderNotConfigured, UnknownModel, UnsupportedParameters
from imagegen.domain.generations import Adjustment
from imagegen.domain.images import Background, ImageFormat, ImageRequest, Quality, Size
from imagegen.domain.prices import Price
from imagegen.domain.sizes import NamedSize, Sizes

TODAY = date(2026, 11, 21)
YESTERDAY = date(2026, 11, 20)

PLAIN = Capabilities(
    sizes=Sizes(
        (
            NamedSize(size=Size(1024, 1024), aspect_ratio="1:1"),
            NamedSize(size=Size(1536, 1024), aspect_ratio="3:2"),
        )
    )
)
RICH = replace(PLAIN, qualities=frozenset(Quality), formats=frozenset(ImageFormat), transparent=True, seed=True)


def model(id: str, provider: str = "alpha", **more: object) -> ImageModel:
    """A model that can do little, unless more is said."""
    said = {"capabilities": PLAIN, "price": Price(output_image=Decimal(30))} | more
    return ImageModel(id=id, provider=provider, **said)  # type: ignore[arg-type]  # the constructor checks the names


def catalog(*models: ImageModel, missing: str | None = None, default_model: str | None = None) -> Catalog:
    """These models; their providers are configured, except for the one that is missing its key."""
    providers = dict.fromkeys(m.provider for m in models if m.provider != missing)
    return Catalog(
        models=models,
        providers=tuple(providers),
        missing={missing: (f"{missing.upper()}_API_KEY", f"{missing.upper()}_TOKEN")} if missing else {},
        default_model=default_model,
    )


def asking(**members: object) -> ImageRequest:
    """A request for a banana."""
    return ImageRequest(prompt="a banana", **members)  # type: ignore[arg-type]  # the constructor checks the names


# --- which model ---


def test_a_model_is_found_by_id_or_alias() -> None:
    """An id goes before an alias, and there is nothing in between."""
    new, old = model("new", aliases=("old", "latest")), model("old")
    book = catalog(new, old)
    assert book.find("latest") is new
    assert book.find("old") is old
    assert book.find("Latest") is None


def test_a_named_model_is_chosen() -> None:
    """The model that was asked for draws, wherever it stands in the book."""
    one, other = model("one"), model("other", "beta")
    for provider in (None, "beta"):
        assert catalog(one, other).choose("other", provider, TODAY) is other


def test_nothing_said_is_the_default_of_the_first_provider() -> None:
    """The provider that the operator prefers comes first, and of its models the default, else the first."""
    one, two, three = model("one"), model("two", default=True), model("three", "beta")
    assert catalog(one, two, three).choose(None, None, TODAY) is two
    assert catalog(three, one, two).choose(None, None, TODAY) is three


def test_the_operators_default_goes_before() -> None:
    """It may be named by an alias, and a retired one hands over like any other."""
    one, two = model("one", default=True), model("two", "beta", aliases=("second",))
    old = model("old", shutdown=YESTERDAY, successor="two")
    for name in ("two", "second", "old"):
        assert catalog(one, two, old, default_model=name).choose(None, None, TODAY) is two


def test_a_provider_alone_is_its_default() -> None:
    """The operator's default model does not matter where another provider is asked for."""
    one, two = model("one"), model("two", "beta")
    assert catalog(one, two, default_model="one").choose(None, "beta", TODAY) is two


def test_a_retired_model_is_no_default() -> None:
    """From the day of its shutdown on, another one is taken."""
    old, new = model("old", default=True, shutdown=TODAY), model("new")
    assert catalog(old, new).choose(None, None, YESTERDAY) is old
    assert catalog(old, new).choose(None, None, TODAY) is new


def test_a_retired_model_hands_over_to_its_successor() -> None:
    """Along the chain to the first that lives, even at another provider, and not a day too early."""
    first = model("first", shutdown=YESTERDAY, successor="second")
    second = model("second", shutdown=TODAY, successor="third")
    third = model("third", "beta")
    book = catalog(first, second, third)
    assert book.choose("first", None, TODAY) is third
    assert book.choose("first", None, YESTERDAY) is second
    assert book.choose("second", None, YESTERDAY) is second


def test_a_retired_model_without_a_successor_is_asked_all_the_same() -> None:
    """Announced dates are moved at times; what becomes of the call is the provider's to say."""
    last = model("last", shutdown=YESTERDAY)
    assert catalog(last).choose("last", None, TODAY) is last
    assert not catalog(last).available(last, TODAY)


def test_the_default_stands_in_where_the_successor_is_not_configured() -> None:
    """A client that still names an old model goes on working, unless it insists on the provider without its key."""
    old = model("old", shutdown=YESTERDAY, successor="new")
    new, other = model("new", "beta"), model("other")
    book = catalog(old, new, other, missing="beta")
    assert book.choose("old", None, TODAY) is other
    with pytest.raises(ProviderNotConfigured, match="BETA_API_KEY"):
        book.choose("old", "beta", TODAY)


def test_a_default_that_is_not_configured_is_no_riddle() -> None:
    """Where the operator's default, or its successor, lacks its key, that is said."""
    old = model("old", shutdown=YESTERDAY, successor="new")
    book = catalog(model("other"), old, model("new", "beta"), missing="beta")
    for default in ("new", "old"):
        with pytest.raises(ProviderNotConfigured, match="BETA_API_KEY"):
            replace(book, default_model=default).choose(None, None, TODAY)
        with pytest.raises(ProviderNotConfigured, match="BETA_API_KEY"):
            replace(book, default_model=default).choose("old", None, TODAY)


@pytest.mark.parametrize("links", [{"a": "a"}, {"a": "b", "b": "a"}, {"a": "b", "b": "c", "c": "b"}, {"a": "nobody"}])
def test_successors_lead_somewhere(links: dict[str, str]) -> None:
    """A book whose successors go in a circle, or to nobody, is refused when it is opened."""
    with pytest.raises(ValueError, match="'a' lead nowhere"):
        catalog(*(model(name, successor=links.get(name)) for name in "abc"))


@pytest.mark.parametrize(("name", "provider"), [("unknown", None), ("one", "beta"), ("unknown", "beta"), ("", None)])
def test_an_unknown_model_is_refused(name: str, provider: str | None) -> None:
    """Also where the model is another provider's; the fault points to the member `model`."""
    with pytest.raises(UnknownModel) as refusal:
        catalog(model("one"), model("two", "beta")).choose(name, provider, TODAY)
    assert [fault.pointer for fault in refusal.value.faults] == ["/model"]


def test_an_unknown_provider_is_refused() -> None:
    """The fault points to the member `provider`."""
    with pytest.raises(UnknownModel) as refusal:
        catalog(model("one")).choose(None, "gamma", TODAY)
    assert [fault.pointer for fault in refusal.value.faults] == ["/provider"]


@pytest.mark.parametrize(("name", "provider"), [("two", None), ("two", "beta"), (None, "beta")])
def test_a_provider_without_its_key_is_said_to_lack_it(name: str | None, provider: str | None) -> None:
    """The error names the variables, any of which would do."""
    book = catalog(model("one"), model("two", "beta"), missing="beta")
    with pytest.raises(ProviderNotConfigured, match="set BETA_API_KEY or BETA_TOKEN") as refusal:
        book.choose(name, provider, TODAY)
    assert refusal.value.provider == "beta"


def test_a_provider_that_was_left_out_is_said_to_be() -> None:
    """Where credentials are not what is missing, the list of providers is named."""
    book = replace(catalog(model("one"), model("two", "beta")), providers=("alpha",))
    with pytest.raises(ProviderNotConfigured, match="IMAGEGEN_PROVIDERS"):
        book.choose("two", None, TODAY)


def test_without_any_provider_the_first_is_named() -> None:
    """A fresh installation says what to set."""
    with pytest.raises(ProviderNotConfigured, match="ALPHA_API_KEY"):
        catalog(model("one"), missing="alpha").choose(None, None, TODAY)
    with pytest.raises(UnknownModel):
        catalog().choose(None, None, TODAY)


def test_available_is_configured_and_alive() -> None:
    """What the list of models tells clients."""
    here, gone, elsewhere = model("here"), model("gone", shutdown=TODAY), model("elsewhere", "beta")
    book = catalog(here, gone, elsewhere, missing="beta")
    assert [book.available(m, TODAY) for m in book.models] == [True, False, False]
    assert book.available(gone, YESTERDAY)


# --- what differs ---


def test_what_a_model_can_do_is_applied_as_asked() -> None:
    """Nothing differs but that model and provider are now named."""
    request = asking(
        size=Size(1536, 1024),
        quality=Quality.AUTO,
        background=Background.TRANSPARENT,
        output_format=ImageFormat.WEBP,
        seed=0,
        strict=True,
    )
    fitted = catalog(model("rich", capabilities=RICH)).fit(request, TODAY)
    assert fitted.adjustments == ()
    assert fitted.applied == replace(request, model="rich", provider="alpha")
    assert catalog(fitted.model).fit(fitted.applied, TODAY) == fitted


def test_everything_that_differs_is_said_with_its_reason() -> None:
    """Parameter, what was asked, what is applied, and a sentence."""
    request = asking(size=Size(2048, 1024), quality=Quality.HIGH, background=Background.TRANSPARENT, seed=7)
    fitted = catalog(model("plain")).fit(request, TODAY)
    assert fitted.adjustments == (
        Adjustment("size", "2048x1024", "1536x1024", "plain draws this size nearest to it."),
        Adjustment("quality", "high", None, "plain has no such setting."),
        Adjustment("background", "transparent", None, "plain cannot draw on a transparent ground."),
        Adjustment("seed", 7, None, "plain takes no seed."),
    )
    assert fitted.applied == asking(model="plain", provider="alpha", size=Size(1536, 1024))


def test_a_shape_becomes_one_that_is_drawn() -> None:
    """A shape that is drawn stays as it was written."""
    book = catalog(model("plain"))
    assert book.fit(asking(aspect_ratio="3:2"), TODAY).adjustments == ()
    (adjustment,) = book.fit(asking(aspect_ratio="16:9"), TODAY).adjustments
    assert (adjustment.parameter, adjustment.asked, adjustment.applied) == ("aspect_ratio", "16:9", "3:2")


def test_another_name_is_an_adjustment() -> None:
    """Who asks by an alias is told which model drew."""
    (adjustment,) = catalog(model("exact", aliases=("latest",))).fit(asking(model="latest"), TODAY).adjustments
    assert (adjustment.parameter, adjustment.asked, adjustment.applied) == ("model", "latest", "exact")
    assert "another name" in adjustment.reason


def test_a_stand_in_is_an_adjustment() -> None:
    """Who asks for a retired model is told which one drew, and why."""
    book = catalog(model("old", aliases=("older",), shutdown=YESTERDAY, successor="new"), model("new"))
    for name in ("old", "older"):
        (adjustment,) = book.fit(asking(model=name), TODAY).adjustments
        assert (adjustment.asked, adjustment.applied) == (name, "new")
        assert "shut down" in adjustment.reason


def test_no_quality_in_particular_is_no_adjustment() -> None:
    """`auto` leaves the choice to the model, and a model without the setting makes it anyway."""
    fitted = catalog(model("plain")).fit(asking(quality=Quality.AUTO, strict=True), TODAY)
    assert fitted.applied.quality is None


def test_transparency_needs_a_format_that_has_it() -> None:
    """PNG is chosen where nothing was said; JPEG was said, and goes before."""
    book = catalog(model("rich", capabilities=RICH))
    assert book.fit(asking(background=Background.TRANSPARENT), TODAY).applied.output_format is ImageFormat.PNG
    request = asking(background=Background.TRANSPARENT, output_format=ImageFormat.JPEG)
    fitted = book.fit(request, TODAY)
    assert fitted.applied.output_format is ImageFormat.JPEG
    assert fitted.adjustments == (Adjustment("background", "transparent", None, "jpeg has no transparency."),)


def test_a_strict_request_is_refused_before_it_costs_anything() -> None:
    """Each difference is a fault at its member, with the reason that it would have had."""
    request = asking(model="latest", size=Size(512, 512), seed=7, strict=True)
    with pytest.raises(UnsupportedParameters) as refusal:
        catalog(model("plain", aliases=("latest",))).fit(request, TODAY)
    assert [fault.pointer for fault in refusal.value.faults] == ["/size", "/seed"]
    assert refusal.value.faults[1].message == "plain takes no seed."


def test_a_strict_request_may_use_another_name() -> None:
    """An alias is the same model: it is said, and not refused."""
    fitted = catalog(model("plain", aliases=("latest",))).fit(asking(model="latest", strict=True), TODAY)
    assert [adjustment.parameter for adjustment in fitted.adjustments] == ["model"]


def test_a_broken_shape_is_refused() -> None:
    """What is no shape is not guessed at."""
    with pytest.raises(InvalidRequest, match="like 16:9"):
        catalog(model("plain")).fit(asking(aspect_ratio="wide"), TODAY)


# --- where else ---


def test_a_fallback_is_the_next_provider_in_order() -> None:
    """Those that were tried are left out, those without a model that lives are passed by, and then there is nobody."""
    one, two, three = model("one"), model("two", "beta"), model("three", "gamma")
    retired = model("retired", "delta", shutdown=YESTERDAY)
    book = replace(catalog(one, retired, three, two), default_model="three")
    drawn, tried = [], {"alpha"}
    while fitted := book.fallback(asking(), tried=tried, today=TODAY, reason="Busy."):
        drawn.append(fitted.model)
        tried.add(fitted.model.provider)
    assert drawn == [three, two]


def test_a_fallback_is_fitted_to_what_was_asked() -> None:
    """What the first model could not do, the second one may; and the applied request can be asked as it is."""
    poor, rich = model("poor"), model("rich", "beta", capabilities=RICH)
    book = catalog(poor, rich)
    request = asking(model="poor", seed=7, size=Size(512, 512))
    assert book.fit(request, TODAY).applied.seed is None
    fitted = book.fallback(request, tried={"alpha"}, today=TODAY, reason="Busy.")
    assert fitted is not None
    assert fitted.model is rich
    assert fitted.applied == asking(model="rich", provider="beta", seed=7, size=Size(1024, 1024))
    assert book.fit(fitted.applied, TODAY).applied == fitted.applied


@pytest.mark.parametrize("name", ["one", "first", "old"])
def test_a_fallback_says_that_another_model_draws(name: str) -> None:
    """Who named a model, under whatever name, is told which one drew instead, and why; then come the other changes."""
    one, two = model("one", aliases=("first",)), model("two", "beta")
    book = catalog(one, two, model("old", shutdown=YESTERDAY, successor="one"))
    fitted = book.fallback(asking(model=name, seed=7), tried={"alpha"}, today=TODAY, reason="Busy.")
    assert fitted is not None
    assert fitted.adjustments == (
        Adjustment("model", name, "two", "Busy."),
        Adjustment("seed", 7, None, "two takes no seed."),
    )


@pytest.mark.parametrize("strict", [False, True])
def test_a_fallback_says_that_another_provider_draws(strict: bool) -> None:
    """Who named no model is told all the same; that is no difference which a strict request would refuse."""
    book = catalog(model("one"), model("two", "beta"))
    fitted = book.fallback(asking(strict=strict), tried={"alpha"}, today=TODAY, reason="Busy.")
    assert fitted is not None
    assert fitted.adjustments == (Adjustment("provider", None, "beta", "Busy."),)


@pytest.mark.parametrize(
    "members", [{"provider": "alpha"}, {"provider": "alpha", "model": "one"}, {"model": "one", "strict": True}]
)
def test_nobody_stands_in_for_what_a_caller_insists_on(members: dict[str, object]) -> None:
    """A provider that was named draws or nobody does; so does a model that was named strictly."""
    book = catalog(model("one"), model("two", "beta"))
    assert book.fallback(asking(**members), tried={"alpha"}, today=TODAY, reason="Busy.") is None


def test_a_strict_fallback_is_one_that_can_do_it_all() -> None:
    """A provider whose model would need something changed is passed by."""
    one, poor, rich = model("one", capabilities=RICH), model("poor", "beta"), model("rich", "gamma", capabilities=RICH)
    request = asking(seed=7, strict=True)
    fitted = catalog(one, poor, rich).fallback(request, tried={"alpha"}, today=TODAY, reason="Busy.")
    assert fitted is not None
    assert fitted.model is rich
    assert catalog(one, poor).fallback(request, tried={"alpha"}, today=TODAY, reason="Busy.") is None
