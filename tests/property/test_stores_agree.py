"""Whatever is done to them, memory, SQLite and Postgres cannot be told apart."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from operations.machine import Stores
from operations.reading import Operations
from stores import STORES, open_store


@pytest.fixture
def stores(request: pytest.FixtureRequest) -> Iterator[Stores]:
    """An empty store of each kind."""
    urls = {kind: request.getfixturevalue(f"{kind}_url") for kind in STORES}
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        kinds = {kind: runner.run(stack.enter_async_context(open_store(url))) for kind, url in urls.items()}
        yield Stores(runner, kinds)
        runner.run(stack.aclose())


def test_stores_agree(stores: Stores) -> None:
    """Any sequence of operations ends in the same way on all stores, and leaves the same behind."""

    class OperationsHere(Operations):
        """The operations on these stores."""

        def __init__(self) -> None:
            super().__init__(stores)

    run_state_machine_as_test(
        OperationsHere,
        settings=settings(
            max_examples=50, stateful_step_count=80, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
