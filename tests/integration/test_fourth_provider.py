"""Adding a provider is one file and one line."""

import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path

import httpx
import pytest

from imagegen.adapters.model_book import load_models
from imagegen.adapters.providers import PROVIDERS, Registry
from imagegen.asgi import serving
from imagegen.bootstrap import assemble
from imagegen.domain.catalog import Catalog
from imagegen.domain.errors import ProviderNotConfigured
from imagegen.domain.images import ImageFormat, ImageRequest, Size
from imagegen.settings import Settings

THE_FILE = '''
"""A provider that paints the whole picture in one color."""

from io import BytesIO

from PIL import Image

from imagegen.domain.catalog import Capabilities, ImageModel
from imagegen.domain.images import ImageFormat, Size
from imagegen.domain.ports import ImageProvider, ProviderAnswer
from imagegen.domain.prices import Price
from imagegen.domain.sizes import AnySize

VARIABLES = ("PAINTER_COLOR",)

MODELS = (
    ImageModel(
        id="one-color",
        provider="painter",
        capabilities=Capabilities(
            sizes=AnySize(step=8, least=8, longest=512, shortest=512, most_ratio=4, default=Size(64, 64)),
            formats=frozenset({ImageFormat.PNG}),
        ),
        price=Price(free=True),
        default=True,
    ),
)


class Painter(ImageProvider):
    """Paints in a color."""

    name = "painter"

    def __init__(self, color):
        self.color = color

    async def generate(self, request, *, count, deadline):
        """Paint."""
        picture = BytesIO()
        Image.new("RGB", (request.size.width, request.size.height), self.color).save(picture, "png")
        return ProviderAnswer(pictures=(picture.getvalue(),) * count, usage=None, request_id=None)

    async def check(self):
        """Nothing can be wrong."""

    async def close(self):
        """Nothing to let go of."""


def connect(environment, models):
    """The painter, with its color."""
    return Painter(environment["PAINTER_COLOR"])
'''
THE_LINE: Mapping[str, str] = {"painter": "a_painter_of_one_color"}


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    """The registry with the line, and the file where Python finds it."""
    (tmp_path / "a_painter_of_one_color.py").write_text(THE_FILE)
    sys.path.insert(0, str(tmp_path))
    yield Registry({**PROVIDERS, **THE_LINE})
    sys.path.remove(str(tmp_path))
    sys.modules.pop("a_painter_of_one_color", None)


async def test_a_fourth_provider_is_one_file_and_one_line(registry: Registry) -> None:
    """It is listed, its models are in the catalog, requests are fitted to them, and it draws."""
    environment = {"PAINTER_COLOR": "teal"}
    assert list(registry) == [*PROVIDERS, "painter"]
    assert registry.configured("painter", environment)
    models = (*load_models(), *registry.models("painter"))
    catalog = Catalog(models=models, providers=("painter",), missing={})
    wish = ImageRequest(prompt="a wall", provider="painter", size=Size(100, 100), output_format=ImageFormat.PNG)
    applied = catalog.fit(wish, date(2026, 11, 21)).applied
    provider = registry.connect("painter", environment, models)
    answer = await provider.generate(applied, count=2, deadline=10)
    assert applied.size == Size(96, 96)
    assert len(answer.pictures) == 2


def test_a_fourth_provider_without_credentials_names_its_variable(registry: Registry) -> None:
    """As every provider does."""
    assert not registry.configured("painter", {"PAINTER_COLOR": " "})
    with pytest.raises(ProviderNotConfigured, match="set PAINTER_COLOR"):
        registry.connect("painter", {}, ())


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_provider_without_credentials_names_its_variables(name: str) -> None:
    """The offline one needs none."""
    registry = Registry(PROVIDERS)
    if not registry.variables(name):
        assert registry.configured(name, {})
        return
    with pytest.raises(ProviderNotConfigured) as raised:
        registry.connect(name, {}, ())
    assert all(variable in raised.value.detail for variable in registry.variables(name))


@asynccontextmanager
async def served(settings: Settings, registry: Registry) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the whole service, with that registry's providers."""
    assembly = assemble(settings, registry)
    transport = httpx.ASGITransport(app=serving(settings, assembly))  # type: ignore[arg-type]  # Litestar's alias is narrower
    async with assembly.running(), httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


async def test_the_whole_service_draws_with_it(registry: Registry, tmp_path: Path) -> None:
    """With the file, the line and its variable set, a prompt over HTTP becomes a picture by the new provider."""
    settings = Settings.load({"PAINTER_COLOR": "red", "IMAGEGEN_DATA_DIR": str(tmp_path / "data")})
    async with served(settings, registry) as client:
        account = {"email": "test@example.com", "password": "securepassword123"}
        login = (await client.post("/v1/auth/register", json=account)).json()
        bearer = {"Authorization": f"Bearer {login['access_token']}"}
        key = (await client.post("/v1/keys", json={}, headers=bearer)).json()["key"]
        bearer = {"Authorization": f"Bearer {key}"}
        made = (await client.post("/v1/generate", json={"prompt": "a dot", "size": "16x8"}, headers=bearer)).json()
        assert (made["provider"], made["model"], made["status"]) == ("painter", "one-color", "succeeded")
        assert (made["images"][0]["width"], made["images"][0]["height"]) == (16, 8)
        models = (await client.get("/v1/models", headers=bearer)).json()["data"]
        assert [model["id"] for model in models if model["available"]] == ["one-color"]
