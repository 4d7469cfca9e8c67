"""Who draws: one file (or package) and one line per provider.

A provider's module has, top to bottom:

- `VARIABLES`, the names of the environment variables of which any one holds its credentials; none if it needs none;
- `BASE_URL_VARIABLE`, the name of the variable that holds another address to ask, if there is one;
- `MODELS`, if it brings models of its own that are not in the model book;
- a class that keeps the promises of `ImageProvider`;
- `connect(environment, models)`, which makes one. It does no I/O.

Importing such a module is cheap: an SDK is imported when the first picture is asked for.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Final, Protocol, cast

from imagegen.domain.catalog import ImageModel
from imagegen.domain.errors import ProviderNotConfigured
from imagegen.domain.ports import ImageProvider

PROVIDERS: Final[Mapping[str, str]] = {
    "gemini": "imagegen.adapters.providers.gemini",
    "openai": "imagegen.adapters.providers.openai",
    "sketch": "imagegen.adapters.providers.sketch",
}
"""The module of each provider, in order of preference where nobody states one."""


class ProviderModule(Protocol):
    """What a provider's module has."""

    VARIABLES: tuple[str, ...]

    def connect(self, environment: Mapping[str, str], models: Sequence[ImageModel]) -> ImageProvider:
        """Make the provider from its variables and the models that it will be asked for."""


@dataclass(frozen=True, slots=True)
class Registry:
    """The providers that can be chosen, by name; iterating gives the names in order of preference."""

    modules: Mapping[str, str]

    def __iter__(self) -> Iterator[str]:
        return iter(self.modules)

    def __contains__(self, name: object) -> bool:
        return name in self.modules

    def variables(self, name: str) -> tuple[str, ...]:
        """The variables of which any one holds the provider's credentials; none if it needs none."""
        return self._module(name).VARIABLES

    def configured(self, name: str, environment: Mapping[str, str]) -> bool:
        """Whether the environment holds the provider's credentials, as far as can be seen without using them."""
        variables = self.variables(name)
        return not variables or any(environment.get(variable, "").strip() for variable in variables)

    def base_url_variable(self, name: str) -> str | None:
        """The variable that holds another address of the provider, if it knows one."""
        return cast("str | None", getattr(self._module(name), "BASE_URL_VARIABLE", None))

    def models(self, name: str) -> tuple[ImageModel, ...]:
        """The models that the provider brings along, beside those in the model book."""
        return cast("tuple[ImageModel, ...]", getattr(self._module(name), "MODELS", ()))

    def connect(self, name: str, environment: Mapping[str, str], models: Sequence[ImageModel]) -> ImageProvider:
        """Make the provider; `models` are all that are known, and it takes to itself those that are its own.

        Raises:
            ProviderNotConfigured: its credentials are missing.
        """
        if not self.configured(name, environment):
            raise ProviderNotConfigured(name, self.variables(name))
        return self._module(name).connect(environment, [model for model in models if model.provider == name])

    def _module(self, name: str) -> ProviderModule:
        return cast("ProviderModule", import_module(self.modules[name]))


REGISTRY: Final = Registry(PROVIDERS)
"""The providers that come with imagegen."""
