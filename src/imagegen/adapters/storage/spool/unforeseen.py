"""What nobody foresaw in a store or its client: no reason to lose a picture that was paid for."""

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from imagegen.domain.errors import StorageUnavailable

logger = logging.getLogger("imagegen.storage")


@contextmanager
def foreseen() -> Iterator[None]:
    """Raise every error that comes from the store as `StorageUnavailable`; one that is not is logged before."""
    try:
        yield
    except StorageUnavailable:
        raise
    except Exception as error:  # noqa: BLE001 - reported, and raised as what the spool is there for
        # Where it broke, but not what it says: an error's text may quote what was being stored.
        frames = "".join(traceback.format_tb(error.__traceback__))
        logger.error("the store raised %s\n%s", type(error).__name__, frames)  # noqa: TRY400
        raise StorageUnavailable("The store failed unexpectedly.") from None
