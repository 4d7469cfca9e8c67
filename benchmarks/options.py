"""The command line: which targets, under which conditions, for how long."""

import argparse
import sys
from pathlib import Path
from typing import Final

from pictures import SIZES
from targets import TARGETS
from window import Cell

EVERY_CELL: Final = ",".join(f"{size}/{connections}" for size in SIZES for connections in (1, 32, 256))
QUICK_CELLS: Final = "1k/1,100k/32,1536k/32"
SUITES: Final = ("load", "inflight")


def parse(description: str) -> argparse.Namespace:
    """Read the command line and settle what it leaves open."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    _declare(parser)
    options = parser.parse_args()
    quick = options.quick
    options.rounds = options.rounds or (2 if quick else 5)
    options.seconds = options.seconds or (0.6 if quick else 1.0)
    options.starts = options.starts or (1 if quick else 3)
    options.burst_rounds = 1 if quick else 3
    options.cells = options.cells or _cells(QUICK_CELLS if quick else EVERY_CELL)
    options.suites = _choice(parser, options.suites, SUITES)
    options.targets = _targets(parser, options)
    return options


def _declare(parser: argparse.ArgumentParser) -> None:
    option = parser.add_argument
    option("--quick", action="store_true", help="three cells, two short rounds, one start: under a minute")
    option("--targets", help=f"of {', '.join(TARGETS)}; the floor is always among them")
    option("--imagegen", type=Path, default=Path(sys.executable).with_name("imagegen"), help="the imagegen command")
    option("--litellm", type=Path, help="the litellm command, in an environment of its own")
    option("--postgres", help="URL of an empty database: measure imagegen on Postgres, too")
    option("--suites", default="load", help="load, inflight (a burst of requests held at once) or both")
    option("--cells", type=_cells, help=f"SIZE/CONNECTIONS[/LATENCY_MS], comma-separated; default {EVERY_CELL}")
    option("--rounds", type=int, help="windows for each target and cell (5)")
    option("--seconds", type=float, help="length of a window (1)")
    option("--starts", type=int, help="starts of each target (3)")
    option(
        "--inflight", type=int, default=1000, help="requests of the burst (1000), each 100 KiB and 2 s at the provider"
    )
    option("--tmp", type=Path, help="where databases and pictures lie; /dev/shm leaves the disk out of it")
    option("--json", type=Path, help="write all figures to this file")


def _targets(parser: argparse.ArgumentParser, options: argparse.Namespace) -> list[str]:
    """The targets to measure, the floor first."""
    defaults = {"floor": True, "imagegen": True, "recipe": True}
    defaults |= {"imagegen-postgres": bool(options.postgres), "litellm": bool(options.litellm)}
    usual = ",".join(name for name, included in defaults.items() if included)
    chosen = _choice(parser, options.targets or usual, tuple(TARGETS))
    needed = {"litellm": options.litellm, "imagegen-postgres": options.postgres}
    if lacking := [name for name in chosen if name in needed and not needed[name]]:
        parser.error(f"{', '.join(lacking)}: say where with --litellm or --postgres")
    return ["floor", *(name for name in chosen if name != "floor")]


def _cells(text: str) -> list[Cell]:
    try:
        return [Cell.parse(part) for part in text.split(",")]
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _choice(parser: argparse.ArgumentParser, text: str, known: tuple[str, ...]) -> list[str]:
    """Split a comma-separated option and end the program if it names something unknown."""
    names = text.split(",")
    if unknown := set(names) - set(known):
        parser.error(f"{', '.join(sorted(unknown))}: choose from {', '.join(known)}")
    return names
