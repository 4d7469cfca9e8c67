"""What is measured: how each target is started, asked, and where in its answer the picture is."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from order import SERIAL

HERE: Final = Path(__file__).parent
PROMPT: Final = f"A red bicycle on a quay at dawn, bench-{{window}}-{SERIAL}"
"""The prompt of every request; its end names the window and the request, so that each is unlike all others."""

_OPENAI_PATH: Final = "/v1/images/generations"
_OPENAI_BODY: Final = {"model": "gpt-image-1", "prompt": PROMPT}
_UVICORN: Final = ("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "error")


@dataclass(frozen=True)
class Site:
    """What the targets of one run share."""

    upstream: str
    """The base URL of the fake provider."""
    folder: Path
    imagegen: Path
    """The imagegen command."""
    litellm: Path | None = None
    """The litellm command, of an environment of its own."""
    postgres: str | None = None
    """The URL of an empty database for imagegen."""


@dataclass(frozen=True)
class Target:
    """One thing that answers requests for pictures. `{port}` in the command and the environment is its port."""

    name: str
    command: tuple[str, ...]
    path: str
    body: dict[str, str]
    picture: Callable[[Any], str]
    """Finds the picture in a decoded answer: base64, a data URL or a URL."""
    environment: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    setup: tuple[str, ...] = ()
    """A command that must have run once before the first start."""
    health: str = "/health"
    registers: bool = False
    """Whether a user is registered and a key issued over HTTP after each start."""
    stores: Path | None = None
    """The folder that the pictures are stored in, if they are: one file for each."""


def direct() -> Target:
    """The fake provider itself, asked without anything between: what added latency is measured from."""
    command = (sys.executable, str(HERE / "upstream.py"), "{port}")
    return Target("direct", command, _OPENAI_PATH, _OPENAI_BODY, _b64_json, health="/counts")


def floor(site: Site) -> Target:
    """The bare server and client of `floor.py`: what the ratios refer to."""
    environment = {"UPSTREAM": site.upstream}
    return Target("floor", _uvicorn("floor:app"), "/v1/generate", _OPENAI_BODY, _b64_json, environment)


def recipe(site: Site) -> Target:
    """The usual recipe of `recipe.py`."""
    return Target(
        "recipe",
        _uvicorn("recipe:app"),
        "/v1/generate",
        {"prompt": PROMPT},
        lambda answer: str(answer["image_url"]),
        {"UPSTREAM": site.upstream, "DATABASE": str(site.folder / "recipe" / "recipe.db")},
        {"authorization": "Bearer sk-bench"},
    )


def litellm(site: Site) -> Target:
    """LiteLLM's proxy with a master key: without a database it keeps no keys, no usage and no pictures."""
    config = site.folder / "litellm.json"  # JSON is YAML
    model = {"model": "openai/gpt-image-1", "api_base": site.upstream + "/v1", "api_key": "sk-bench"}
    entry = {"model_name": "gpt-image-1", "model_info": {"mode": "image_generation"}, "litellm_params": model}
    config.write_text(
        json.dumps(
            {
                "model_list": [entry],
                "general_settings": {"master_key": "sk-bench"},
                "litellm_settings": {"num_retries": 0, "set_verbose": False, "drop_params": True},
            }
        )
    )
    options = ("--host", "127.0.0.1", "--port", "{port}", "--telemetry", "False")
    return Target(
        "litellm",
        (str(site.litellm), "--config", str(config), *options),
        _OPENAI_PATH,
        _OPENAI_BODY,
        _b64_json,
        {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"},
        {"authorization": "Bearer sk-bench"},
        health="/health/liveliness",
    )


def imagegen(site: Site) -> Target:
    """Everything on: accounts and keys, job rows, SQLite, pictures on the local disk; OpenAI as the provider."""
    openai = {
        "IMAGEGEN_PROVIDERS": "openai",
        "OPENAI_API_KEY": "sk-bench",
        "OPENAI_BASE_URL": site.upstream + "/v1",
    }
    return _imagegen(site, "imagegen", openai)


def imagegen_gemini(site: Site) -> Target:
    """The same with Gemini as the provider."""
    gemini = {
        "IMAGEGEN_PROVIDERS": "gemini",
        "GOOGLE_API_KEY": "bench",
        "GEMINI_BASE_URL": site.upstream,
    }
    return _imagegen(site, "imagegen-gemini", gemini)


def imagegen_postgres(site: Site) -> Target:
    """The same as `imagegen` on Postgres."""
    assert site.postgres is not None
    database = {"IMAGEGEN_DATABASE_URL": site.postgres}
    return _imagegen(site, "imagegen-postgres", {**imagegen(site).environment, **database}, ("migrate",))


TARGETS: Final[dict[str, Callable[[Site], Target]]] = {
    "floor": floor,
    "imagegen": imagegen,
    "imagegen-gemini": imagegen_gemini,
    "imagegen-postgres": imagegen_postgres,
    "recipe": recipe,
    "litellm": litellm,
}


def _imagegen(site: Site, name: str, environment: dict[str, str], setup: tuple[str, ...] = ()) -> Target:
    data = site.folder / name / "data"
    return Target(
        name,
        (str(site.imagegen), "serve"),
        "/v1/generate",
        {"prompt": PROMPT},
        lambda answer: str(answer["url"]),
        {
            **environment,
            "IMAGEGEN_HOST": "127.0.0.1",
            "IMAGEGEN_PORT": "{port}",
            "IMAGEGEN_DATA_DIR": str(data),
        },
        setup=(str(site.imagegen), *setup) if setup else (),
        health="/health/live",
        registers=True,
        stores=data / "images",
    )


def _uvicorn(app: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "uvicorn", *_UVICORN, "--app-dir", str(HERE), "--port", "{port}", app)


def _b64_json(answer: Any) -> str:
    return str(answer["data"][0]["b64_json"])
