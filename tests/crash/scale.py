"""How far a run goes: short with every other test, far when the environment says so."""

import os
import random
from typing import Final

FULL: Final = os.environ.get("IMAGEGEN_TEST_CRASH_SCALE") == "full"
ROUNDS: Final = int(os.environ.get("IMAGEGEN_TEST_CRASH_ROUNDS", "2"))
SEED: Final = int(os.environ.get("IMAGEGEN_TEST_CRASH_SEED", random.SystemRandom().getrandbits(32)))


def scaled(short: int, full: int) -> int:
    """One of two sizes."""
    return full if FULL else short
