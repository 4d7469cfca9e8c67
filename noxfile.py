"""The one way to run anything: `nox` runs what CI runs, `nox --list` shows the rest.

Sessions run in the environment that nox itself is installed in: a developer has one environment, and it is the one that
is tested. The groups in pyproject.toml say what is in it. Words after `--` are handed on: `nox -s unit -- -k cursor`.
"""

import sys
from pathlib import Path
from typing import Final

import nox

TOOLS: Final = Path(sys.executable).parent

SUITES: Final = {
    "unit": "Our rules, without input or output.",
    "contract": "Every adapter against the promises of its port, the real servers included.",
    "integration": "What only the real thing shows: migrations, restarts, sockets.",
    "property": "The rules, for inputs that nobody thought of.",
    "e2e": "The installed command, as a stranger would use it.",
    "consistency": "Code, contracts, packaging and documentation still agree.",
}

nox.options.default_venv_backend = "none"
nox.options.sessions = ["tests"]


def run(session: nox.Session, tool: str, *arguments: str) -> None:
    session.run(str(TOOLS / tool), *arguments)


def add_suite(folder: str, answer: str) -> None:
    def suite(session: nox.Session) -> None:
        run(session, "pytest", f"tests/{folder}", *session.posargs)

    suite.__doc__ = answer
    nox.session(name=folder)(suite)


for folder, answer in SUITES.items():
    add_suite(folder, answer)


@nox.session
def lint(session: nox.Session) -> None:
    """Style and layout; a docstring for everything public, tests included."""
    run(session, "ruff", "check")
    run(session, "ruff", "format", "--check")


@nox.session
def types(session: nox.Session) -> None:
    """Types, strictly, in the tests too."""
    run(session, "mypy")


@nox.session
def imports(session: nox.Session) -> None:
    """Who may import whom."""
    run(session, "lint-imports")


@nox.session
def tests(session: nox.Session) -> None:
    """Everything, exactly as CI runs it."""
    for check in (lint, types, imports):
        check(session)
    run(session, "pytest", "--numprocesses", "auto", "--dist", "worksteal", *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """Which lines and branches no test reaches."""
    run(session, "coverage", "erase")
    run(session, "coverage", "run", "-m", "pytest", *session.posargs)
    run(session, "coverage", "combine", "--quiet")
    run(session, "coverage", "report")


@nox.session
def crash(session: nox.Session) -> None:
    """A hundred times kill -9 under load, and the figures; see docs/reliability.md."""
    prove(session, "killing", rounds=100)


@nox.session
def soak(session: nox.Session) -> None:
    """Faults, floods and outages at full size, and the figures; see docs/reliability.md."""
    prove(session, "not killing", rounds=10)


def prove(session: nox.Session, tests: str, *, rounds: int) -> None:
    figures = Path(session.create_tmp()).absolute() / "figures.jsonl"
    figures.unlink(missing_ok=True)
    session.env.update(
        IMAGEGEN_TEST_CRASH_SCALE="full",
        IMAGEGEN_TEST_CRASH_ROUNDS=str(rounds),
        IMAGEGEN_TEST_CRASH_FIGURES=str(figures),
    )
    run(session, "pytest", "tests/crash", "-k", tests, *session.posargs)
    run(session, "python", "tests/crash/report.py", str(figures))


@nox.session
def build(session: nox.Session) -> None:
    """The wheel and the source archive, into dist/."""
    run(session, "hatchling", "build", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """imagegen beside a bare floor, as ratios; see docs/benchmarks.md."""
    run(session, "python", "benchmarks/run.py", *(session.posargs or ["--quick"]))


@nox.session
def constraints(session: nox.Session) -> None:
    """Renew constraints.txt within the ranges of pyproject.toml."""
    # Neither a registry's address nor a machine's path goes into the file.
    plain = ("--universal", "--no-emit-index-url", "--no-annotate", "--custom-compile-command", "nox -s constraints")
    run(
        session,
        *("uv", "pip", "compile", "pyproject.toml", "--group", "dev", "--python-version", "3.11"),
        *(*plain, "--upgrade", "--quiet", "--output-file", "constraints.txt"),
    )
