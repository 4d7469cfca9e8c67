"""What is logged of an error that nobody foresaw."""

import logging
import sys
import traceback


def report(logger: logging.Logger, message: str, *arguments: object) -> None:
    """Log where the error that is being handled broke and of what type it is.

    Not what it says: its text may quote a prompt, and not every handler of a log leaves that out.
    """
    error = sys.exception()
    frames = "".join(traceback.format_tb(error.__traceback__)) if error else ""
    logger.error("%s: %s\n%s", message % arguments, type(error).__name__, frames)
