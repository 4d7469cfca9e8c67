"""The figures as Markdown: medians of the rounds, and their ratios to the floor within each round."""

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from operator import attrgetter

from order import Outcome
from window import Cell, Observed

Rounds = Mapping[str, Sequence[Observed]]
"""The windows of each target, in the order of the rounds."""
Figure = Callable[[Outcome], float]

_per_second: Figure = attrgetter("per_second")
_p50: Figure = attrgetter("p50")
_p99: Figure = attrgetter("p99")
_seconds: Figure = attrgetter("seconds")
_cpu: Figure = attrgetter("cpu_seconds")
_cpu_per_1000: Figure = attrgetter("cpu_per_1000")
_peak: Figure = attrgetter("peak")


@dataclass
class Results:
    """All that one run saw."""

    environment: dict[str, str]
    starts: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    """For each target the seconds until healthy and the MiB then held, of each start."""
    cells: dict[Cell, dict[str, list[Observed]]] = field(default_factory=dict)
    bursts: dict[Cell, dict[str, list[Observed]]] = field(default_factory=dict)


def plain(results: Results) -> dict[str, object]:
    """All figures, window by window, in types that JSON knows."""
    return {
        "environment": results.environment,
        "starts": results.starts,
        "cells": [_windows(cell, rounds) for cell, rounds in results.cells.items()],
        "bursts": [_windows(cell, rounds) for cell, rounds in results.bursts.items()],
    }


def environment(results: Results) -> str:
    """What ran and on what, in one line."""
    return ", ".join(f"{name} {value}" for name, value in results.environment.items())


def starts(results: Results) -> str:
    """Start-up and idle memory; the first start of imagegen and the recipe creates their database."""
    rows = []
    floor = results.starts["floor"]
    for name, seen in results.starts.items():
        again = [ready for ready, _ in seen[1:] or seen]
        floor_again = [ready for ready, _ in floor[1:] or floor]
        ready, idle = statistics.median(again), statistics.median(mib for _, mib in seen)
        idle_floor = statistics.median(mib for _, mib in floor)
        rows.append(
            [
                name,
                _number(seen[0][0] if len(seen) > 1 else math.nan),
                _number(ready),
                _times(ready / statistics.median(floor_again)),
                _number(idle),
                _times(idle / idle_floor),
            ]
        )
    head = ["target", "first start s", "later starts s", "x floor", "idle MiB", "x floor"]
    return _table("Start-up", head, rows)


def cell(of: Cell, rounds: Rounds) -> str:
    """The figures of one cell; latency is what a target adds to the provider asked directly."""
    rows = [[name, *_measures(rounds, name), _errors(seen)] for name, seen in rounds.items()]
    head = ["target", "requests/s", "x floor", "added p50 ms", "x floor", "added p99 ms", "x floor"]
    head += ["CPU s per 1,000", "x floor", "peak MiB", "x floor", "errors"]
    shares = [window.outcome.generator_share for name, seen in rounds.items() if name != "direct" for window in seen]
    note = f"The load generator used at most {max(shares):.0%} of a core."
    return f"{_table(str(of), head, rows)}\n\n{note}"


def burst(of: Cell, rounds: Rounds) -> str:
    """The figures of requests sent all at once."""
    rows = []
    for name, seen in rounds.items():
        row = [name, str(statistics.median_high(window.held for window in seen))]
        for figure in (_seconds, _p99, _peak, _cpu):
            row += [_number(_median(seen, figure)), _times(_ratio(rounds, name, figure))]
        rows.append([*row, _errors(seen)])
    head = ["target", "held at once", "wall s", "x floor", "p99 ms", "x floor", "peak MiB", "x floor"]
    head += ["CPU s", "x floor", "errors"]
    return _table(f"All at once: {of}", head, rows)


def comparison(results: Results) -> str:
    """Throughput of each imagegen target as a multiple of every other target's, cell by cell."""
    ours = [name for name in results.starts if name.startswith("imagegen")]
    others = [name for name in results.starts if not name.startswith("imagegen")]
    rows = [
        [name, str(of), *(_times(_ratio(rounds, name, _per_second, other)) for other in others)]
        for of, rounds in results.cells.items()
        for name in ours
    ]
    return _table("Throughput compared", ["target", "cell", *(f"x {name}" for name in others)], rows)


def _windows(cell: Cell, rounds: Rounds) -> dict[str, object]:
    return {
        "cell": asdict(cell),
        "targets": {name: [asdict(window) for window in seen] for name, seen in rounds.items()},
    }


def _measures(rounds: Rounds, name: str) -> Iterable[str]:
    """Each figure of a target followed by its ratio to the floor's."""
    yield from (_number(_median(rounds[name], _per_second)), _times(_ratio(rounds, name, _per_second)))
    for latency in (_p50, _p99):
        added, least = _added(rounds, name, latency), _added(rounds, "floor", latency)
        yield from (_number(added), _times(added / least if least > 0 and name != "direct" else math.nan))
    for figure in (_cpu_per_1000, _peak):
        yield from (_number(_median(rounds[name], figure)), _times(_ratio(rounds, name, figure)))


def _median(seen: Sequence[Observed], figure: Figure) -> float:
    return statistics.median(figure(window.outcome) for window in seen)


def _ratio(rounds: Rounds, name: str, figure: Figure, to: str = "floor") -> float:
    """The median of the ratios within each round, so that a slow minute of the machine hurts both sides alike."""
    pairs = [(figure(a.outcome), figure(b.outcome)) for a, b in zip(rounds[name], rounds[to], strict=True)]
    return statistics.median(ours / theirs if theirs else math.nan for ours, theirs in pairs)


def _added(rounds: Rounds, name: str, figure: Figure) -> float:
    pairs = zip(rounds[name], rounds["direct"], strict=True)
    return statistics.median(figure(a.outcome) - figure(b.outcome) for a, b in pairs)


def _errors(seen: Sequence[Observed]) -> str:
    kinds: dict[str, int] = {}
    for window in seen:
        for kind, count in window.outcome.errors.items():
            kinds[kind] = kinds.get(kind, 0) + count
    return ", ".join(f"{count} {kind}" for kind, count in kinds.items()) or "0"


def _table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        first, *rest = zip(cells, widths, strict=True)
        return "| " + " | ".join([first[0].ljust(first[1]), *(text.rjust(width) for text, width in rest)]) + " |"

    rule = "| " + " | ".join(["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]) + " |"
    return "\n".join([f"\n### {title}\n", line(head), rule, *map(line, rows)])


def _number(value: float) -> str:
    if math.isnan(value):
        return "-"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:,.{digits}f}"


def _times(ratio: float) -> str:
    return "-" if math.isnan(ratio) else f"{ratio:,.{1 if ratio >= 10 else 2 if ratio >= 0.1 else 3}f}"
