"""Who draws: the configured providers, the catalog of their models, and how they are."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from imagegen.adapters.model_book import ModelBookInvalid, load_models
from imagegen.adapters.providers import Registry
from imagegen.domain.catalog import Catalog, ImageModel
from imagegen.domain.errors import ImagegenError, Unavailable
from imagegen.domain.ports import ImageProvider
from imagegen.settings import Environment, Settings
from imagegen.settings.variables import http

FALLBACK: Final = "sketch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """The providers by name and the catalog of what they draw."""

    providers: Mapping[str, ImageProvider]
    catalog: Catalog

    async def check(self) -> None:
        """Ask every provider, all at once; raise `Unavailable`, naming those that would not answer."""
        if not self.providers:
            raise Unavailable("no provider is configured")
        answers = await asyncio.gather(*map(self._answers, self.providers))
        if not all(answers):
            away = ", ".join(name for name, answered in zip(self.providers, answers, strict=True) if not answered)
            raise Unavailable(f"not answering: {away}")

    async def _answers(self, name: str) -> bool:
        try:
            await self.providers[name].check()
        except ImagegenError:
            return False
        return True


def choose_drawing(settings: Settings, faults: list[str], registry: Registry) -> Drawing | None:
    """The providers that the settings name, or those with credentials, or else the offline one.

    A named provider that lacks its credentials does not keep the service from starting: what is asked of it is
    answered with the name of the missing variable. Adds to `faults` what cannot be.
    """
    unknown = [name for name in settings.providers if name not in registry]
    faults.extend(f"IMAGEGEN_PROVIDERS: there is no provider '{name}'" for name in unknown)
    models = _models(settings, registry, faults)
    if unknown or models is None:
        return None
    configured = [name for name in registry if registry.configured(name, settings.environment)]
    wanted = settings.providers or tuple(n for n in configured if n != FALLBACK) or (FALLBACK,)
    if settings.env is Environment.PRODUCTION and wanted == (FALLBACK,) and not settings.allow_sketch:
        faults.append("IMAGEGEN_PROVIDERS: no provider has credentials; IMAGEGEN_ALLOW_SKETCH=1 lets `sketch` draw")
        return None
    active = tuple(name for name in wanted if name in configured)
    faults.extend(_wrong_addresses(active, settings, registry))
    others = dict.fromkeys([*wanted, *registry])
    catalog = Catalog(
        models=models,
        providers=active,
        missing={name: () if name in configured else registry.variables(name) for name in others if name not in active},
        default_model=settings.default_model,
    )
    if settings.default_model is not None and catalog.find(settings.default_model) is None:
        faults.append("IMAGEGEN_DEFAULT_MODEL: no model of this name is known")
    providers = {name: registry.connect(name, settings.environment, models) for name in active}
    return Drawing(providers=providers, catalog=catalog)


def _wrong_addresses(active: Sequence[str], settings: Settings, registry: Registry) -> Iterator[str]:
    for variable in filter(None, map(registry.base_url_variable, active)):
        try:
            http(settings.environment.get(variable, "").strip() or "https://host")
        except ValueError as error:
            yield f"{variable}: {error}"


def _models(settings: Settings, registry: Registry, faults: list[str]) -> tuple[ImageModel, ...] | None:
    try:
        book = load_models(settings.models_file)
    except ModelBookInvalid as error:
        faults.extend(f"IMAGEGEN_MODELS_FILE: {fault}" for fault in error.faults)
        return None
    return (*book, *(model for name in registry for model in registry.models(name)))
