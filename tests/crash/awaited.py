"""What is asked of the service and not there yet: nothing in these lists is tried. They are to become empty."""

from typing import Final

CHECKS: Final = frozenset(
    {
        "_orphans",  # a picture that was stored before a kill, and not yet written down, stays for an hour
    }
)
"""Names of checks of the books."""

KINDS: Final = frozenset({"many"})  # `imagegen worker`, and a queue on Valkey
"""Kinds of fleet."""

TESTS: Final = [
    "test_canceling.py",  # cancel by id
    "test_freezing.py",  # leases: needs a fleet of many
    "test_once.py",  # Idempotency-Key
    "test_outages.py",  # a spool for pictures, and a fleet of many
]
"""Files of tests."""
