"""What is asked of the service and not there yet: nothing in these lists is tried. They are to become empty."""

from typing import Final

CHECKS: Final = frozenset(
    {
        "_orphans",  # receipts of ended calls, and half-written files, stay for an hour
    }
)
"""Names of checks of the books."""

KINDS: Final = frozenset({"many"})  # `imagegen worker`, and a queue on Valkey
"""Kinds of fleet."""

TESTS: Final = [
    "test_freezing.py",  # leases: needs a fleet of many
    "test_outages.py",  # a spool for pictures, and a fleet of many
]
"""Files of tests."""
