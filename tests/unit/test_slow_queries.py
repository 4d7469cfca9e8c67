"""What takes the database long is flagged in the log, and nothing of it is quoted."""

import asyncio
import logging
from typing import Any

import pytest

from builders import PROMPT, new_generation, new_user
from imagegen.adapters.database.engine import Engine
from imagegen.adapters.database.transaction import SLOW_SECONDS
from imagegen.adapters.database.unit_of_work import SqlUnitOfWork
from imagegen.domain.pages import PageRequest
from imagegen.domain.ports import GenerationFilter


class Sluggish(Engine):
    """An engine that takes its time and finds nothing."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def _late(self) -> list[Any]:
        await asyncio.sleep(self._seconds)
        return []

    async def start(self) -> None:
        """Nothing to connect."""

    async def look_up(self, query: Any, values: Any) -> Any:
        """Nothing, late."""
        return await self._late()

    async def scan(self, query: Any, values: Any) -> Any:
        """Nothing, late."""
        return await self._late()

    async def apply(self, writes: Any) -> None:
        """Forget the writes, late."""
        await self._late()

    async def check(self) -> None:
        """It answers."""

    async def verify(self) -> None:
        """It is whole."""

    async def close(self) -> None:
        """Nothing to close."""


@pytest.mark.parametrize(("seconds", "flagged"), [(SLOW_SECONDS + 0.01, 3), (0.0, 0)])
async def test_a_slow_query_is_flagged_by_its_tables(
    caplog: pytest.LogCaptureFixture, seconds: float, flagged: int
) -> None:
    """A look-up, a scan and a commit that take over a second each leave a line; quick ones leave none."""
    user = new_user()
    generation = new_generation(user)
    with caplog.at_level(logging.WARNING, "imagegen.database"):
        async with SqlUnitOfWork(Sluggish(seconds)) as work:
            await work.generations.find(generation.id)
            await work.generations.page(user.id, GenerationFilter(words=("zebra",)), PageRequest())
            work.generations.add(generation)
            await work.commit()
    found = [vars(record) for record in caplog.records]
    assert len(found) == flagged
    assert all({"kind", "tables", "duration_ms"} <= record.keys() for record in found)
    assert all("generations" in record["tables"] or "page" in record["tables"] for record in found)
    assert PROMPT not in caplog.text
    assert "zebra" not in caplog.text
