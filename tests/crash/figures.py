"""What a test measured: printed, and kept for the table."""

import json
import os
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from crash.books import Books
from crash.scale import SEED

FILE: Final = os.environ.get("IMAGEGEN_TEST_CRASH_FIGURES")


@dataclass(slots=True)
class Figures:
    """The figures of one scenario on one fleet."""

    scenario: str
    fleet: str
    values: dict[str, str] = field(default_factory=dict)
    _begun: float = field(default_factory=time.monotonic)

    def add(self, **values: object) -> None:
        """Take some figures, each under what the table calls it, with spaces for the underscores."""
        self.values |= {name.replace("_", " "): _text(value) for name, value in values.items()}

    def add_books(self, books: Books) -> None:
        """Take what the books say."""
        waits = books.waits() or [0.0]
        self.add(
            requests=len(books.asked),
            acknowledged=sum(asked.generation is not None for asked in books.asked),
            outcomes=books.outcomes(),
            calls=len(books.calls),
            drawn_and_gone=books.gone(),
            begun_after=f"{statistics.median(waits):.3f} s, {max(waits):.1f} s at worst",
            settled_after=f"{books.settled:.1f} s",
            **_starts(books.starts),
            violations=len(books.violations()),
        )

    def tell(self) -> None:
        """Print them, with the seed, and add them to the file if there is one."""
        self.add(took=f"{time.monotonic() - self._begun:.0f} s")
        print(f"\n{self.scenario}, {self.fleet}, seed {SEED}: {self.values}")  # noqa: T201 - for whoever runs this
        if FILE is not None:
            with Path(FILE).open("a") as file:
                file.write(json.dumps({"scenario": self.scenario, "fleet": self.fleet, "values": self.values}) + "\n")


def _starts(starts: Sequence[float]) -> Mapping[str, str]:
    if not starts:
        return {}
    return {"ready_again": f"{statistics.median(starts):.2f} s, {max(starts):.2f} s at worst"}


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{count} {name}" for name, count in value.items())
    return str(value)
