"""Who imports whom is what the architecture says."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import imagegen

SOURCE = Path(imagegen.__file__).parent
CORE = sorted(path for layer in ("domain", "application") for path in (SOURCE / layer).rglob("*.py"))


def imported(source: str) -> Iterator[str]:
    """The top-level packages that a module names, wherever in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0] if not node.level else "imagegen"


def test_import_contracts_hold() -> None:
    """The contracts in pyproject.toml are kept: directions, layers, neighbors, cycles."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    outcome = subprocess.run(command, cwd=SOURCE.parents[1], capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_core_needs_only_python(path: Path) -> None:
    """Domain and application import the standard library and imagegen, whatever else is installed.

    The contracts name the libraries that are forbidden; this closes the door to those that nobody thought of.
    """
    assert set(imported(path.read_text())) <= sys.stdlib_module_names | {"imagegen"}
