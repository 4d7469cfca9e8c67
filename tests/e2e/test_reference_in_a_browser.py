"""The API reference as a reader sees it: in a browser that reaches nothing but the service."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.service import serving


@pytest.fixture
def chromium() -> str:
    """The command of a Chromium."""
    command = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if command is None:
        pytest.skip("no Chromium is installed; on Debian: apt-get install chromium")
    return command


@pytest.fixture
def service(tmp_path: Path) -> Iterator[str]:
    """The address of a running service."""
    with serving(tmp_path, {}) as service:
        yield service.url


def look_at(chromium: str, url: str, folder: Path) -> tuple[str, list[str]]:
    """The page at `url` after its scripts ran, and what the browser's console says."""
    options = [
        "--headless",
        "--no-sandbox",  # it refuses to run as root otherwise
        "--disable-background-networking",
        f"--user-data-dir={folder}",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # there is no internet
        "--virtual-time-budget=10000",
        "--enable-logging=stderr",
        "--dump-dom",
    ]
    browser = subprocess.run([chromium, *options, url], capture_output=True, text=True, check=True, timeout=120)
    return browser.stdout, re.findall(r"CONSOLE.*", browser.stderr)


def test_reference_renders_with_nothing_from_elsewhere(chromium: str, service: str, tmp_path: Path) -> None:
    """Every operation is shown, and the browser had nothing to refuse under the page's policy, nothing to miss."""
    page, console = look_at(chromium, f"{service}/docs", tmp_path / "browser")
    assert console == []
    for path in ("/v1/generate", "/v1/generations", "/v1/keys", "/v1/auth/register", "/v1/usage"):
        assert f'data-path="{path}"' in page
