"""What the load generator is told and what it tells: the two sides of one window."""

from dataclasses import dataclass, field
from typing import Final

SERIAL: Final = "{serial}"
"""Where in an order's body the number of the request goes, in nine digits."""


@dataclass(frozen=True)
class Order:
    """What to send, to whom, and for how long."""

    port: int
    path: str
    headers: dict[str, str]
    body: str
    connections: int
    seconds: float
    """How long to measure; 0 sends one request on each connection, all at the same moment."""
    warmup: float
    """Seconds of load before the measuring starts."""
    least_bytes: int
    """A shorter answer is an error."""
    root: int
    """The process whose tree is measured."""


@dataclass(frozen=True)
class Outcome:
    """What came back in the measured time; latencies in milliseconds, memory in MiB."""

    seconds: float
    answers: int
    per_second: float
    p50: float
    p99: float
    cpu_per_1000: float
    """CPU seconds of the target's processes for 1,000 answers."""
    cpu_seconds: float
    peak: float
    generator_share: float
    """CPU of this generator, as a share of one core: near 1, it was the limit."""
    sent: int
    """All requests sent, those of the warm-up and after the measured time included."""
    errors: dict[str, int] = field(default_factory=dict)
    """All that was not a good answer, by kind, from the first request to the last."""
