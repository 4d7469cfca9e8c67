"""What is told of a generation while it is watched."""

from typing import Annotated, Any, Final, Literal, Self

import msgspec
from msgspec import Meta, Struct

from imagegen.domain.generations import Generation, Status
from imagegen.domain.images import Image
from imagegen.domain.snapshots import Event, Progress
from imagegen.web.api.views.generations import Address, GenerationView, ImageView


class StatusView(Struct, frozen=True, forbid_unknown_fields=True):
    """The state that it has come to."""

    status: Status


class ProgressView(Struct, frozen=True, forbid_unknown_fields=True):
    """The part that is done, from 0.0 to 1.0, and how many go before it while it is queued."""

    progress: float
    queue_position: int | None


_VIEWS: Final = (StatusView, ProgressView, ImageView, GenerationView)
_JSON: Final[dict[str, Any]] = {
    "contentMediaType": "application/json",
    "contentSchema": {"anyOf": [{"$ref": f"#/components/schemas/{view.__name__}"} for view in _VIEWS]},
}
_BREAKS: Final = str.maketrans({mark: f"\\u{ord(mark):04x}" for mark in "\u0085\u2028\u2029"})
"""Line breaks that JSON leaves in its strings: they end no line of a stream, but some of those who read it think so."""


class EventView(Struct, frozen=True):
    """One event of the stream, by the fields that it has there. `data` is JSON, on one line."""

    id: str
    event: Literal["status", "progress", "image", "done"]
    data: Annotated[str, Meta(extra_json_schema=_JSON)]

    @classmethod
    def of(cls, event: Event, address: Address) -> Self:
        """The event, with images under their addresses."""
        match event.about:
            case Status() as status:
                return cls(event.id, "status", _text(StatusView(status)))
            case Progress() as progress:
                return cls(event.id, "progress", _text(ProgressView(progress.done, progress.queue_position)))
            case Image() as image:
                return cls(event.id, "image", _text(ImageView.of(image, address)))
            case Generation() as generation:
                return cls(event.id, "done", _text(GenerationView.of(generation, address)))


def _text(view: Struct) -> str:
    return msgspec.json.encode(view).decode().translate(_BREAKS)
