"""What an ASGI server loads: settings, assembly, application."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from imagegen.bootstrap import assemble
from imagegen.bootstrap.assembly import Assembly
from imagegen.settings import Settings
from imagegen.web.app import WebOptions, create_app

if TYPE_CHECKING:  # `imagegen.web` is to load Litestar
    from litestar.types import ASGIApp


def serving(settings: Settings, assembly: Assembly) -> ASGIApp:
    """The HTTP application of an assembly, which runs while the server's lifespan does."""
    options = WebOptions(
        hosts=settings.hosts,
        cors_origins=settings.cors_origins,
        public_url=settings.public_url,
        log_prompts=settings.log_prompts,
    )
    return create_app(assembly.application, options, running=assembly.running, write_log=_write)


def create() -> ASGIApp:
    """The application as the environment describes it: `uvicorn --factory imagegen.asgi:create`.

    What bounds a request before it is one belongs to the server: add `--http imagegen.web.connection:Connection`.
    """
    settings = Settings.load(os.environ, Path.cwd())
    return serving(settings, assemble(settings))


def _write(line: bytes) -> None:
    sys.stderr.buffer.write(line)
    sys.stderr.buffer.flush()
