"""What is told of a generation while it is watched."""

from msgspec import Struct

from imagegen.domain.generations import Status


class StatusView(Struct, frozen=True):
    """The state that it has come to."""

    status: Status


class ProgressView(Struct, frozen=True):
    """The part that is done, from 0.0 to 1.0, and how many go before it while it is queued."""

    progress: float
    queue_position: int | None
