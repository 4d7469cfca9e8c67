"""What is logged of an error that nobody foresaw."""

import logging
import sys
import traceback
from collections.abc import Iterator


def report(logger: logging.Logger, message: str, *arguments: object) -> None:
    """Log where the error that is being handled broke and of what type it is.

    Not what it says: its text may quote a prompt, and not every handler of a log leaves that out.
    """
    logger.error("%s: %s", message % arguments, "\n".join(map(_told, _leaves(sys.exception()))))


def _leaves(error: BaseException | None) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _leaves(one)
    elif error is not None:
        yield error


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}\n{''.join(traceback.format_tb(error.__traceback__))}"
