"""Where a service may run: the embedded defaults, or Postgres and an S3 bucket with a provider on a socket."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest

from e2e.service import COMMAND, clean_environment
from servers.s3 import S3Account
from wire.gemini import FakeGemini
from wire.openai import FakeOpenAI

Variables = dict[str, str]


@pytest.fixture
def bucket(s3_server: S3Account) -> Variables:
    """The variables of an empty bucket."""
    name = f"walk-{uuid4().hex}"
    s3_server.create_bucket(name)
    return {
        "IMAGEGEN_STORAGE_URL": "r2:",
        "R2_ENDPOINT_URL": s3_server.endpoint,
        "R2_BUCKET": name,
        "R2_ACCESS_KEY_ID": s3_server.access_key,
        "R2_SECRET_ACCESS_KEY": s3_server.secret_key,
    }


@pytest.fixture
def migrated(postgres_database: str) -> Variables:
    """The variables of a Postgres database that `imagegen migrate` has prepared."""
    variables = {"IMAGEGEN_DATABASE_URL": postgres_database}
    subprocess.run([COMMAND, "migrate"], env=clean_environment(**variables), check=True, capture_output=True)
    return variables


@contextmanager
def gemini() -> Iterator[Variables]:
    """The variables of a Gemini that answers on a socket."""
    with FakeGemini() as fake:
        yield {"GOOGLE_API_KEY": "test-key", "GEMINI_BASE_URL": fake.url}


@contextmanager
def openai() -> Iterator[Variables]:
    """The variables of an OpenAI that answers on a socket."""
    with FakeOpenAI() as fake:
        yield {"OPENAI_API_KEY": "test-key", "OPENAI_BASE_URL": fake.url}


@pytest.fixture(params=["embedded", "gemini", "openai"])
def setup(request: pytest.FixtureRequest) -> Iterator[Variables]:
    """The variables of a whole setup: the defaults, or Postgres, S3 and a provider on a socket."""
    if request.param == "embedded":
        yield {}
        return
    provider: Callable[[], object] = {"gemini": gemini, "openai": openai}[request.param]
    outside = request.getfixturevalue("migrated") | request.getfixturevalue("bucket")
    with provider() as variables:  # type: ignore[attr-defined]  # both are context managers
        yield outside | variables
