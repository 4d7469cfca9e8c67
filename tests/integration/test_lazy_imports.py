"""What is not used is not imported: an SDK costs half a second and tens of megabytes per process."""

import subprocess
import sys
import textwrap

import pytest

SDKS = ("google.genai", "openai", "boto3", "httpx", "httpx2", "PIL", "redis", "saq")
WEB = ("litestar", "uvicorn")

CONNECTED = """
from imagegen.adapters.model_book import load_models
from imagegen.adapters.providers import REGISTRY

environment = {"GOOGLE_API_KEY": "made-up", "OPENAI_API_KEY": "made-up"}
for name in REGISTRY:
    assert REGISTRY.configured(name, environment)
    REGISTRY.connect(name, environment, load_models())
"""
DRAWN_BY_OPENAI = """
import asyncio
import sys
sys.path.insert(0, "tests")
from imagegen.adapters.model_book import load_models
from imagegen.adapters.providers import REGISTRY
from imagegen.domain.errors import ProviderUnreachable
from imagegen.domain.images import ImageRequest

async def ask():
    environment = {"OPENAI_API_KEY": "made-up", "OPENAI_BASE_URL": "http://127.0.0.1:1"}
    provider = REGISTRY.connect("openai", environment, load_models())
    try:
        await provider.generate(ImageRequest(prompt="a cat", model="gpt-image-2"), count=1, deadline=9)
    except ProviderUnreachable:
        await provider.close()

asyncio.run(ask())
"""
ONE_PROCESS = """
from imagegen.adapters.queues import open_queue

open_queue("in-process:", concurrency=1, grace=1)
"""


def imported_by(program: str) -> set[str]:
    """Those of the SDKs, and of what serves HTTP, that a fresh interpreter has imported after a program."""
    report = f"import sys\nprint(*(name for name in {SDKS + WEB!r} if name in sys.modules))"
    finished = subprocess.run(
        [sys.executable, "-c", f"{textwrap.dedent(program)}\n{report}"], check=True, capture_output=True, text=True
    )
    return set(finished.stdout.split())


@pytest.mark.parametrize("program", [CONNECTED, DRAWN_BY_OPENAI, ONE_PROCESS])
def test_no_sdk_is_imported_before_it_is_used(program: str) -> None:
    """Neither to know which providers are configured, nor to connect them, nor by those that need none."""
    assert imported_by(program) == set()


@pytest.mark.parametrize("name", ["worker_process", "supervisor"])
def test_who_answers_no_request_loads_nothing_for_it(name: str) -> None:
    """Neither a process that draws nor the one above those that serve."""
    assert imported_by(f"import imagegen.{name}") == set()


def test_an_import_would_be_seen() -> None:
    """The tests above can fail."""
    assert "PIL" in imported_by("import PIL")
    assert set(WEB) <= imported_by("import imagegen.server")
