"""What Litestar loads where it is installed, although nobody here uses it there: half of a start. See decision 23."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

UNUSED: Final = ("advanced_alchemy", "pydantic")
"""The one for a class of pages, with the ORM and the dialects of five databases; the other for bodies in its form."""


@contextmanager
def without_unused(packages: Iterable[str] = UNUSED) -> Iterator[None]:
    """Let them look as if they were not installed; one that was loaded already stays what it is."""
    hidden = [package for package in packages if package not in sys.modules]
    # `None` is how Python itself notes that there is no such module.
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for package in hidden:
            del sys.modules[package]
