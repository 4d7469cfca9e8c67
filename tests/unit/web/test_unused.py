"""What Litestar is not to load."""

import sys
from importlib import import_module

import pytest

from imagegen.web.unused import without_unused

PACKAGE = "xml.sax"
MODULE = "xml.sax.expatreader"


@pytest.fixture(autouse=True)
def not_loaded() -> None:
    """A package that nobody here has loaded so far."""
    for name in [name for name in sys.modules if name.startswith(PACKAGE)]:
        del sys.modules[name]


def test_what_is_hidden_cannot_be_loaded_meanwhile() -> None:
    """It is as if it were not installed, with all that is in it; afterwards it can be loaded, whatever went wrong."""
    with pytest.raises(ModuleNotFoundError), without_unused([PACKAGE]):
        import_module(MODULE)
    assert import_module(MODULE).__name__ == MODULE


def test_what_was_loaded_before_stays() -> None:
    """Whoever has loaded it goes on with the same one."""
    loaded = import_module(MODULE)
    with without_unused([PACKAGE]):
        assert import_module(MODULE) is loaded
    assert import_module(MODULE) is loaded
