"""imagegen beside a bare floor, the usual recipe and LiteLLM, in one run, as ratios to the floor.

    python benchmarks/run.py --quick
    python benchmarks/run.py --litellm /path/to/litellm --suites load,inflight --json figures.json

The method is explained in docs/benchmarks.md. Linux only: the costs are read from /proc.
"""

import json
import os
import platform
import subprocess
import tempfile
from argparse import Namespace
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path

import report
from options import parse
from service import Service
from targets import TARGETS, Site, direct
from window import Bench, Cell, Observed


def main() -> None:
    """Measure what the command line asks for; print Markdown, write JSON if wanted."""
    options = parse(__doc__ or "")
    results = report.Results(environment(options.litellm))
    show(report.environment(results))
    with tempfile.TemporaryDirectory(prefix="imagegen-bench-", dir=options.tmp) as name, ExitStack() as running:
        folder = Path(name)
        upstream = Service(direct(), folder)
        running.callback(upstream.stop)
        upstream.start()
        bench = Bench(upstream.url, folder)
        site = Site(upstream.url, folder, options.imagegen, options.litellm, options.postgres)
        services = [upstream]
        for target in options.targets:
            service = Service(TARGETS[target](site), folder)
            running.callback(service.stop)
            results.starts[target] = start(service, options.starts)
            bench.verify(service)
            services.append(service)
        show(report.starts(results))
        if "load" in options.suites:
            load(bench, services, results, options)
        if "inflight" in options.suites:
            burst(bench, services, results, options)
    if options.json:
        options.json.write_text(json.dumps(report.plain(results), indent=1))


def start(service: Service, times: int) -> list[tuple[float, float]]:
    """Start a target so often and leave it running, with an account if it has accounts."""
    seen = []
    for _ in range(times):
        service.stop()
        seen.append(service.start())
    if service.target.registers:
        service.register()
    return seen


def load(bench: Bench, services: list[Service], results: report.Results, options: Namespace) -> None:
    """Measure every cell under steady load."""
    for cell in options.cells:
        results.cells[cell] = rotate(bench, services, cell, options.seconds, options.rounds)
        show(report.cell(cell, results.cells[cell]))
    if any(name.startswith("imagegen") for name in results.starts):
        show(report.comparison(results))


def burst(bench: Bench, services: list[Service], results: report.Results, options: Namespace) -> None:
    """Measure requests sent all at once to a slow provider."""
    cell = Cell("100k", options.inflight, 2000)
    results.bursts[cell] = rotate(bench, services, cell, 0, options.burst_rounds)
    show(report.burst(cell, results.bursts[cell]))


def rotate(bench: Bench, services: list[Service], cell: Cell, seconds: float, rounds: int) -> dict[str, list[Observed]]:
    """Load all targets in turn, each round beginning with the next one, so that a noisy machine hurts all alike."""
    seen: dict[str, list[Observed]] = {service.target.name: [] for service in services}
    for number in range(rounds):
        first = number % len(services)
        for service in services[first:] + services[:first]:
            seen[service.target.name].append(bench.load(service, cell, seconds))
    return seen


def environment(litellm: Path | None) -> dict[str, str]:
    """The versions and the machine that the figures belong to."""
    seen = {"Python": platform.python_version(), "cores": str(os.cpu_count())}
    seen |= {name: version(name) for name in ("uvicorn", "uvloop", "pyreqwest", "litestar", "httpx")}
    if litellm:
        ask = "import importlib.metadata; print(importlib.metadata.version('litellm'))"
        seen["litellm"] = subprocess.check_output((litellm.with_name("python"), "-c", ask), text=True).strip()
    return seen


def show(text: str) -> None:
    """Print at once: a run takes minutes."""
    print(text, flush=True)


if __name__ == "__main__":
    main()
