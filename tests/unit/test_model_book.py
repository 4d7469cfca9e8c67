"""The model book: what ships is sound, and what an operator writes is checked to the last field."""

import tomllib
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from imagegen.adapters.model_book import ModelBookInvalid, load_models
from imagegen.adapters.providers import REGISTRY
from imagegen.domain.catalog import Catalog, ImageModel
from imagegen.domain.images import ImageRequest, Quality, Size
from imagegen.domain.prices import Price, TokenUsage
from imagegen.domain.sizes import AnySize, Sizes

TODAY = date(2026, 11, 21)
BOOK = {model.id: model for model in load_models()}
DEFAULTS = {"gemini": "gemini-nano-banana-2.1", "openai": "gpt-image-2.6-flare", "sketch": "sketch-1"}

HOUSE = """
[sizes.house]
list = ["640x480", "480x640"]

[prices.house]
input_text = 0.1
output_image = 3

[[models]]
id = "house-1"
provider = "openai"
sizes = "house"
price = "house"
sources = ["our own deployment, 2026-11"]
"""

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A way to write an operator's book."""

    def written(text: str) -> Path:
        path = tmp_path / "models.toml"
        path.write_text(text)
        return path

    return written


def catalog(models: tuple[ImageModel, ...]) -> Catalog:
    """A catalog of all providers."""
    return Catalog(models=models, providers=tuple(REGISTRY), missing={})


# --- what ships ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", [*REGISTRY])
def test_each_provider_has_a_default_that_is_alive(provider: str) -> None:
    """Who names a provider alone gets this model."""
    assert catalog(load_models()).choose(None, provider, TODAY).id == DEFAULTS[provider]
    assert not BOOK[DEFAULTS[provider]].retired(TODAY)


@pytest.mark.parametrize(
    ("name", "drawn_by"),
    [
        ("dall-e-2", "gpt-image-2.6-flare"),
        ("dall-e-3", "gpt-image-2.6-flare"),
        ("gpt-image-1", "gpt-image-2.6-flare"),
        ("gpt-image-1-mini", "gpt-image-1-mini"),
        ("gpt-image-2-2026-04-21", "gpt-image-2"),
        ("gpt-image-2.5-sunburst", "gpt-image-2.5-sunburst"),
        ("gemini-2.5-flash-image", "gemini-nano-banana-2.1"),
        ("gemini-2.5-flash-image-preview", "gemini-nano-banana-2.1"),
        ("imagen-4.0-generate-001", "gemini-nano-banana-2.1"),
        ("gemini-3-pro-image", "gemini-3-pro-image"),
        ("sketch", "sketch-1"),
    ],
)
def test_old_names_keep_working(name: str, drawn_by: str) -> None:
    """A model that is gone has a successor."""
    assert catalog(load_models()).choose(name, None, TODAY).id == drawn_by


@pytest.mark.parametrize("name", ["gpt-image-1-mini", "gpt-image-1.5", "chatgpt-image-latest"])
def test_what_goes_in_december_draws_until_then(name: str) -> None:
    """A date in the book is the day from which the successor draws."""
    models = catalog(load_models())
    assert models.choose(name, None, date(2026, 11, 30)).id == name
    assert models.choose(name, None, date(2026, 12, 1)).id == "gpt-image-2.6-flare"


@pytest.mark.parametrize("model", BOOK.values(), ids=lambda m: m.id)
def test_every_model_is_of_a_provider_that_exists(model: ImageModel) -> None:
    """And has sources, and if it is going somewhere to go."""
    assert model.provider in REGISTRY
    assert model.sources
    assert (model.shutdown is None) == (model.successor is None)
    assert model.successor is None or BOOK[model.successor].shutdown is None


@pytest.mark.parametrize("model", [m for m in BOOK.values() if not m.retired(TODAY)], ids=lambda m: m.id)
def test_every_living_model_has_a_price_and_fits_its_own_default(model: ImageModel) -> None:
    """An estimate and a cost can be given, and a request without wishes is left alone."""
    assert model.price.cost_micros(TokenUsage(input_text=8, output_image=1120)) is not None
    assert catalog(load_models()).fit(ImageRequest(prompt="a cat", model=model.id), TODAY).adjustments == ()


def test_a_picture_costs_what_the_provider_says() -> None:
    """1,120 tokens of a picture at 1K come to $0.0336, and on the larger model to $0.1344."""
    drawn = TokenUsage(output_image=1120)
    assert BOOK["gemini-nano-banana-2.1"].price.cost_micros(drawn) == 33_600
    assert BOOK["gemini-3-pro-image"].price.cost_micros(drawn) == 134_400
    assert BOOK["sketch-1"].price.cost_micros(None) == 0


def test_gemini_draws_fourteen_shapes_in_three_tiers() -> None:
    """Each tier has twice the sides of the one before; the shape alone means the smallest."""
    sizes = BOOK["gemini-nano-banana-2.1"].capabilities.sizes
    assert isinstance(sizes, Sizes)
    assert len(sizes.choices) == 14 * 3
    assert sizes.size_of("16:9") == Size(1376, 768)
    assert sizes.named(Size(5504, 3072), None).tier == "4K"


def test_gpt_draws_common_sizes_exactly() -> None:
    """Every multiple of 16 with enough pixels."""
    sizes = BOOK["gpt-image-2.6-flare"].capabilities.sizes
    assert isinstance(sizes, AnySize)
    assert all(sizes.allows(size) for size in (Size(1280, 720), Size(1536, 864), Size(2160, 3840), Size(1536, 512)))
    assert not sizes.allows(Size(512, 512))


# --- an operator's book -------------------------------------------------------------------------------------------


def test_a_model_is_added(write: Write) -> None:
    """After those that ship, which stay as they are."""
    models = load_models(write(HOUSE))
    assert models[:-1] == load_models()
    house = models[-1]
    assert (house.id, house.provider, house.capabilities.images_per_call, house.deadline) == (
        "house-1",
        "openai",
        1,
        180,
    )
    assert house.price == Price(input_text=Decimal("0.1"), output_image=Decimal(3))
    assert isinstance(house.capabilities.sizes, Sizes)
    assert [choice.aspect_ratio for choice in house.capabilities.sizes.choices] == ["4:3", "3:4"]


def test_a_model_is_replaced_whole(write: Write) -> None:
    """Nothing of the shipped one is left, and its place in the list is kept."""
    text = """
    [[models]]
    id = "gemini-2.5-flash-image"
    provider = "gemini"
    sizes = "gemini-10-small"
    sources = ["answered today, 2026-11-21"]
    """
    models = load_models(write(text))
    assert [model.id for model in models] == list(BOOK)
    replaced = next(model for model in models if model.id == "gemini-2.5-flash-image")
    assert (replaced.shutdown, replaced.successor, replaced.price) == (None, None, Price())


def test_a_default_moves(write: Write) -> None:
    """Of each provider one model is the default, and the operator's word counts."""
    models = load_models(write(HOUSE + "default = true\nqualities = ['auto', 'low']\n"))
    assert [m.id for m in models if m.default and m.provider == "openai"] == ["house-1"]
    assert models[-1].capabilities.qualities == {Quality.AUTO, Quality.LOW}
    assert catalog(models).choose(None, "openai", TODAY).id == "house-1"


def test_an_empty_book_changes_nothing(write: Write) -> None:
    """What ships stays."""
    assert load_models(write("")) == load_models()


def test_a_book_that_is_not_there_is_named(tmp_path: Path) -> None:
    """Its path is in the sentence."""
    with pytest.raises(ModelBookInvalid, match=r"nowhere\.toml' cannot be read"):
        load_models(tmp_path / "nowhere.toml")


@pytest.mark.parametrize("contents", [b"[[models]", b"\xff", b"id = "])
def test_what_is_not_toml_is_refused(tmp_path: Path, contents: bytes) -> None:
    """With the place that was not understood, where there is one."""
    path = tmp_path / "models.toml"
    path.write_bytes(contents)
    with pytest.raises(ModelBookInvalid, match="not TOML"):
        load_models(path)


WRONG = """
colors = "no such table"

[sizes.free]
step = 16
least = 16
longest = 1024
shortest = 2048
most_ratio = 3
default = "4096x4096"
fewest = 99_999_999

[sizes.none]
list = []

[sizes.odd]
ratios = { "1:1" = "1024x1024", "wide" = "2x1" }

[prices.negative]
output_image = -1
output_text = nan

[[models]]
id = "one"
provider = "openai"
sizes = "nowhere"
price = "nowhere"
sources = []
deadline = 0
images_per_call = 11
qualities = ["ultra"]
formats = ["gif"]
color = "red"

[[models]]
provider = "openai"
sizes = "gpt-image-any"
sources = ["x"]

[[models]]
id = "three"
provider = "openai"
sizes = "nowhere"
price = "nowhere"
sources = ["x"]

[[models]]
id = "four"
provider = "openai"
sizes = "gpt-image-any"
sources = ["x"]
released = 2026-02-02
shutdown = 2026-02-01
successor = "four"
default = true
aliases = ["dall-e-3", "shared"]

[[models]]
id = "five"
provider = "openai"
sizes = "gpt-image-any"
sources = ["x"]
successor = "nobody"
default = true

[[models]]
id = "five"
provider = "sketch"
sizes = "sketch"
sources = ["x"]

[[models]]
id = "six"
provider = "sketch"
sizes = "sketch"
sources = ["x"]
aliases = ["shared", "six"]
"""

FAULTS = [
    "the book: colors: ",
    "sizes.free: default: ",
    "sizes.free: shortest: ",
    "sizes.free: fewest: ",
    "sizes.none: list: ",
    "sizes.odd: ratios: ",
    "prices.negative: output_text: ",
    "prices.negative: output_image: ",
    "one: color: ",
    "one: sources: ",
    "one: deadline: ",
    "one: qualities: ",
    "one: formats: ",
    "one: images_per_call: ",
    "model 2: id: ",
    "three: price: ",
    "three: sizes: ",
    "four: shutdown: ",
    "five: id: ",
    "five: default: ",
    "four: aliases: ",
    "four: successor: ",
    "six: aliases: ",
]


def test_every_fault_is_told_at_once(write: Write) -> None:
    """By model and field, so that a book is mended in one go."""
    with pytest.raises(ModelBookInvalid) as raised:
        load_models(write(WRONG))
    told = raised.value.faults
    assert [fault for fault in FAULTS if not any(one.startswith(fault) for one in told)] == []
    assert [one for one in told if not one.startswith(tuple(FAULTS))] == []
    assert str(raised.value) == "\n".join(told)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("models = 3", "models: must be an array of tables"),
        ("models = [3]", "model 1: must be a table"),
        ("sizes = 3", "sizes: must be a table"),
        ("[sizes]\nx = 3", "sizes.x: must be a table"),
        ("prices = 3", "prices: must be a table"),
        ("[[models]]\nid = 'a b'", "a b: id: "),
        (HOUSE + 'successor = "nobody"', "house-1: successor: no model has the id 'nobody'"),
        (HOUSE + 'successor = "house-1"', "house-1: successor: the successors lead back to it"),
    ],
)
def test_a_book_of_another_form_is_refused(write: Write, text: str, fault: str) -> None:
    """Whatever stands where a table belongs."""
    with pytest.raises(ModelBookInvalid) as raised:
        load_models(write(text))
    assert any(one.startswith(fault) for one in raised.value.faults)


def test_the_shipped_book_is_sorted_by_provider() -> None:
    """A reader finds each provider's models in one place, the default first."""
    path = Path(load_models.__code__.co_filename).with_name("models.toml")
    entries = [(entry["provider"], entry["id"]) for entry in tomllib.loads(path.read_text())["models"]]
    providers = list(dict.fromkeys(provider for provider, _ in entries))
    assert [provider for provider, _ in entries] == sorted((p for p, _ in entries), key=providers.index)
    assert [next(id_ for p, id_ in entries if p == provider) for provider in providers] == [
        DEFAULTS[p] for p in providers
    ]
