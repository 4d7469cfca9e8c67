"""Everything that is wrong with a book, gathered."""

from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

Table = TypeVar("Table", bound=msgspec.Struct)


class Faults:
    """Sentences, each beginning with where the fault is: a model's id and a field, or a named size or price."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def add(self, sentence: str) -> None:
        """Remember one more."""
        self.sentences.append(sentence)

    def unknown(self, where: str, names: Iterable[str]) -> None:
        """Remember fields that do not exist: a misspelt one would be left out silently otherwise."""
        for name in sorted(names):
            self.add(f"{where}: {name}: there is no such field")

    def convert(self, where: str, raw: Any, kind: type[Table]) -> Table | None:
        """What a table describes, or `None` and a fault for each field that is wrong."""
        if not isinstance(raw, dict):
            self.add(f"{where}: must be a table")
            return None
        before = len(self.sentences)
        fields = {field.name: field for field in msgspec.structs.fields(kind)}
        self.unknown(where, set(raw) - set(fields))
        values = {}
        for name, field in fields.items():
            if name in raw:
                try:
                    values[name] = msgspec.convert(raw[name], field.type)
                except msgspec.ValidationError as error:
                    self.add(f"{where}: {name}: {error}")
            elif field.required:
                self.add(f"{where}: {name}: is missing")
        return kind(**values) if len(self.sentences) == before else None
