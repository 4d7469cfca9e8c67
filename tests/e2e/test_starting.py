"""What a start loads, and that it looks for no garbage: nearly all the time that a start takes goes into loading."""

import subprocess
import sys
from pathlib import Path
from typing import Final

import httpx

from e2e.service import clean_environment, client_of, serving

USED: Final = {"aiosqlite", "argon2", "click", "litestar", "sqlalchemy.sql", "uvicorn", "uvloop"}
UNUSED: Final = {
    "PIL.Image", "alembic", "asyncpg", "boto3", "botocore", "cryptography", "google.genai", "httpx", "httpx2", "jose",
    "openai", "polyfactory", "pydantic_core", "redis", "saq", "sqlalchemy.ext.asyncio", "sqlalchemy.orm", "websockets",
    "zxcvbn",
}  # fmt: skip
"""By a module that nobody looks for in vain, for that is told as well."""

LOOK_AT_THE_COLLECTOR: Final = """
import gc
import logging
import signal
from imagegen.cli import main

class Looking(logging.Handler):
    def emit(self, record):
        print(gc.isenabled(), gc.get_stats()[2]["collections"], gc.get_freeze_count())
        signal.raise_signal(signal.SIGTERM)

logging.getLogger("imagegen.server").addHandler(Looking())
main(["serve", "--port", "0"])
"""


def test_a_service_is_ready_with_what_it_uses(tmp_path: Path) -> None:
    """Nothing is loaded by then that only a request, a migration or another setting needs."""
    with serving(tmp_path, {"PYTHONPROFILEIMPORTTIME": "1"}) as service, client_of(service) as client:
        assert client.get("/health/ready").status_code == httpx.codes.OK
    told = (line.rpartition(b"|")[2].strip().decode() for line in service.lines if line.startswith(b"import time:"))
    assert (USED | UNUSED).intersection(told) == USED


def test_a_service_begins_to_look_for_garbage_when_it_listens(tmp_path: Path) -> None:
    """Then, and not before; and never among what the start has left."""
    started = subprocess.run(
        [sys.executable, "-c", LOOK_AT_THE_COLLECTOR],
        cwd=tmp_path,
        env=clean_environment(),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    looks, looked, frozen = started.stdout.split()
    assert (looks, looked) == ("True", "0")
    assert int(frozen) > 10_000
