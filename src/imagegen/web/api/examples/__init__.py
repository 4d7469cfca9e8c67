"""What bodies look like, for the API reference: the newcomer's walk, step by step."""

from collections.abc import Mapping
from typing import Any, Final

from imagegen.web.api.examples import accounts, events, generations, operations, webhooks
from imagegen.web.api.examples.problems import PROBLEM

EXAMPLES: Final[Mapping[str, Any]] = {
    **accounts.EXAMPLES,
    **generations.EXAMPLES,
    **events.EXAMPLES,
    **webhooks.EXAMPLES,
    **operations.EXAMPLES,
    "Problem": PROBLEM,
    "ProblemFault": {"pointer": "/size", "message": "A size is like 1024x1024, or auto."},
}
"""An example for each object that is sent or answered, by the name of its schema in the document."""
