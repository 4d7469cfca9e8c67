"""The rule that CI skips nothing, tried on suites that do."""

import subprocess
import sys
from pathlib import Path

import pytest

SKIPS = """
import pytest
def test_skipped(): pytest.skip("no browser")
@pytest.mark.xfail
def test_expected_to_fail(): assert False
"""
SKIPS_ALL = """
import pytest
pytest.skip("no server", allow_module_level=True)
"""


def run(folder: Path, suite: str, *, ci: str) -> subprocess.CompletedProcess[str]:
    """Run a suite with the rule, in an environment where CI is `ci`."""
    (folder / "test_suite.py").write_text(suite)
    command = [sys.executable, "-m", "pytest", "-p", "no_skips", "-p", "no:cacheprovider", "--rootdir", str(folder)]
    environment = {"CI": ci, "PYTHONPATH": str(Path(__file__).parents[1]), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(
        [*command, "test_suite.py"], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(("suite", "reason"), [(SKIPS, "no browser"), (SKIPS_ALL, "no server")])
def test_a_skip_fails_in_ci(tmp_path: Path, suite: str, reason: str) -> None:
    """A skipped test, or a skipped file, fails the run and its reason is told."""
    outcome = run(tmp_path, suite, ci="true")
    assert outcome.returncode != 0
    assert "skipped in CI" in outcome.stdout
    assert reason in outcome.stdout


def test_a_skip_is_a_skip_elsewhere(tmp_path: Path) -> None:
    """On a developer's machine a skip stays a skip, and an expected failure is neither."""
    outcome = run(tmp_path, SKIPS, ci="")
    assert outcome.returncode == 0, outcome.stdout
    assert "1 skipped, 1 xfailed" in outcome.stdout
