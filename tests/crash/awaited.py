"""What is asked of the service and not there yet: nothing in this list is checked. It is to become empty."""

from typing import Final

AWAITED: Final = frozenset(
    {
        "_orphans",  # a picture that was stored before a kill, and not yet written down, stays for an hour
    }
)
