"""The log of a process: one JSON object a line; never a secret, a prompt or a picture."""

import logging
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

RequestId = Callable[[], str | None]

_PLAIN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


def _nobody() -> str | None:
    return None


class JsonFormatter(logging.Formatter):
    """A log record as one JSON object; what was given as `extra` becomes members.

    `request_id` tells the id of the request on whose behalf something is logged, if there is one.
    """

    def __init__(self, request_id: RequestId = _nobody) -> None:
        super().__init__()
        self._request_id = request_id

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if (request_id := self._request_id()) is not None:
            line["request_id"] = request_id
        line |= {name: value for name, value in vars(record).items() if name not in _PLAIN}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line, enc_hook=str).decode()

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the name is logging's
        """Where it broke and what kind of error it was, but not what it says: that may quote a prompt or a secret."""
        error: BaseException | None = ei[1]
        parts = []
        while error is not None:
            parts.append("".join(traceback.format_tb(error.__traceback__)) + type(error).__qualname__)
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        return "\nbecause of\n".join(parts)


def configure_logging(request_id: RequestId = _nobody) -> None:
    """Send every logger of the process to standard error as JSON lines."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter(request_id))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for noisy in ("alembic", "httpx2", "google_genai", "botocore", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
