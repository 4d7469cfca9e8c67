"""The load generator: a closed loop of HTTP/1.1 connections, in a process of its own.

    python load.py < order.json > outcome.json

Each connection asks again as soon as it is answered. Answers are received into one shared buffer and only measured,
never kept, so that reading 2 MiB costs a few `recv_into` and no copy. At both ends of the measured time the target's
processes are read from /proc by this process itself, so that nothing else falls into the window.
"""

import asyncio
import contextlib
import json
import os
import statistics
import sys
import time
from collections import Counter
from dataclasses import asdict
from typing import Final, cast

import uvloop

import measure
from order import SERIAL, Order, Outcome

_BUFFER: Final = 1 << 18
_DRAIN_SECONDS: Final = 60.0
_BURST_SECONDS: Final = 120.0


class Load:
    """The state that all connections share."""

    def __init__(self, order: Order) -> None:
        body = order.body.replace(SERIAL, "0" * 9).encode()
        headers = {"host": f"127.0.0.1:{order.port}", "content-length": str(len(body)), **order.headers}
        head = f"POST {order.path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items())
        self._before, self._after = (head + "\r\n" + order.body).encode().split(SERIAL.encode())
        self.order = order
        self.buffer = memoryview(bytearray(_BUFFER))
        self.latencies: list[float] = []
        self.errors: Counter[str] = Counter()
        self.sent = self.open = 0
        self.measuring = self.stopping = False
        self.enough, self.idle = asyncio.Event(), asyncio.Event()
        self.tasks: set[asyncio.Task[None]] = set()

    def next_request(self) -> bytes:
        """A request whose number was never sent before."""
        self.sent += 1
        self.open += 1
        return b"%b%09d%b" % (self._before, self.sent, self._after)

    def answered(self, seconds: float, status: int, size: int) -> None:
        """Record one whole answer."""
        self._close()
        if status not in {200, 201}:
            self.errors[str(status)] += 1
        elif size < self.order.least_bytes:
            self.errors["short"] += 1
        elif self.measuring:
            self.latencies.append(seconds)
            if len(self.latencies) == self.order.connections:
                self.enough.set()

    def broken(self) -> None:
        """Record a request whose connection ended before its answer did."""
        self._close()
        self.errors["disconnected"] += 1

    def _close(self) -> None:
        self.open -= 1
        if not self.open:
            self.idle.set()

    async def connect(self) -> "Connection":
        """One more connection, not yet asking."""
        loop = asyncio.get_running_loop()
        return (await loop.create_connection(lambda: Connection(self), "127.0.0.1", self.order.port))[1]

    def reconnect(self) -> None:
        """Replace a connection that the target closed."""

        async def again() -> None:
            (await self.connect()).ask()

        task = asyncio.create_task(again())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


class Connection(asyncio.BufferedProtocol):
    """One connection: a request, its answer, the next request."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._head = b""
        self._status = self._size = self._missing = 0
        self._started = 0.0
        self._waiting = self._last = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; nothing is asked yet."""
        self.transport = cast("asyncio.Transport", transport)

    def ask(self) -> None:
        """Send the next request."""
        self._waiting = True
        self._started = time.perf_counter()
        self.transport.write(self._load.next_request())

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - the protocol's signature
        """Receive into the one buffer: it is read before anything else can be received."""
        return self._load.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Follow the framing; the answer is complete when as many bytes came as its head announced."""
        if self._missing:
            self._missing -= nbytes
        else:
            self._head += self._load.buffer[:nbytes]
            head, found, body = self._head.partition(b"\r\n\r\n")
            if not found:
                return
            self._read_head(head.lower(), len(body))
        if not self._missing:
            self._complete()

    def _read_head(self, head: bytes, received: int) -> None:
        length = head.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]
        self._status, self._size = int(head[9:12]), int(length)
        self._missing = self._size - received
        self._last = b"\r\nconnection: close" in head
        self._head = b""

    def _complete(self) -> None:
        self._waiting = False
        self._load.answered(time.perf_counter() - self._started, self._status, self._size)
        if self._last or self._load.stopping:
            self.transport.close()
        else:
            self.ask()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's signature
        """Count the request that was under way, if any, and go on with a new connection."""
        if self._waiting:
            self._load.broken()
        if not self._load.stopping:
            self._load.reconnect()


async def run(order: Order) -> Outcome:
    """Load the target as ordered."""
    load = Load(order)
    connections = [await load.connect() for _ in range(order.connections)]
    burst = not order.seconds
    if not burst:
        for connection in connections:
            connection.ask()
        await asyncio.sleep(order.warmup)
    pids, own = measure.tree(order.root), [os.getpid()]
    measure.forget_peak(pids)
    load.measuring = True
    cpu, own_cpu, started = measure.cpu_seconds(pids), measure.cpu_seconds(own), time.perf_counter()
    if burst:
        load.stopping = True
        for connection in connections:
            connection.ask()
        await _drain(load, _BURST_SECONDS)
    else:
        await _measured_time(load)
    took = time.perf_counter() - started
    cpu, own_cpu = measure.cpu_seconds(pids) - cpu, measure.cpu_seconds(own) - own_cpu
    peak = measure.peak_mib(pids)
    load.measuring, load.stopping = False, True
    await _drain(load, _DRAIN_SECONDS)
    return _outcome(load, took, cpu, peak, own_cpu / took)


async def _measured_time(load: Load) -> None:
    """Wait the ordered time, and on a slow target until each connection was answered once, up to eight times that."""
    seconds = load.order.seconds
    await asyncio.sleep(seconds)
    await _at_most(7 * seconds, load.enough)


async def _drain(load: Load, seconds: float) -> None:
    """Wait for the answers under way, so that what was sent and what was answered can be compared."""
    load.idle.clear()
    if load.open:
        await _at_most(seconds, load.idle)
    if load.open:
        load.errors["unanswered"] = load.open


async def _at_most(seconds: float, event: asyncio.Event) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


def _outcome(load: Load, took: float, cpu: float, peak: float, generator_share: float) -> Outcome:
    answers = len(load.latencies)
    hundredths = statistics.quantiles(load.latencies, n=100, method="inclusive") if answers > 1 else [float("nan")] * 99
    return Outcome(
        seconds=took,
        answers=answers,
        per_second=answers / took,
        p50=hundredths[49] * 1000,
        p99=hundredths[98] * 1000,
        cpu_per_1000=cpu / answers * 1000 if answers else float("nan"),
        cpu_seconds=cpu,
        peak=peak,
        generator_share=generator_share,
        sent=load.sent,
        errors=dict(load.errors),
    )


if __name__ == "__main__":
    print(json.dumps(asdict(uvloop.run(run(Order(**json.load(sys.stdin)))))))
