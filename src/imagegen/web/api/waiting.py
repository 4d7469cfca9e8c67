"""How long a caller is willing to wait (`Prefer: wait=N`, RFC 7240)."""

import re
from typing import Final

PATIENCE: Final = 100.0
"""Seconds that `/v1/generate` waits unless told otherwise: below the 100 to 120 s after which proxies cut a call."""
LONGEST: Final = 600.0

_WAIT: Final = re.compile(r'(?:^|[,;\s])wait\s*=\s*("?)(\d{1,6})\1(?:$|[,;\s])', re.IGNORECASE)


def wait_seconds(prefer: str | None, default: float) -> float:
    """The seconds to wait; a preference that cannot be read is none."""
    found = _WAIT.search(prefer or "")
    return min(float(found.group(2)), LONGEST) if found else default
