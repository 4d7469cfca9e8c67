"""Ports are promises: who claims one must keep all of it."""

from inspect import getmembers, isclass, isfunction

import pytest

from imagegen.domain import ports
from imagegen.domain.ports import BlobStore, GenerationFilter

PORTS = [
    port
    for _, port in getmembers(ports, isclass)
    if port.__module__.startswith(f"{ports.__name__}.") and hasattr(port, "_is_protocol")
]


class ForgetfulStore(BlobStore):
    """Claims to be a blob store, and can only check."""

    async def check(self) -> None:
        """Nothing is wrong."""


def test_an_adapter_that_forgets_a_method_cannot_be_made() -> None:
    """A gap shows when the service starts, and not at the first call."""
    with pytest.raises(TypeError, match="abstract"):
        ForgetfulStore()  # type: ignore[abstract]  # which is the point


@pytest.mark.parametrize("port", PORTS, ids=lambda port: port.__name__)
def test_every_method_of_a_port_is_a_promise(port: type) -> None:
    """Each is abstract, so that no adapter inherits a method that does nothing."""
    methods = {name for name, value in vars(port).items() if isfunction(value) or isinstance(value, property)}
    assert methods - {"__init__", "__subclasshook__"} == getattr(port, "__abstractmethods__", None)


def test_a_filter_says_nothing_unless_asked() -> None:
    """The empty filter matches everything."""
    assert GenerationFilter() == GenerationFilter(status=None, words=(), favorite=None)
