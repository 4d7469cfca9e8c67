"""Scripted faults: tags in a prompt that make `sketch` fail as a real provider would, to test a client with.

    [[fault:provider_busy]]                            fails with that code, every time
    [[fault:provider_busy;retry_after=3;times=1]]      says to wait 3 seconds; fails once, and draws from then on
    [[fault:content_blocked;stage=output]]             blocks the picture, not the prompt
    [[fault:outcome_unknown;billed=yes]]               says that it was billed
    [[slow:2.5]]                                       takes 2.5 seconds longer; with a fault, fails after them

The codes are those of a failed generation: content_blocked, no_image, provider_busy, provider_unreachable,
provider_misbehaved, provider_account, outcome_unknown, deadline_exceeded, storage_unavailable, canceled. A tag that
says anything else is plain text. `times` counts per prompt.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from imagegen.domain.errors import PROVIDER_ERRORS, Billed, ProviderError, Stage

_TAG: Final = re.compile(r"\[\[(fault|slow):([a-z_]+|[0-9]+(?:\.[0-9]+)?)((?:;[a-z_]+=[a-z0-9.]+)*)\]\]")
_OPTIONS: Final[Mapping[str, Any]] = {"retry_after": float, "times": int, "stage": Stage, "billed": Billed}


@dataclass(frozen=True, slots=True)
class Script:
    """What a prompt without its tags asks for, the seconds to take longer, and the error to fail with."""

    prompt: str
    slow: float = 0.0
    error: ProviderError | None = None


@dataclass(slots=True)
class FaultScripts:
    """Reads the tags of prompts, and counts how often each prompt has failed already."""

    _failed: Counter[str] = field(default_factory=Counter)

    def read(self, prompt: str) -> Script:
        """What the tags say for this call."""
        slow, error = 0.0, None
        for tag in _TAG.finditer(prompt):
            kind, value, options = tag.groups()
            if kind == "slow" and value[0].isdigit():
                slow = float(value)
            elif kind == "fault" and value in PROVIDER_ERRORS:
                error = self._error(prompt, value, options)
        return Script(_TAG.sub("", prompt).strip() or prompt, slow, error)

    def _error(self, prompt: str, code: str, options: str) -> ProviderError | None:
        try:
            said = {name: _OPTIONS[name](value) for name, value in _pairs(options)}
        except (KeyError, ValueError):  # no such option, or not a value of it
            return None
        times = said.pop("times", None)
        self._failed[prompt] += 1
        if times is not None and self._failed[prompt] > times:
            return None
        return PROVIDER_ERRORS[code](**said)


def _pairs(options: str) -> list[tuple[str, str]]:
    return [(name, value) for name, _, value in (option.partition("=") for option in options.split(";") if option)]
