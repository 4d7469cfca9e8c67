"""The figures of a run as a table in Markdown: `python tests/crash/report.py FIGURES`."""

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

OWN_COLUMNS: Final = ("requests", "calls", "violations")


def table(results: Iterable[Mapping[str, Any]]) -> str:
    """A row for each scenario on each fleet; what only some scenarios measure stands together in the last column."""
    head = ("Scenario", "Fleet", *(name.capitalize() for name in OWN_COLUMNS), "Measured")
    rows = [head, ("---", "---", *["---:"] * len(OWN_COLUMNS), "---"), *map(_row, results)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(result: Mapping[str, Any]) -> tuple[str, ...]:
    values: dict[str, str] = dict(result["values"])
    own = [values.pop(name, "") for name in OWN_COLUMNS]
    return (result["scenario"], result["fleet"], *own, "; ".join(f"{name}: {text}" for name, text in values.items()))


if __name__ == "__main__":
    print(table(map(json.loads, Path(sys.argv[1]).read_text().splitlines())))  # noqa: T201 - that is what it is for
