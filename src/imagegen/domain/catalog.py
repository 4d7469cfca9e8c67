"""What the models can do, and how a request is fitted to one of them before any money is spent."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from imagegen.domain.errors import Fault, ProviderNotConfigured, UnknownModel, UnsupportedParameters
from imagegen.domain.generations import Adjustment
from imagegen.domain.images import Background, ImageFormat, ImageRequest, Quality
from imagegen.domain.prices import Price
from imagegen.domain.sizes import AnySize, Sizes

ALPHA_FORMATS: Final = frozenset({ImageFormat.PNG, ImageFormat.WEBP})


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a model takes natively; the rest is fitted, worded into the prompt, fanned out or re-encoded by us."""

    sizes: Sizes | AnySize
    qualities: frozenset[Quality] = frozenset()
    formats: frozenset[ImageFormat] = frozenset()
    transparent: bool = False
    seed: bool = False
    images_per_call: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageModel:
    """A model as the book describes it.

    `successor` is where a retired model's requests go. `deadline` is how long one call may take, in seconds.
    """

    id: str
    provider: str
    capabilities: Capabilities
    price: Price
    aliases: tuple[str, ...] = ()
    default: bool = False
    released: date | None = None
    shutdown: date | None = None
    successor: str | None = None
    deadline: float = 180.0
    sources: tuple[str, ...] = ()

    def retired(self, today: date) -> bool:
        """Whether its provider has shut it down."""
        return self.shutdown is not None and self.shutdown <= today


@dataclass(frozen=True, slots=True)
class Fitted:
    """A request as it will be asked, the model that will be asked, and every difference with its reason."""

    applied: ImageRequest
    model: ImageModel
    adjustments: tuple[Adjustment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """The models that are known, and the providers that are configured, in order of preference.

    `missing` maps each provider that lacks its credentials to the variables that would supply them.

    Raises:
        ValueError: the successors of a model lead to one that is not here, or in a circle.
    """

    models: tuple[ImageModel, ...]
    providers: tuple[str, ...]
    missing: Mapping[str, tuple[str, ...]]
    default_model: str | None = None

    def __post_init__(self) -> None:
        for model in self.models:
            line, successor = {model.id}, model.successor
            while successor is not None:
                heir = self.find(successor)
                if heir is None or heir.id in line:
                    raise ValueError(f"the successors of the model '{model.id}' lead nowhere")
                line.add(heir.id)
                successor = heir.successor

    def find(self, name: str) -> ImageModel | None:
        """The model of that id or alias."""
        return next((m for m in self.models if m.id == name), None) or next(
            (m for m in self.models if name in m.aliases), None
        )

    def available(self, model: ImageModel, today: date) -> bool:
        """Whether its provider is configured and has not shut it down."""
        return model.provider in self.providers and not model.retired(today)

    def choose(self, name: str | None, provider: str | None, today: date) -> ImageModel:
        """The model that will draw a request for the model `name` at `provider`, either of them left open or not.

        A retired model's successor stands in for it, and where that one's provider is not configured, the default.

        Raises:
            UnknownModel: nothing is known under that name, or not at that provider.
            ProviderNotConfigured: its provider lacks credentials, or no provider has any.
        """
        if name is None:
            return self._default(provider, today)
        model = self._living(name, today)
        if provider is not None and model.provider != provider:
            raise UnknownModel(faults=(Fault("/model", f"The provider '{provider}' has no such model."),))
        if provider is None and model.provider not in self.providers and model is not self.find(name):
            return self._default(None, today)
        return self._configured(model)

    def fit(self, request: ImageRequest, today: date) -> Fitted:
        """Fit a request to a model; fitting what was fitted changes nothing.

        Raises:
            UnsupportedParameters: the request is strict and something would have to differ.
        """
        model = self.choose(request.model, request.provider, today)
        adjustments = list(_naming(request, model))
        applied = replace(request, model=model.id, provider=model.provider)
        for adjust in (_sized, _qualified, _backed, _seeded):
            applied, found = adjust(applied, model)
            adjustments.extend(found)
        refused = [a for a in adjustments if not (a.parameter == "model" and request.model in model.aliases)]
        if request.strict and refused:  # another name for the same model is no other model
            raise UnsupportedParameters(faults=tuple(Fault(f"/{a.parameter}", a.reason) for a in refused))
        return Fitted(applied, model, tuple(adjustments))

    def fallback(self, request: ImageRequest, *, tried: Collection[str], today: date, reason: str) -> Fitted | None:
        """Fit a request, as it was made, to the default model of the first provider that was not tried, in their order.

        The move is an adjustment with that reason: of the model where one was named, else of the provider. `None` when
        there is nobody left, and when the caller insists: on a provider, or with a strict request on a model or on
        something that the others cannot do.
        """
        if request.provider is not None or (request.strict and request.model is not None):
            return None
        for provider in self.providers:
            if provider in tried:
                continue
            try:
                fitted = self.fit(replace(request, model=None, provider=provider), today)
            except (UnknownModel, UnsupportedParameters):
                continue
            return replace(fitted, adjustments=(_moving(request, fitted.model, reason), *fitted.adjustments))
        return None

    def _living(self, name: str, today: date) -> ImageModel:
        """The model of that name, or the first of its successors that has not been shut down."""
        model = self.find(name)
        while model is not None and model.successor is not None and model.retired(today):
            model = self.find(model.successor)
        if model is None:
            raise UnknownModel(faults=(Fault("/model", "No model of this name is known."),))
        return model

    def _configured(self, model: ImageModel) -> ImageModel:
        if model.provider not in self.providers:
            raise ProviderNotConfigured(model.provider, self.missing.get(model.provider, ()))
        return model

    def _default(self, provider: str | None, today: date) -> ImageModel:
        if provider is None and self.default_model is not None:
            return self._configured(self._living(self.default_model, today))
        if provider is None:
            provider = next(iter((*self.providers, *self.missing)), "")
        if provider not in self.providers and provider in self.missing:
            raise ProviderNotConfigured(provider, self.missing[provider])
        models = [m for m in self.models if m.provider == provider and self.available(m, today)]
        if not models:
            raise UnknownModel(faults=(Fault("/provider", "No provider of this name has a model to offer."),))
        return next((m for m in models if m.default), models[0])


_Step = tuple[ImageRequest, Iterable[Adjustment]]


def _naming(request: ImageRequest, model: ImageModel) -> Iterable[Adjustment]:
    if request.model in (None, model.id):
        return
    if request.model in model.aliases:
        reason = f"'{request.model}' is another name for it."
    else:
        reason = f"'{request.model}' has been shut down; this model stands in for it."
    yield Adjustment("model", request.model, model.id, reason)


def _moving(request: ImageRequest, model: ImageModel, reason: str) -> Adjustment:
    if request.model is None:
        return Adjustment("provider", None, model.provider, reason)
    return Adjustment("model", request.model, model.id, reason)


def _sized(request: ImageRequest, model: ImageModel) -> _Step:
    sizes = model.capabilities.sizes
    if request.size is not None:
        size = sizes.nearest(request.size)
        found = (
            []
            if size == request.size
            else [Adjustment("size", str(request.size), str(size), f"{model.id} draws this size nearest to it.")]
        )
        return replace(request, size=size), found
    if request.aspect_ratio is None:
        return request, ()
    label = sizes.nearest_ratio(request.aspect_ratio)
    found = (
        []
        if label == request.aspect_ratio
        else [Adjustment("aspect_ratio", request.aspect_ratio, label, f"{model.id} draws this shape nearest to it.")]
    )
    return replace(request, aspect_ratio=label), found


def _qualified(request: ImageRequest, model: ImageModel) -> _Step:
    if request.quality in (None, *model.capabilities.qualities):
        return request, ()
    if request.quality is Quality.AUTO:
        return replace(request, quality=None), ()
    reason = f"{model.id} has no such setting."
    return replace(request, quality=None), [Adjustment("quality", str(request.quality), None, reason)]


def _backed(request: ImageRequest, model: ImageModel) -> _Step:
    if request.background is not Background.TRANSPARENT:
        return request, ()
    if not model.capabilities.transparent:
        reason = f"{model.id} cannot draw on a transparent ground."
    elif request.output_format not in (None, *ALPHA_FORMATS):
        reason = f"{request.output_format} has no transparency."
    else:
        return replace(request, output_format=request.output_format or ImageFormat.PNG), ()
    return replace(request, background=None), [Adjustment("background", str(request.background), None, reason)]


def _seeded(request: ImageRequest, model: ImageModel) -> _Step:
    if request.seed is None or model.capabilities.seed:
        return request, ()
    return replace(request, seed=None), [Adjustment("seed", request.seed, None, f"{model.id} takes no seed.")]
