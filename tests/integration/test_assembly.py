"""The machine that is put together, running."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from imagegen.adapters.queues.in_process import InProcessQueue
from imagegen.bootstrap import assemble
from imagegen.bootstrap.assembly import Assembly
from imagegen.domain.errors import Unavailable
from imagegen.domain.identifiers import GenerationId
from imagegen.settings import Settings
from imagegen.worker import Worker

QUOTED = "a fox that nobody may read about"


class Broken(InProcessQueue):
    """A queue with a defect."""

    async def consume(self, handle: Callable[[GenerationId], Awaitable[None]]) -> None:
        """Break."""
        raise ValueError(QUOTED)


@pytest.fixture
def assembly(tmp_path: Path) -> Assembly:
    """A machine with a database and a store in a folder of their own."""
    return assemble(Settings.load({"IMAGEGEN_DATA_DIR": str(tmp_path)}))


async def test_a_worker_that_ends_by_itself_stops_the_service(
    assembly: Assembly, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody's job is taken that nobody would draw: the service is told to stop, not to be ready, and why."""
    stopping = asyncio.Event()
    worker = Worker(application=assembly.application, queue=Broken(), events=assembly.dispatch.events)
    broken = replace(assembly, worker=worker)

    async def serve() -> None:
        async with broken.running(stopping.set):
            await stopping.wait()
            with pytest.raises(Unavailable):
                await broken.worker.check()

    with pytest.raises(Unavailable):
        await serve()
    assert "ValueError" in caplog.text
    assert QUOTED not in caplog.text


async def test_a_worker_that_was_asked_to_end_stops_nothing(assembly: Assembly) -> None:
    """The end of the service is the end of its worker, and nobody is told to stop a second time."""
    stopping = asyncio.Event()
    async with assembly.running(stopping.set):
        await asyncio.sleep(0)
    assert not stopping.is_set()
