"""The core needs nothing but Python: whoever reads it need know no library, and no library can break it."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import imagegen

SOURCE = Path(imagegen.__file__).parent
MODULES = [path for part in ("domain", "application") for path in sorted((SOURCE / part).rglob("*.py"))]
INWARDS = {"domain": {"imagegen.domain"}, "application": {"imagegen.application", "imagegen.domain"}}


def imported(tree: ast.Module) -> Iterator[str]:
    """The full names of everything that is imported, at whatever depth."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


def test_there_is_a_core() -> None:
    """The modules that the next test reads are really there."""
    assert {path.relative_to(SOURCE).parts[0] for path in MODULES} == {"domain", "application"}
    assert SOURCE / "domain" / "generations.py" in MODULES


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_the_core_imports_the_standard_library_and_itself(path: Path) -> None:
    """The domain knows itself, the use cases know the domain, and neither knows anything else."""
    names = set(imported(ast.parse(path.read_text(encoding="utf-8"))))
    foreign = {name for name in names if name.partition(".")[0] not in sys.stdlib_module_names}
    assert {".".join(name.split(".")[:2]) for name in foreign} <= INWARDS[path.relative_to(SOURCE).parts[0]]
