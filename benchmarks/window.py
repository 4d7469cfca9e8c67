"""One window of load on one target, and the proof that each request cost exactly one call to the provider."""

import itertools
import json
import subprocess
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import measure
import pictures
from order import SERIAL, Order, Outcome
from process import request
from service import Service
from targets import HERE

_TOUCHED_PICTURES: Final = 2500
_TOUCHED_MOST: Final = 768 << 20


@dataclass(frozen=True, order=True)
class Cell:
    """One condition of the measurement."""

    size: str
    connections: int
    latency_ms: float = 0.0
    """How long the provider takes."""

    @classmethod
    def parse(cls, text: str) -> "Cell":
        """Read `SIZE/CONNECTIONS` or `SIZE/CONNECTIONS/LATENCY_MS`, as in `100k/32/50`."""
        size, connections, *latency = text.split("/")
        if size not in pictures.SIZES:
            raise ValueError(f"size {size!r} is none of {', '.join(pictures.SIZES)}")
        return cls(size, int(connections), float(latency[0]) if latency else 0.0)

    def __str__(self) -> str:
        return f"{self.size} pictures, {self.connections} connections, provider takes {self.latency_ms:g} ms"


@dataclass(frozen=True)
class Observed:
    """A window's outcome beside what the provider saw."""

    outcome: Outcome
    held: int
    """The most requests that were open at the provider at once."""


class Bench:
    """Opens windows, each with a number of its own."""

    def __init__(self, upstream: str, folder: Path) -> None:
        self._upstream = upstream
        self._folder = folder
        self._numbers = itertools.count(1)

    def verify(self, service: Service) -> None:
        """Raise unless the target hands back pictures of every size, whole."""
        for size in pictures.SIZES.values():
            self._set_scene(size, 0)
            service.verify(service.body(next(self._numbers)).replace(SERIAL, "0" * 9), size)
        service.forget_pictures()

    def load(self, service: Service, cell: Cell, seconds: float) -> Observed:
        """Load for `seconds`, or with 0 send one request on each connection at once."""
        size = pictures.SIZES[cell.size]
        measure.touch_memory(self._folder, min(_TOUCHED_PICTURES * size, _TOUCHED_MOST))
        self._set_scene(size, cell.latency_ms)
        inline = service.target.stores is None
        order = Order(
            port=service.port,
            path=service.target.path,
            headers=service.headers,
            body=service.body(next(self._numbers)),
            connections=cell.connections,
            seconds=seconds,
            warmup=0.25 + cell.latency_ms / 1000,
            least_bytes=size * 4 // 3 if inline else 1,
            root=service.pid,
        )
        return self._audited(_run(order), service)

    def _set_scene(self, size: int, latency_ms: float) -> None:
        """Have the provider answer so from now on, counting from zero."""
        scene = {"picture_bytes": size, "latency_ms": latency_ms}
        request("POST", f"{self._upstream}/scene", json.dumps(scene).encode())

    def _audited(self, outcome: Outcome, service: Service) -> Observed:
        """Add to the errors whatever does not add up: calls to the provider, requests sent, pictures stored."""
        counts: dict[str, int] = json.loads(request("GET", f"{self._upstream}/counts")[1])
        stored = service.forget_pictures()
        errors = dict(outcome.errors)
        if double := counts["calls"] - counts["requests"]:
            errors["double calls"] = double
        if counts["requests"] != outcome.sent:
            errors["requests without a call"] = outcome.sent - counts["requests"]
        if service.target.stores and stored != outcome.sent:
            errors["pictures not stored"] = outcome.sent - stored
        return Observed(replace(outcome, errors=errors), counts["held"])


def _run(order: Order) -> Outcome:
    """Run the load generator in a process of its own."""
    command = (sys.executable, str(HERE / "load.py"))
    done = subprocess.run(command, input=json.dumps(asdict(order)), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the load generator failed:\n{done.stderr[-2000:]}")
    return Outcome(**json.loads(done.stdout))
