"""When the things of the examples happened."""

from typing import Final

CREATED: Final = "2027-01-15T09:26:53.589793Z"
FINISHED: Final = "2027-01-15T09:27:01.238462Z"
