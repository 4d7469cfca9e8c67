"""The service does what its OpenAPI document says: whatever the document allows or forbids is tried."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from house import a_house
from imagegen.web.app import WebOptions

HOOKS = Path(__file__).parent / "schema_hooks.py"

CONFIG = """
hooks = {hooks}
suppress-health-check = ["filter_too_much"]

[generation]
max-examples = 15
deterministic = true
# NUL is refused by a rule that no schema can say, and Postgres could not keep it; it is tried elsewhere.
allow-x00 = false

[checks.positive_data_acceptance]
# What is invalid all the same is judged by a check of our own, which knows why.
expected-statuses = ["2xx", 304, 401, 403, 404, 409, 416, 422]
"""


class Serving(threading.Thread):
    """A house served on a port of its own, in a thread of its own."""

    def __init__(self) -> None:
        super().__init__(name="serving", daemon=True)
        self.house = a_house(options=WebOptions(hosts=("*",)))
        self.url = ""
        self.listening = threading.Event()
        self.loop = asyncio.new_event_loop()
        self.done = asyncio.Event()

    def run(self) -> None:
        """Serve until it is done."""
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        async with self.house.listening() as port:
            self.url = f"http://127.0.0.1:{port}"
            self.listening.set()
            await self.done.wait()


@pytest.fixture
def serving() -> Iterator[Serving]:
    """A house that is served."""
    serving = Serving()
    serving.start()
    assert serving.listening.wait(60)
    yield serving
    serving.loop.call_soon_threadsafe(serving.done.set)
    serving.join(60)


def test_the_service_keeps_to_its_document(serving: Serving, tmp_path: Path) -> None:
    """Examples, boundaries, random requests and sequences of them: all checks of schemathesis hold.

    Among them: no 5xx; statuses, types, headers and bodies as documented; what is invalid is refused, what is valid
    is not; credentials are not ignored; other methods are 405; what was deleted is gone.
    """
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG.format(hooks=f'"{HOOKS}"'))
    run = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", "--config-file", config, "run", f"{serving.url}/openapi.json"],
        env=os.environ | {"SCHEMA_TARGET": serving.url},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    paths = httpx.get(f"{serving.url}/openapi.json").json()["paths"]
    assert f"Tested: {sum(map(len, paths.values()))}\n" in run.stdout
    assert not [line for line in serving.house.lines if b'"status":5' in line]
