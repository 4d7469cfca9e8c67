"""What is asked of the service and not there yet: nothing in these lists is tried. They are to become empty."""

from typing import Final

CHECKS: Final = frozenset(
    {
        "_orphans",  # receipts of ended calls, and half-written files, stay for an hour
    }
)
"""Names of checks of the books."""

KINDS: Final = frozenset[str]()
"""Kinds of fleet."""

TESTS: Final = list[str]()
"""Files of tests."""
