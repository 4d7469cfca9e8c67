"""What is told to whoever watches a generation."""

from collections.abc import Mapping
from typing import Any, Final

EXAMPLES: Final[Mapping[str, Any]] = {
    "EventView": {"id": "1.4", "event": "progress", "data": '{"progress":0.0,"queue_position":3}'},
    "StatusView": {"status": "running"},
    "ProgressView": {"progress": 0.0, "queue_position": 3},
}

EVENTS: Final = """\
id: 1.0
event: status
data: {"status":"queued"}

id: 1.2
event: progress
data: {"progress":0.0,"queue_position":1}

: still here

id: 2.0
event: status
data: {"status":"running"}

id: 2.1
event: progress
data: {"progress":0.0,"queue_position":null}

id: 3.1
event: image
data: {"id":"img_01946961-680e-70c5-b1d2-e3f405162738","generation_id":…}

id: 4.0
event: status
data: {"status":"succeeded"}

id: 5.0
event: done
data: {"id":"gen_01946961-4a35-7b34-9f6a-1c2d3e4f5a6b","status":"succeeded",…}

"""
"""What is told to whoever watches a generation, with much of it cut out."""
