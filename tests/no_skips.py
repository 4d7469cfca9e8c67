"""In CI nothing is skipped: there, a skip is a failure that gives the skip's reason.

A developer may lack a server or a browser, and then skips; a build that skips would promise what it has not tried.
"""

import os
from collections.abc import Generator
from typing import Final, TypeVar

import pytest

IN_CI: Final = os.environ.get("CI", "").lower() in {"1", "true"}

AnyReport = TypeVar("AnyReport", pytest.TestReport, pytest.CollectReport)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Refuse a skipped test."""
    return refused((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Refuse a skipped file."""
    return refused((yield))


def refused(report: AnyReport) -> AnyReport:
    """The same report; in CI, failed if it was skipped. An expected failure is no skip."""
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    return report
