"""What is installed is what was written: the wheel is whole, and the project file tells the truth."""

import ast
import email
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import imagegen

ROOT = Path(imagegen.__file__).parents[2]


UNIMPORTED = {
    "zxcvbn",  # its list of common passwords is read as data
}
"""Dependencies that imagegen needs without importing them."""


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    """The project file."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    """The wheel, built from this tree."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as archive:
        yield archive


def inside(wheel: zipfile.ZipFile, folder: str) -> set[str]:
    """The paths of the files in a folder of the wheel, from that folder on."""
    return {name.removeprefix(folder) for name in wheel.namelist() if name.startswith(folder)}


def files(folder: Path, pattern: str = "*") -> set[str]:
    """The paths of the files in a folder of this tree, from that folder on, without what Python made."""
    found = (path for path in folder.rglob(pattern) if path.is_file() and path.suffix != ".pyc")
    return {path.relative_to(folder).as_posix() for path in found}


def test_wheel_holds_the_whole_package(wheel: zipfile.ZipFile) -> None:
    """Every file under src/imagegen is in the wheel: modules, the mark of types, the model book, the reference."""
    assert files(ROOT / "src/imagegen") <= inside(wheel, "imagegen/")
    assert {"py.typed", "web/reference/page.html", "web/reference/swagger-ui/LICENSE"} <= inside(wheel, "imagegen/")


def test_wheel_holds_the_migrations(wheel: zipfile.ZipFile) -> None:
    """An installed imagegen can make its tables."""
    assert inside(wheel, "imagegen/migrations/") >= files(ROOT / "migrations", "*.py") | {"script.py.mako"}


def test_wheel_holds_a_page_for_each_problem(wheel: zipfile.ZipFile) -> None:
    """An installed imagegen can explain its errors."""
    assert inside(wheel, "imagegen/web/problem_pages/") == files(ROOT / "docs/problems")


def test_wheel_holds_nothing_else(wheel: zipfile.ZipFile) -> None:
    """Neither tests nor caches are installed, and nothing beside the package itself."""
    tops = {name.partition("/")[0] for name in wheel.namelist()}
    assert tops == {"imagegen", f"imagegen-{imagegen.__version__}.dist-info"}
    assert not [name for name in wheel.namelist() if "__pycache__" in name]


def test_version_is_said_once(wheel: zipfile.ZipFile, project: dict[str, Any]) -> None:
    """The package, its metadata and the changelog name the same version, and the project file takes it from there."""
    metadata = email.message_from_bytes(wheel.read(f"imagegen-{imagegen.__version__}.dist-info/METADATA"))
    assert metadata["Version"] == imagegen.__version__
    assert project["project"]["dynamic"] == ["version"]
    headings = re.findall(r"^## \[?([\w.]+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert imagegen.__version__ in headings


def test_every_dependency_is_used(project: dict[str, Any]) -> None:
    """What is installed with imagegen is imported by it, or argued in `UNIMPORTED`."""
    declared = {canonicalize_name(Requirement(line).name) for line in project["project"]["dependencies"]}
    used = {canonicalize_name(name) for module in imported() for name in packages_distributions().get(module, ())}
    assert declared - used == UNIMPORTED


def test_every_import_is_declared(project: dict[str, Any]) -> None:
    """What imagegen imports is among its dependencies, not the luck of another's."""
    declared = {canonicalize_name(Requirement(line).name) for line in project["project"]["dependencies"]}
    for module in imported() - sys.stdlib_module_names - {"imagegen"}:
        providers = {canonicalize_name(name) for name in packages_distributions()[module]}
        assert providers & declared, f"{module} is imported, but none of {providers} is declared"


def test_constraints_name_no_place() -> None:
    """The pinned versions hold for any registry: each line is a name, a version and at most a marker."""
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert lines
    assert [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.]+( ; .+)?", line)] == []


def test_constraints_allow_what_is_declared(project: dict[str, Any]) -> None:
    """Every direct dependency, the developer's too, is pinned within its range."""
    text = (ROOT / "constraints.txt").read_text()
    pinned = dict(re.findall(r"^([\w.-]+)==([\w.]+)", text, re.MULTILINE))
    groups = [line for group in project["dependency-groups"].values() for line in group if isinstance(line, str)]
    for requirement in map(Requirement, project["project"]["dependencies"] + groups):
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)]), requirement


def imported() -> set[str]:
    """The top-level names that imagegen and its migrations import, wherever in a module."""
    paths = [*(ROOT / "src").rglob("*.py"), *(ROOT / "migrations").rglob("*.py")]
    nodes = [node for path in paths for node in ast.walk(ast.parse(path.read_text()))]
    plain = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    parts = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    return {name.partition(".")[0] for name in plain | parts}
