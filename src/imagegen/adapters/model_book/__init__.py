"""The model book: what is known of the providers' models, as data with sources and dates.

The book that ships with the package is `models.toml` beside this file; its head explains its form. An operator's
book has the same form and goes on top of it: a model with an id of the shipped book replaces that one whole, any
other is added, and a model marked as the default takes that mark from the shipped one of its provider. Named sizes
and prices of the shipped book can be referred to, and replaced for the operator's own models.
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

from imagegen.adapters.model_book.entries import Tables, read_model, read_prices
from imagegen.adapters.model_book.faults import Faults
from imagegen.adapters.model_book.sizes import read_sizes
from imagegen.domain.catalog import ImageModel


class ModelBookInvalid(ValueError):
    """The book cannot be used; `faults` has a sentence per fault, each beginning with where it is."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


def load_models(path: Path | None = None) -> tuple[ImageModel, ...]:
    """The models of the shipped book, with those of an operator's book on top.

    Raises:
        ModelBookInvalid: a book cannot be read or is wrong; all faults are told at once.
    """
    faults = Faults()
    book = _parsed(files(__package__).joinpath("models.toml").read_bytes(), faults)
    tables = _tables(book, faults, Tables({}, {}))
    models = {model.id: model for model in _models(book, tables, faults)}
    if path is not None:
        book = _parsed(_contents(path, faults), faults)
        models = _on_top(models, _models(book, _tables(book, faults, tables), faults))
    _check_names(models, faults)
    if faults.sentences:
        raise ModelBookInvalid(faults.sentences)
    return tuple(models.values())


def _contents(path: Path, faults: Faults) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        faults.add(f"'{path}' cannot be read: {error.strerror}")
        return b""


def _parsed(contents: bytes, faults: Faults) -> Mapping[str, Any]:
    try:
        book = tomllib.loads(contents.decode(), parse_float=Decimal)
    except ValueError as error:  # not UTF-8, or not TOML
        faults.add(f"the book is not TOML: {error}")
        return {}
    faults.unknown("the book", set(book) - {"sizes", "prices", "models"})
    return book


def _tables(book: Mapping[str, Any], faults: Faults, known: Tables) -> Tables:
    sizes, prices = read_sizes(book.get("sizes", {}), faults), read_prices(book.get("prices", {}), faults)
    return Tables({**known.sizes, **sizes}, {**known.prices, **prices})


def _models(book: Mapping[str, Any], tables: Tables, faults: Faults) -> Sequence[ImageModel]:
    entries = book.get("models", [])
    if not isinstance(entries, list):
        faults.add("models: must be an array of tables")
        return []
    read = [read_model(raw, number, tables, faults) for number, raw in enumerate(entries, start=1)]
    models = [model for model in read if model is not None]
    defaults: dict[str, str] = {}
    for place, model in enumerate(models):
        if any(model.id == earlier.id for earlier in models[:place]):
            faults.add(f"{model.id}: id: is there twice")
        if model.default and defaults.setdefault(model.provider, model.id) != model.id:
            faults.add(
                f"{model.id}: default: '{defaults[model.provider]}' is the default of '{model.provider}' already"
            )
    return models


def _on_top(shipped: Mapping[str, ImageModel], own: Sequence[ImageModel]) -> dict[str, ImageModel]:
    taken = {model.provider for model in own if model.default}
    kept = {name: replace(m, default=m.default and m.provider not in taken) for name, m in shipped.items()}
    return kept | {model.id: model for model in own}


def _check_names(models: Mapping[str, ImageModel], faults: Faults) -> None:
    """A name means one model, and whoever follows the successors arrives at one that has none."""
    owners = {name: name for name in models}
    for model in models.values():
        for alias in model.aliases:
            if owners.setdefault(alias, model.id) != model.id or alias == model.id:
                faults.add(f"{model.id}: aliases: '{alias}' is a name of '{owners[alias]}' already")
        if model.successor is not None and model.successor not in models:
            faults.add(f"{model.id}: successor: no model has the id '{model.successor}'")
        elif model.id in _line(model, models):
            faults.add(f"{model.id}: successor: the successors lead back to it")


def _line(model: ImageModel, models: Mapping[str, ImageModel]) -> Iterable[str]:
    """The ids of the successors, each once."""
    line: list[str] = []
    while model.successor is not None and model.successor in models and model.successor not in line:
        line.append(model.successor)
        model = models[model.successor]
    return line
